"""The header of a GGUF file: what a model is and how much memory its context takes.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rebuttal.errors import WeightsError

MAGIC = b"GGUF"
MAX_TEXT = 1 << 24
"""Bytes of one text in a header; more is no header."""

_NUMBERS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_TEXT, _ARRAY = 8, 9

Value = str | int | float | bool | list[int] | None


@dataclass(frozen=True)
class Header:
    """What a GGUF file says of itself; 0 where it does not say. Lengths are tokens."""

    architecture: str
    context_length: int
    token_bytes: int
    """Memory that one token takes in the context, keys and values in 16 bits."""


def read_header(file: Path) -> Header:
    """Read the header only. Raises WeightsError for what is no GGUF file."""
    try:
        with file.open("rb") as opened:
            return _header(_fields(opened))
    except OSError as exc:
        raise WeightsError(f"{file.name}: {exc.strerror or exc}") from exc
    except (struct.error, ValueError, KeyError, UnicodeDecodeError) as exc:
        raise WeightsError(
            f"{file.name}: not a GGUF file, or one that was cut", "Fetch or copy it again."
        ) from exc


def _fields(opened: BinaryIO) -> dict[str, Value]:
    """The fields before the tokenizer's, which are many and say nothing we ask for."""
    if opened.read(4) != MAGIC:
        raise ValueError("magic")
    version, _tensors, count = _unpack(opened, "IQQ")
    if version not in (2, 3):
        raise ValueError("version")
    fields: dict[str, Value] = {}
    for _ in range(int(count)):
        name = _text(opened)
        if name.startswith("tokenizer.") and f"{_architecture(fields)}.block_count" in fields:
            break
        fields[name] = _value(opened, int(_unpack(opened, "I")[0]))
    return fields


def _value(opened: BinaryIO, kind: int) -> Value:
    if kind == _TEXT:
        return _text(opened)
    if kind != _ARRAY:
        value = _unpack(opened, _NUMBERS[kind])[0]
        return value if isinstance(value, bool) else float(value) if kind in (6, 12) else int(value)
    inner, length = (int(part) for part in _unpack(opened, "IQ"))
    if inner == _TEXT:
        for _ in range(length):
            opened.seek(_length(opened), 1)
        return None
    if length > MAX_TEXT:
        raise ValueError("length")
    data = opened.read(struct.calcsize("<" + _NUMBERS[inner]) * length)
    return [int(number) for number in struct.unpack(f"<{length}{_NUMBERS[inner]}", data)]


def _text(opened: BinaryIO) -> str:
    return opened.read(_length(opened)).decode("utf-8")


def _length(opened: BinaryIO) -> int:
    length = int(_unpack(opened, "Q")[0])
    if length > MAX_TEXT:
        raise ValueError("length")
    return length


def _unpack(opened: BinaryIO, layout: str) -> tuple[int | float | bool, ...]:
    layout = "<" + layout
    return struct.unpack(layout, opened.read(struct.calcsize(layout)))


def _architecture(fields: dict[str, Value]) -> str:
    return str(fields.get("general.architecture", ""))


def _header(fields: dict[str, Value]) -> Header:
    name = _architecture(fields)

    def number(field: str) -> int:
        value = fields.get(f"{name}.{field}")
        return value if isinstance(value, int) else 0

    layers, heads = number("block_count"), number("attention.head_count")
    width = number("embedding_length") // heads if heads else 0
    per_head = (number("attention.key_length") or width) + (
        number("attention.value_length") or width
    )
    kv_heads = fields.get(f"{name}.attention.head_count_kv")
    every = (
        sum(kv_heads)
        if isinstance(kv_heads, list)
        else layers * (number("attention.head_count_kv") or heads)
    )
    return Header(name, number("context_length"), 2 * every * per_head)

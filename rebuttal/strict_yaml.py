"""One YAML file -> records, strictly: what was typed fits its field, or is refused by its line.

YAML's own idea of types is not used: only ``true``, ``false``, ``null`` and plain decimal numbers
are more than text, so that ``no``, ``012`` or ``2026-11-20`` stay what was typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import ValidationError

from rebuttal.errors import CatalogError
from rebuttal.records import Record

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16

Scalar = str | int | float | bool | None
Json = Scalar | tuple["Json", ...] | dict[str, "Json"]
Where = tuple[str | int, ...]
"""The keys and positions that lead to a value."""

R = TypeVar("R", bound=Record)

_WORDS: Mapping[str, Scalar] = {"true": True, "false": False, "null": None}
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?\Z")
_ELSEWHERE_NO_TEXT = re.compile(
    r"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|[yYnN])\Z"
)


def read_yaml(file: Path, name: str, shapes: Mapping[str, str]) -> Content:
    """The content of ``file``, called ``name`` in messages. Raises CatalogError.

    ``shapes`` says in words what fields with a pattern look like.
    """
    text = _text(file, name)
    try:
        _refuse_what_is_not_used(name, text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        hint = "Put a text with signs such as : # * & ! in quotes."
        line = mark.line + 1 if mark else 0
        raise _refusal(name, line, "", f"not YAML: {exc.problem or exc.context}", hint) from None
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1
        raise _refusal(name, line, "", f"the sign U+{ord(text[exc.position]):04X}") from None
    except (ValueError, OverflowError):  # PyYAML takes the number of "\UFFFFFFFF" for a sign's
        raise _refusal(name, 0, "", "a \\U escape that is no sign") from None
    if root is None:
        raise _refusal(name, 0, "", "is empty")
    return Content(name, root, shapes)


class Content:
    """What one file says, with the line of every field."""

    def __init__(self, name: str, root: yaml.Node, shapes: Mapping[str, str]) -> None:
        self._name = name
        self._shapes = shapes
        self._lines: dict[Where, int] = {}
        self._empty: list[Where] = []
        self._unclear: list[Where] = []
        self._tree: Json = self._value(root, ())

    def error(self, where: Where, words: str, hint: str = "") -> CatalogError:
        """A refusal that names the file, the closest line, and the field at ``where``."""
        above = (where[:end] for end in range(len(where), 0, -1))
        line = next((self._lines[known] for known in above if known in self._lines), 0)
        return _refusal(self._name, line, ".".join(map(_shown, where)), words, hint)

    def sections(self, *known: str) -> tuple[list[str], ...]:
        """The names in each of the ``known`` mappings of mappings; there must be no others."""
        if not isinstance(self._tree, dict):
            raise self.error((), f"a mapping is needed, with {' and '.join(known)}")
        for name in self._tree:
            if name not in known:
                raise self.error((name,), f"no such section (known: {', '.join(known)})")
        return tuple(self._names(name) for name in known)

    def parts(self, where: Where) -> list[Where] | None:
        """Where the parts of the list at ``where`` stand; None for what is no list."""
        value = self._at(where)
        if not isinstance(value, tuple):
            return None
        return [(*where, number) for number in range(len(value))]

    def record(
        self,
        kind: type[R],
        where: Where,
        given: Mapping[str, Json],
        *,
        settled: Mapping[str, Json] | None = None,
        plain: str = "",
    ) -> R:
        """The entry at ``where`` as a record; ``given`` are fields that the file may not set.

        ``settled`` take the place of what it says. A plain text is the field ``plain``, if named.
        """
        entry = self._at(where)
        if plain and isinstance(entry, str):
            entry = {plain: entry}
        if not isinstance(entry, dict):
            raise self.error(where, f"a {'name or a ' if plain else ''}mapping of fields is needed")
        for name in given:
            if name in entry:
                raise self.error((*where, name), f"no such field (known: {_fields(kind, given)})")
        self._refuse_loose_ends(where)
        try:
            return kind.model_validate({**entry, **given, **(settled or {})})
        except ValidationError as exc:
            error = exc.errors(include_url=False)[0]
        known = _fields(_record_at(kind, error["loc"][:-1]), given)
        field = self._part_of(where, error["loc"])
        if error["type"] == "missing":
            field = (*field, error["loc"][-1])
        words = _words(error["type"], error["input"], known)
        if error["type"] == "string_pattern_mismatch":
            words = self._shapes.get(str(field[-1]), words)
        raise self.error(field, words or error["msg"].removeprefix("Value error, "))

    def _names(self, section: str) -> list[str]:
        entries = self._at((section,))
        if isinstance(entries, dict):
            return list(entries)
        if (section,) in self._empty:
            return []
        raise self.error((section,), "a mapping is needed")

    def _refuse_loose_ends(self, where: Where) -> None:
        for path in self._empty:
            if path[: len(where)] == where:
                hint = "Remove the line; a text that begins with # needs quotes."
                raise self.error(path, "nothing stands here", hint)
        for path in self._unclear:
            # Fields of a record have a type that decides; what lies deeper may have none.
            if path[: len(where)] == where and len(path) > len(where) + 1:
                words = f"{_shown(self._at(path))} is text here and something else in other YAML"
                hint = "Put it in quotes, or write a plain number, true, false or null."
                raise self.error(path, words, hint)

    def _part_of(self, where: Where, loc: Where) -> Where:
        """``loc``, without the names that pydantic adds for the branches of a union."""
        for part in loc:
            if (*where, part) not in self._lines:
                break
            where = (*where, part)
        return where

    def _at(self, where: Where) -> Json:
        value = self._tree
        for part in where:
            if isinstance(value, dict):
                value = value.get(str(part))
            elif isinstance(value, tuple) and isinstance(part, int):
                value = value[part]
        return value

    def _value(self, node: yaml.Node, where: Where) -> Json:
        self._lines.setdefault(where, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return dict(self._pairs(node, where))
        if isinstance(node, yaml.SequenceNode):
            return tuple(self._value(part, (*where, i)) for i, part in enumerate(node.value))
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, where)

    def _pairs(self, node: yaml.MappingNode, where: Where) -> Iterator[tuple[str, Json]]:
        for key, child in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise _refusal(self._name, line, "", "a key is one plain text")
            name = self._storable(key, where)
            if key.tag == "tag:yaml.org,2002:merge":
                raise _refusal(self._name, line, "", "merge keys (<<) are not used here")
            if (*where, name) in self._lines:
                raise self.error((*where, name), f"stands here and again in line {line}")
            self._lines[(*where, name)] = line
            yield name, self._value(child, (*where, name))

    def _scalar(self, node: yaml.ScalarNode, where: Where) -> Scalar:
        text = self._storable(node, where)
        if node.style is not None:  # quoted, or a block of text
            return text
        if not text:
            self._empty.append(where)
            return None
        if text in _WORDS:
            return _WORDS[text]
        number = _NUMBER.match(text)
        if number:
            return float(text) if number[2] else int(text)
        if node.tag != "tag:yaml.org,2002:str" or _ELSEWHERE_NO_TEXT.match(text):
            self._unclear.append(where)
        return text

    def _storable(self, node: yaml.ScalarNode, where: Where) -> str:
        text = str(node.value)
        if "\0" in text or text.encode(errors="ignore").decode() != text:
            raise self.error(where, "holds NUL or half a sign (from an escape such as \\ud800)")
        return text


def _refusal(name: str, line: int, field: str, words: str, hint: str = "") -> CatalogError:
    place = f"{name}, line {line}" if line else name
    return CatalogError(": ".join(filter(None, (place, field, words))), hint)


def _text(file: Path, name: str) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as exc:
        raise _refusal(name, 0, "", exc.strerror or str(exc)) from None
    if len(data) > MAX_BYTES:
        raise _refusal(name, 0, "", f"larger than {MAX_BYTES // 1024} KiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise _refusal(name, line, "", "not UTF-8 text", "Save the file as UTF-8.") from None


def _refuse_what_is_not_used(name: str, text: str) -> None:
    documents = depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        words = ""
        if documents > 1:
            words = "a second document begins; one file holds one"
        elif depth > MAX_DEPTH:
            words = "nested too deeply"
        elif isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            words = "anchors and aliases (& and *) are not used here"
        elif getattr(event, "tag", None) is not None:
            words = "tags (!) are not used here"
        if words:
            line = event.start_mark.line + 1 if event.start_mark else 0
            raise _refusal(name, line, "", words, "A text that begins with such a sign: in quotes.")


def _words(kind: str, value: object, known: str) -> str:
    """What is wrong, by pydantic's kind of error; empty where pydantic says it well."""
    match kind:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return f"no such field (known: {known})"
        case "string_type" if isinstance(value, bool | int | float | None):
            return f"a text is needed: put {_shown(value)} in quotes"
        case "string_type":
            return "a text is needed"
        case "int_type" | "float_type" | "int_from_float":
            whole = "" if kind == "float_type" else "whole "
            return f"a plain {whole}number is needed, and {_shown(value)} is none"
        case "bool_type":
            return f"true or false is needed, not {_shown(value)}"
        case "dict_type" | "model_type" | "model_attributes_type":
            return "a mapping is needed"
        case _:
            return ""


def _shown(value: object) -> str:
    """A value as a person may have typed it, cut to what a message can hold."""
    if isinstance(value, bool | None):
        return str(value).lower() if value is not None else "null"
    if isinstance(value, dict | tuple):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = str(value)[:80]
    return text if text.isprintable() and text.strip() else repr(text)


def _fields(kind: type[Record], given: Mapping[str, Any]) -> str:
    return ", ".join(sorted(set(kind.model_fields) - set(given)))


def _record_at(kind: type[Record], loc: Where) -> type[Record]:
    """The record that lies at ``loc`` within ``kind``."""
    for name in loc:
        field = kind.model_fields.get(str(name))
        inner = get_args(field.annotation) if field else ()
        kind = next((t for t in inner if isinstance(t, type) and issubclass(t, Record)), kind)
    return kind

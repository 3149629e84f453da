"""Documents and zips as files come in: whole, changed, spoilt; and what an import makes of them."""

from __future__ import annotations

import io
import json
import random
import warnings
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rebuttal.document import json_of
from rebuttal.intake.debates import Arrivals, Whole
from rebuttal.settings import Settings, load_settings
from tests.branched import branched

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LIMITS = load_settings(max_import_kib=512)


def taken(data: bytes | str, settings: Settings = LIMITS) -> list[Whole]:
    """What an import makes of it."""
    file = io.BytesIO(data if isinstance(data, bytes) else data.encode())
    return list(Arrivals(file, settings, "c:me", NOW))


def only(data: bytes | str) -> Whole:
    (whole,) = taken(data)
    return whole


def without_ids(document: str) -> dict[str, Any]:
    """The document less the three fields that an import changes."""
    whole: dict[str, Any] = json.loads(document)
    for field in ("id", "imported_at", "rerun_of"):
        whole["debate"].pop(field, None)
    return whole


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    whole = json.loads(json_of(*branched()))
    change(whole)
    return json.dumps(whole)


def zipped(*entries: tuple[str, bytes | str], packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice
        with zipfile.ZipFile(file, "w", packed) as archive:
            for name, text in entries:
                archive.writestr(name, text)
    return file.getvalue()


def in_zip(*texts: str) -> bytes:
    return zipped(*((f"debates/{number}.json", text) for number, text in enumerate(texts)))


NASTY: tuple[Any, ...] = (
    *(None, True, -1, 0, 1e999, float("nan"), 10**30, 2**63, 0.5, [], {}, [[]], {"a": 1}),
    *("", "user", "\0", "\ud800", "\u202e", "a\nb", "../x", "t1", "t12", "t999", "lost"),
    *("x" * 9000, "2026-11-20T12:00:00", "9999-12-31T23:59:59-14:00", "\x1b[31m"),
)


def mutated(chance: random.Random) -> bytes:
    """A document or a zip with something wrong in it, in its bytes or in its values."""
    text = json_of(*branched())
    if chance.random() < 0.4:
        data = bytearray(text.encode() if chance.random() < 0.5 else in_zip(text, text))
        for _ in range(chance.randint(1, 8)):
            at = chance.randrange(len(data))
            data[at : at + chance.choice([0, 1, 1, 50])] = chance.randbytes(chance.randint(0, 9))
        return bytes(data)
    whole = json.loads(text)
    for _ in range(chance.randint(1, 3)):
        _spoil(whole, chance)
    bad = json.dumps(whole)
    return in_zip(text, bad) if chance.random() < 0.3 else bad.encode()


def _spoil(value: Any, chance: random.Random) -> None:
    """Change, drop or add something somewhere below ``value``."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not keys:
        return
    key = chance.choice(keys)
    if isinstance(value[key], dict | list) and value[key] and chance.random() < 0.85:
        _spoil(value[key], chance)
    elif chance.random() < 0.6:
        value[key] = chance.choice(NASTY)
    elif chance.random() < 0.5:
        del value[key]
    elif isinstance(value, dict):
        value[chance.choice(["x", "owner", "own_keys", "finished", "\x1b"])] = chance.choice(NASTY)
    else:
        value.append(value[key])

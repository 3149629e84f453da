"""What every store keeps, and what none does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from rebuttal.errors import InvalidInput
from rebuttal.records import Debate, Record, Turn

R = TypeVar("R", bound=Record)

MAX_INT = 2**63 - 1


def known(key: str) -> str:
    """``key`` where a store can look for it, else an id that nothing has."""
    return key if is_storable(key) else ""


def is_storable(value: object) -> bool:
    """Whether every store keeps this text, number or moment as it is."""
    match value:
        case str():
            return "\0" not in value and value.encode(errors="ignore").decode() == value
        case int():
            return abs(value) <= MAX_INT
        case float():
            return math.isfinite(value)
        case datetime():
            return value.tzinfo is not None
        case _:
            return True


def check_storable(field: str, value: object) -> None:
    """Raises InvalidInput naming the field."""
    if not is_storable(value):
        what = "text" if isinstance(value, str) else repr(value)
        raise InvalidInput(
            f"{field}: this {what} cannot be stored",
            "Text holds no NUL and no half character; a number has 64 bits; a moment has a "
            "time zone.",
        )


def refuse_unstorable(record: Record) -> None:
    """Raises InvalidInput naming the field."""
    for field, value in _leaves(record.model_dump(), ""):
        check_storable(field.lstrip("."), value)


def in_utc(record: R) -> R:
    """The same moments, told by one clock."""
    moments = {name: at.astimezone(UTC) for name, at in record if isinstance(at, datetime)}
    return record.model_copy(update=moments)


def check_tree(debate: Debate, turns: Sequence[Turn]) -> None:
    """Raises InvalidInput unless the turns are one tree, parents first, with the debate's tip."""
    there: set[str | None] = set()
    for number, turn in enumerate(turns):
        if turn.id in there or (turn.parent_id not in there if number else turn.parent_id):
            raise InvalidInput(
                f"turn {turn.id!r} has no place in a tree",
                "One turn begins it, and each other one follows a turn before it.",
            )
        there.add(turn.id)
    if debate.tip not in there:
        raise InvalidInput(f"debate {debate.id!r} ends with a turn that is not there")


def _leaves(value: object, field: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _leaves(part, f"{field}.{key}")
    elif isinstance(value, tuple):
        for number, part in enumerate(value):
            yield from _leaves(part, f"{field}.{number}")
    else:
        yield field, value

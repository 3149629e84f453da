"""What programs send and get, beside the records themselves."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from rebuttal.records import Debate, DebateState, Found, Id, Seat, Turn

Keys = Annotated[
    dict[Annotated[str, Field(max_length=200)], Annotated[str, Field(max_length=500)]],
    Field(
        max_length=20,
        description="Keys of your own by endpoint, for this debate alone, where the server allows "
        "it. They are kept in memory and shown to nobody.",
    ),
]
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:]{8}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
SEEN = r"[^\s\x1c-\x1f\x85\ufeff]"
"""A sign that somebody sees; the same to every kind of regular expression."""
Text = Annotated[str, Field(max_length=32_000)]
DEEPEST = 8
"""Nesting below which nothing is looked for; what programs may send has less."""


def _written(value: object) -> object:
    if isinstance(value, str) and not _MOMENT.fullmatch(value):
        raise ValueError("a moment is written as in 2026-11-20T12:00:00Z")
    return value


def _in_time(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("nothing is as early, or as late") from None


Moment = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_in_time)]


class Asked(BaseModel):
    """What a program sends: no field that is not known, nothing converted, but that 3.0 is 3."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _whole_numbers(cls, value: object) -> object:
        return whole(value)


def whole(value: object, depth: int = DEEPEST) -> object:
    """The same with numbers that are whole as such, as JSON Schema takes them."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not depth:
        return value
    if isinstance(value, dict):
        return {key: whole(part, depth - 1) for key, part in value.items()}
    return [whole(part, depth - 1) for part in value] if isinstance(value, list) else value


class Begin(Asked):
    """A debate to be. ``run`` false keeps it without letting anybody speak yet."""

    topic: Annotated[str, Field(min_length=1, max_length=32_000, pattern=SEEN)]
    seats: Annotated[list[Seat], Field(min_length=1, max_length=6)]
    rounds: Annotated[int, Field(ge=1, le=1000, description="Turns of every seat.")] = 3
    language: Annotated[str, Field(min_length=1, max_length=60, pattern=SEEN)] = "English"
    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    keys: Keys | None = None
    run: bool = True


class Saying(Asked):
    """A word of yours. Without rounds it is a note to those who speak next; without text it buys
    rounds.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["text"], "properties": {"text": {"pattern": SEEN}}},
                {"required": ["rounds"], "properties": {"rounds": {"minimum": 1}}},
            ]
        }
    )
    text: Text = ""
    rounds: Annotated[int, Field(ge=0, le=1000)] = 0


class Resume(Asked):
    """How to go on."""

    keys: Keys | None = None


class Regenerate(Asked):
    """Which turn is spoken anew; without one the last."""

    turn_id: Id | None = None


class Branch(Asked):
    """Where to go on, and with whom. Without ``rounds``: those that are owed there, or one."""

    after: Id
    seats: Annotated[list[Seat], Field(min_length=1, max_length=6)] | None = None
    text: Text = ""
    rounds: Annotated[int, Field(ge=0, le=1000)] | None = None


class Edit(Asked):
    """Other words for a turn."""

    turn_id: Id
    text: Annotated[str, Field(min_length=1, max_length=400_000, pattern=SEEN)]


class Choose(Asked):
    """The turn that the main line leads through."""

    turn_id: Id


_SEATS = Field(max_length=6, json_schema_extra={"additionalProperties": False})


class Rerun(Asked):
    """What is to be different; everything else is as it was. ``seats`` are by seat."""

    topic: Annotated[str, Field(min_length=1, max_length=32_000, pattern=SEEN)] | None = None
    rounds: Annotated[int, Field(ge=1, le=1000)] | None = None
    language: Annotated[str, Field(min_length=1, max_length=60, pattern=SEEN)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    seats: Annotated[dict[Id, Seat], _SEATS] | None = None
    keys: Keys | None = None


class Change(Asked):
    """What it is called (empty: by its topic), and whether it is above the others."""

    title: Annotated[str, Field(max_length=1000)] | None = None
    pinned: bool | None = None


class Answer(BaseModel):
    """What a program gets."""

    model_config = ConfigDict(frozen=True)


class Begun(Answer):
    """A new debate."""

    id: Id
    state: DebateState
    debate: Debate


class Read(Answer):
    """A debate and how it stands."""

    debate: Debate
    state: DebateState


class Standing(Answer):
    """How a debate stands after what was asked; ``tip`` is the last turn of its main line."""

    id: Id
    state: DebateState
    tip: Id


class Listed(Found):
    """A debate of a list. ``running``: it is spoken, or waits for a place, at this server."""

    running: bool


class DebatePage(Answer):
    """A part of a list. ``next`` is the cursor of the next part; null at the end."""

    items: tuple[Listed, ...]
    next: str | None


class TurnList(Answer):
    """Turns, each behind its parent."""

    items: tuple[Turn, ...]

"""What programs send and get, beside the records themselves."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from rebuttal.records import Debate, DebateState, Found, Id, Seat, Turn

Keys = Annotated[
    dict[Annotated[str, Field(max_length=200)], Annotated[str, Field(max_length=500)]],
    Field(
        max_length=20,
        description="Keys of your own by endpoint, for this debate alone, where the server allows "
        "it. They are kept in memory and shown to nobody.",
    ),
]
Text = Annotated[str, Field(max_length=32_000)]


class Asked(BaseModel):
    """What a program sends: no field that is not known, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Begin(Asked):
    """A debate to be. ``run`` false keeps it without letting anybody speak yet."""

    topic: Annotated[str, Field(min_length=1, max_length=32_000, pattern=r"\S")]
    seats: Annotated[list[Seat], Field(min_length=1, max_length=6)]
    rounds: Annotated[int, Field(ge=1, le=1000, description="Turns of every seat.")] = 3
    language: Annotated[str, Field(min_length=1, max_length=60, pattern=r"\S")] = "English"
    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    keys: Keys | None = None
    run: bool = True


class Saying(Asked):
    """A word of yours. Without rounds it is a note to those who speak next; without text it buys
    rounds.
    """

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
    text: Annotated[str, Field(min_length=1, max_length=400_000, pattern=r"\S")]


class Choose(Asked):
    """The turn that the main line leads through."""

    turn_id: Id


class Rerun(Asked):
    """What is to be different; everything else is as it was. ``seats`` are by seat."""

    topic: Annotated[str, Field(min_length=1, max_length=32_000, pattern=r"\S")] | None = None
    rounds: Annotated[int, Field(ge=1, le=1000)] | None = None
    language: Annotated[str, Field(min_length=1, max_length=60, pattern=r"\S")] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    seats: Annotated[dict[Id, Seat], Field(max_length=6)] | None = None
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


class DebatePage(Answer):
    """A part of a list. ``next`` is the cursor of the next part; null at the end."""

    items: tuple[Found, ...]
    next: str | None


class TurnList(Answer):
    """Turns, each behind its parent."""

    items: tuple[Turn, ...]

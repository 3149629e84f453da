"""What the events of branching, comparing and running again accept; see ``entries``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from rebuttal.catalog import Catalog
from rebuttal.errors import InvalidInput
from rebuttal.records import Id, Record
from rebuttal.ui.entries import (
    TICKET,
    Clean,
    Entry,
    Label,
    Language,
    PersonaKey,
    Rounds,
    SeatCount,
    Topic,
    WithKey,
    debate_of,
)
from rebuttal.ui.wrong import RELOAD
from rebuttal.wish import MAX_SEATS, MAX_SEED

# fmt: off
Act = Literal[
    "fresh", "edit", "branch", "choose", "beside",
    "tree", "main", "side", "doom", "prune",
]
# fmt: on
"""What can be asked of a turn, on the stage and in the tree; ``beside`` names another debate."""
IN_TREE: tuple[Act, ...] = ("tree", "main", "side", "doom", "prune")
"""Acts of the tree view; ``doom`` asks whether a branch shall go, ``prune`` lets it go."""

_ORDER = re.compile(r"\d{1,9} ([\w-]{1,64}) ([a-z]{1,12}) ([\w-]{1,64})", re.ASCII)
_SEED = re.compile(r"\d{0,10}", re.ASCII)


def _parts(value: object) -> object:
    """An order as page.js writes it: a number that makes it a new one, the debate, act and turn."""
    found = _ORDER.fullmatch(value) if isinstance(value, str) else None
    return dict(zip(("debate", "act", "turn"), found.groups(), strict=True)) if found else value


def _number(value: object) -> object:
    """Digits as a number, nothing as None."""
    if not isinstance(value, str):
        return value
    if not _SEED.fullmatch(value.strip()):
        raise ValueError("not a whole number")
    return int(value) if value.strip() else None


class TurnOrder(Record):
    """One thing to do with a turn."""

    debate: Id
    act: Act
    turn: Id


Showing = Annotated[str, Field(pattern=rf"^$|{TICKET}"), Clean]


class Tables(Entry):
    """The tickets of all tables, so that the one that shows a debate is found."""

    at_chat: Showing
    at_exchange: Showing
    at_debate: Showing

    def showing(self, debate_id: str) -> int | None:
        """The number of the table that shows that debate."""
        tickets = (self.at_chat, self.at_exchange, self.at_debate)
        shown = [at for at, ticket in enumerate(tickets) if debate_of(ticket) == debate_id]
        return shown[0] if shown else None


class Obey(Tables):
    """An order about a turn."""

    order: Annotated[TurnOrder, BeforeValidator(_parts)]


class AtTurn(Tables):
    """Something is to be done at a turn of a debate: two ids, as in a ticket."""

    place: Annotated[str, Field(pattern=TICKET)]

    @property
    def debate_id(self) -> str:
        """The debate."""
        return debate_of(self.place)

    @property
    def turn_id(self) -> str:
        """The turn."""
        return self.place.partition(" ")[2]


class Edited(AtTurn):
    """A turn in other words."""

    words: Annotated[str, Field(max_length=100_000), Clean]


class Chair(Record):
    """A seat of the form, in the order of its fields. The app knows who may sit there."""

    persona: PersonaKey
    model: Label
    stance: Annotated[str, Field(max_length=500), Clean] = ""


class Seated(AtTurn):
    """A table, and where it sits down."""

    seats: SeatCount
    places: Annotated[tuple[Chair, ...], Field(min_length=1, max_length=MAX_SEATS)]

    @classmethod
    def named(cls, values: Sequence[object], scope: Mapping[str, Any]) -> dict[str, object]:
        """What the other fields do not take fills the chairs."""
        names, columns = cls.sent(), list(Chair.model_fields)
        cells = values[len(names) :]
        if not cells or len(cells) % len(columns):
            raise InvalidInput(f"The form sent {len(values)} values, which fill no seats.", RELOAD)
        chairs = [cells[at : at + len(columns)] for at in range(0, len(cells), len(columns))]
        seated = tuple(dict(zip(columns, chair, strict=True)) for chair in chairs)
        return {**super().named(values[: len(names)], scope), "places": seated}

    @property
    def taken(self) -> tuple[Chair, ...]:
        """Those at which somebody sits."""
        return self.places[: self.seats]


class GoOn(Seated):
    """The debate shall go on behind a turn."""

    word: Topic
    rounds: Rounds


class RunAgain(WithKey, Seated):
    """The debate shall run again, as it was or with changes."""

    topic: Topic
    rounds: Rounds
    language: Language
    seed: Annotated[Annotated[int, Field(ge=0, le=MAX_SEED)] | None, BeforeValidator(_number)] = (
        None
    )

    def endpoints(self, catalog: Catalog) -> set[str]:
        """Where the models live that shall speak."""
        return catalog.endpoints_of([chair.model for chair in self.taken])


class Counted(Entry):
    """How many debaters there shall be."""

    seats: SeatCount


class Beside(Tables):
    """Two ends of a debate, to be looked at side by side or to choose from."""

    debate: Id
    left: Annotated[Id, Clean]
    right: Annotated[Id, Clean]

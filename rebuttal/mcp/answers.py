"""What tools answer: as little of our records as a model needs to go on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rebuttal.events import DebatePaused
from rebuttal.line import cast
from rebuttal.records import (
    USER,
    Debate,
    Debater,
    DebateState,
    Found,
    FoundPage,
    Panel,
    Persona,
    Record,
    Seat,
    Turn,
)

MODERATOR = "Moderator"


class Speaker(Record):
    """Who sits at a table."""

    seat: str
    name: str
    persona: str
    model: str
    stance: str | None = None


class Speech(Record):
    """What one said. A ``finish`` other than ``stop`` says what cut it."""

    turn_id: str
    name: str
    text: str
    finish: str


class Begun(Record):
    """A debate that has begun and goes on by itself."""

    debate_id: str
    debaters: tuple[Speaker, ...]


class Transcript(Record):
    """A debate as far as it has come."""

    debate_id: str
    topic: str
    state: DebateState
    problem: str = ""
    """Why it waits and what to do about it, where it does."""
    debaters: tuple[Speaker, ...]
    turns: tuple[Speech, ...]


class Stopped(Record):
    """How a debate stands after it was asked to stop."""

    debate_id: str
    state: DebateState


class Verdict(Record):
    """What a panel answers; the debate behind it is kept under its id."""

    debate_id: str
    answer: str
    problem: str = ""
    """Why there is no answer, or half of one, and what to do about it."""


class Hit(Record):
    """A debate that was found."""

    debate_id: str
    topic: str
    title: str | None
    begun: datetime
    finished: bool
    turns: int
    excerpt: str


class Hits(Record):
    """Debates that were found; ``more`` leads to the next ones."""

    debates: tuple[Hit, ...]
    more: str | None


class Seatable(Record):
    """A model that can be seated, or cannot now and why."""

    model: str
    usable: bool
    reason: str


class Models(Record):
    """What a seat's ``model`` may be."""

    models: tuple[Seatable, ...]


class Tone(Record):
    """A persona; ``persona`` is what seats it."""

    persona: str
    name: str
    description: str


class Personas(Record):
    """What a seat's ``persona`` may be."""

    personas: tuple[Tone, ...]


class Table(Record):
    """A panel: who debates for how many rounds, and who sums up."""

    panel: str
    seats: tuple[str, ...]
    rounds: int
    chair: str
    language: str


class Panels(Record):
    """What can be asked."""

    panels: tuple[Table, ...]


def speakers(debaters: Sequence[Debater]) -> tuple[Speaker, ...]:
    """Those at a table."""
    return tuple(
        Speaker(
            seat=one.seat,
            name=one.name,
            persona=one.persona.key,
            model=one.model,
            stance=one.stance,
        )
        for one in debaters
    )


def speeches(debate: Debate, turns: Sequence[Turn]) -> tuple[Speech, ...]:
    """What was said; a turn of the user that only buys rounds is left out."""
    names = {seat: one.name for seat, one in cast(debate, turns).items()} | {USER: MODERATOR}
    return tuple(
        Speech(
            turn_id=turn.id,
            name=names.get(turn.speaker, turn.speaker),
            text=turn.text,
            finish=turn.finish,
        )
        for turn in turns
        if turn.text
    )


def problem_of(pause: DebatePaused) -> str:
    """Why a debate waits, and what to do about it."""
    return f"{pause.message}   {pause.hint}".strip() or f"It was {pause.reason}."


def hits(page: FoundPage) -> Hits:
    """A page of a search."""
    return Hits(debates=tuple(map(_hit, page.found)), more=page.more)


def _hit(found: Found) -> Hit:
    debate = found.debate
    return Hit(
        debate_id=debate.id,
        topic=debate.topic,
        title=debate.title,
        begun=debate.created_at,
        finished=debate.finished,
        turns=found.turns,
        excerpt=found.excerpt,
    )


def tone(persona: Persona) -> Tone:
    """A persona."""
    return Tone(persona=persona.key, name=persona.name, description=persona.description)


def table(panel: Panel) -> Table:
    """A panel."""
    return Table(
        panel=panel.name,
        seats=tuple(map(_seat, panel.seats)),
        rounds=panel.rounds,
        chair=_seat(panel.chair),
        language=panel.language,
    )


def _seat(seat: Seat) -> str:
    return f"{seat.persona}@{seat.model}"

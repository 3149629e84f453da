"""How much of a debate somebody has heard, as words that they bring back to hear the rest.

Nothing of it is kept here: it says which turn they have last, which is in progress, how many signs
of it, and which of the other events came last. So it holds over a restart, and at any process.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rebuttal.errors import InvalidInput
from rebuttal.events import (
    DebateEvent,
    DebateFinished,
    DebatePaused,
    DebateRewound,
    TurnDelta,
    TurnDiscarded,
    TurnFinished,
    TurnStarted,
)

_ID = r"[A-Za-z0-9_-]{0,64}"
_WRITTEN = re.compile(
    rf"({_ID})\.({_ID})\.({_ID})\.([0-9]{{1,9}})\.([0-9]{{1,9}})\.([0-9]{{1,9}})\.([0-9a-f]{{0,8}})"
)
_ANEW = TurnStarted | TurnDiscarded
LOST = "what was said of it is lost"


@dataclass(frozen=True)
class Position:
    """``last`` is the last whole turn; ``turn`` began behind it, and ``seat`` speaks it still.

    ``heard`` counts the events from there on, ``said`` and ``thought`` the characters of its words
    and of its reasoning. ``mark`` stands for the last event that is none of its words.
    """

    last: str = ""
    turn: str = ""
    seat: str = ""
    heard: int = 0
    said: int = 0
    thought: int = 0
    mark: str = ""

    def __str__(self) -> str:
        numbers = f"{self.heard}.{self.said}.{self.thought}"
        return f"{self.last}.{self.turn}.{self.seat}.{numbers}.{self.mark}"

    @classmethod
    def read(cls, written: str) -> Position:
        """What was written so. Raises InvalidInput."""
        found = _WRITTEN.fullmatch(written)
        if found is None:
            raise InvalidInput(
                "Last-Event-ID is no place in a debate.", "Send the id of an event, or none."
            )
        last, turn, seat, heard, said, thought, mark = found.groups()
        return cls(last, turn, seat, int(heard), int(said), int(thought), mark)

    def behind(self, event: DebateEvent) -> Position:
        """Where somebody is who has heard that too."""
        if isinstance(event, TurnFinished):
            return Position(event.turn.id)
        if isinstance(event, DebateRewound):
            return Position(event.tip)
        if isinstance(event, TurnDelta):
            more, thoughts = len(event.text), len(event.reasoning)
            return replace(self, said=self.said + more, thought=self.thought + thoughts)
        here = replace(self, heard=self.heard + 1, mark=_mark(event))
        if isinstance(event, TurnStarted):
            return Position(self.last, event.turn_id, event.seat, 1, mark=here.mark)
        if isinstance(event, TurnDiscarded):
            return replace(here, said=0, thought=0)
        return replace(here, seat="") if isinstance(event, DebatePaused | DebateFinished) else here


class Follower:
    """Numbers what a watcher is told, who was at ``position`` when the watching began."""

    def __init__(self, position: Position) -> None:
        self.position = position
        self._is_first = True

    def take(self, batch: Sequence[DebateEvent]) -> Iterator[tuple[Position, DebateEvent]]:
        """What is new to them of a batch of ``DebateApp.watch``, begun behind ``position.last``."""
        fresh = missed(self.position, batch) if self._is_first else batch
        self._is_first = False
        for event in fresh:
            self.position = self.position.behind(event)
            yield self.position, event


def missed(position: Position, first: Sequence[DebateEvent]) -> list[DebateEvent]:
    """Of the first batch, which tells everything, what somebody there has not heard."""
    turns = [event for event in first if isinstance(event, TurnFinished)]
    present = list(first[len(turns) :])
    if position.last and turns and turns[0].turn.parent_id is None:
        return [DebateRewound(tip=turns[-1].turn.id), *present]  # theirs is on the line no more
    known = {event.turn.id for event in turns} | {
        event.turn_id for event in present if isinstance(event, TurnStarted)
    }
    is_lost = position.seat and position.turn not in known and position.said + position.thought
    lost = [TurnDiscarded(seat=position.seat, reason=LOST)] if is_lost else []
    return [*lost, *turns, *(present if turns else _unheard(position, present))]


def _unheard(position: Position, present: Sequence[DebateEvent]) -> list[DebateEvent]:
    """The turns being the same: what is new of the rest, the words of the turn always last."""
    events = [event for event in present if not isinstance(event, TurnDelta)]
    words = present[-1] if len(present) > len(events) else None
    begun = _begin(events, position.turn)
    heard = _told(position, events) if begun is None else begun + position.heard
    fresh: list[DebateEvent] = [*events[heard:]]
    if isinstance(words, TurnDelta):
        if begun is not None and not any(isinstance(event, _ANEW) for event in fresh):
            text, reasoning = words.text[position.said :], words.reasoning[position.thought :]
            words = words.model_copy(update={"text": text, "reasoning": reasoning})
        if words.text or words.reasoning:
            fresh.append(words)
    return fresh


def _begin(events: Sequence[DebateEvent], turn: str) -> int | None:
    """Where that turn began."""
    for at, event in enumerate(events):
        if isinstance(event, TurnStarted) and event.turn_id == turn:
            return at
    return None


def _told(position: Position, events: Sequence[DebateEvent]) -> int:
    """How many of those before the first turn they have heard: up to the one they heard last."""
    starts = [at for at, event in enumerate(events) if isinstance(event, TurnStarted)]
    before = events[: starts[0]] if starts else events
    marks = [at for at, event in enumerate(before, 1) if _mark(event) == position.mark]
    return marks[-1] if marks else 0


def _mark(event: DebateEvent) -> str:
    return hashlib.sha256(event.model_dump_json().encode("utf-8")).hexdigest()[:8]

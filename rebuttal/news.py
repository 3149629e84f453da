"""What a process tells the others of a debate that it runs, and how far they have heard it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal

from rebuttal.bus import Claim
from rebuttal.events import (
    DebateEvent,
    DebateFinished,
    DebatePaused,
    DebateRewound,
    TurnDelta,
    TurnFinished,
    TurnStarted,
)
from rebuttal.records import Record

EVERY = 0.05
"""Seconds between two entries."""
WHOLE_EVERY = 100
"""Entries after which one tells everything again."""


class Scene(Record):
    """How a debate stands: whether it runs, the last turn of its main line, what it is called, and
    what a watcher that comes in now is told beside the turns.
    """

    running: bool
    tip: str
    present: tuple[DebateEvent, ...]
    title: str | None = None
    pinned: bool = False


class Entry(Record):
    """Number ``step`` of what the holder of claim ``number`` tells. Deltas are merged.

    ``present`` is that of the scene, with these events in it; None in most entries of deltas alone.
    """

    number: int
    step: int
    running: bool = False
    tip: str = ""
    title: str | None = None
    pinned: bool = False
    events: tuple[DebateEvent, ...] = ()
    present: tuple[DebateEvent, ...] | None = None
    gone: bool = False
    """The debate was deleted."""


class Relay:
    """Tells the others what happens, merged, in order, and without keeping anybody waiting."""

    def __init__(self, claim: Claim, scene: Callable[[], Scene]) -> None:
        self._claim = claim
        self._scene = scene
        self._events: list[DebateEvent] = []
        self._step = 0
        self._since_whole = WHOLE_EVERY
        self._due = False
        self._sent_at = 0.0
        self._pump: asyncio.Task[None] | None = None
        self._posting = asyncio.Lock()

    def tell(self, *events: DebateEvent) -> None:
        """These happened; none: the scene changed."""
        if not self._claim.is_heard:
            return
        if not all(isinstance(event, TurnDelta) for event in events) or not events:
            self._since_whole = WHOLE_EVERY
        self._events += events
        self._due = True
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._send_on(), name="relay")

    async def flush(self) -> None:
        """Returns when everything is told, or could not be."""
        await self._send()

    def close(self) -> None:
        """Tell nothing more."""
        self._events.clear()
        self._due = False
        if self._pump:
            self._pump.cancel()

    async def _send_on(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(max(0.0, self._sent_at + EVERY - clock()))
            self._sent_at = clock()
            await self._send()
            if not self._due:
                return

    async def _send(self) -> None:
        async with self._posting:
            if not self._due:
                return
            self._due = False
            events, self._events = merged(self._events), []
            whole = self._since_whole >= WHOLE_EVERY
            scene = self._scene()
            self._step += 1
            self._since_whole = 1 if whole else self._since_whole + 1
            entry = Entry(
                number=self._claim.number,
                step=self._step,
                running=scene.running,
                tip=scene.tip,
                title=scene.title,
                pinned=scene.pinned,
                events=tuple(events),
                present=scene.present if whole else None,
            )
            if not await self._claim.post(entry.model_dump_json(), whole=whole):
                self._since_whole = WHOLE_EVERY


class Heard:
    """How far the news of a debate were heard."""

    def __init__(self) -> None:
        self.number = 0
        self._step = 0
        self._gap = True

    def take(self, entry: Entry) -> Literal["next", "whole"] | None:
        """What to make of it: its events, its present, or nothing because it is old or unclear."""
        if entry.number < self.number:
            return None
        if entry.number == self.number and entry.step <= self._step:
            return None
        next_one = entry.number == self.number and entry.step == self._step + 1 and not self._gap
        if not next_one and entry.present is None:
            self._gap = True
            return None
        self.number, self._step, self._gap = entry.number, entry.step, False
        return "next" if next_one else "whole"

    def lose_the_thread(self) -> None:
        """Nothing counts until the next whole entry."""
        self._gap = True


def merged(events: Sequence[DebateEvent]) -> list[DebateEvent]:
    """The same with deltas that follow each other as one."""
    found: list[DebateEvent] = []
    for event in events:
        last = found[-1] if found else None
        if isinstance(event, TurnDelta) and isinstance(last, TurnDelta) and last.seat == event.seat:
            text, reasoning = last.text + event.text, last.reasoning + event.reasoning
            found[-1] = TurnDelta(seat=event.seat, text=text, reasoning=reasoning)
        else:
            found.append(event)
    return found


def unheard(
    known: Sequence[DebateEvent], present: Sequence[DebateEvent]
) -> list[DebateEvent] | None:
    """What is new in ``present`` to those who know the other; None where it contradicts them."""
    at = len(known)
    if at and isinstance(known[-1], TurnDelta):
        at -= 1
    if list(known[:at]) != list(present[:at]):
        return None
    fresh = list(present[at:])
    if at == len(known):
        return fresh
    before = known[-1]
    if not (fresh and isinstance(before, TurnDelta) and isinstance(fresh[0], TurnDelta)):
        return None
    now = fresh.pop(0)
    assert isinstance(now, TurnDelta)
    texts, thoughts = (before.text, now.text), (before.reasoning, now.reasoning)
    if not (texts[1].startswith(texts[0]) and thoughts[1].startswith(thoughts[0])):
        return None
    text, reasoning = texts[1][len(texts[0]) :], thoughts[1][len(thoughts[0]) :]
    if text or reasoning:
        fresh.insert(0, TurnDelta(seat=now.seat, text=text, reasoning=reasoning))
    return fresh


def in_progress(present: Sequence[DebateEvent]) -> TurnStarted | None:
    """The turn that is being spoken."""
    for event in reversed(present):
        if isinstance(event, TurnStarted):
            return event
        if isinstance(event, TurnFinished | DebateRewound | DebatePaused | DebateFinished):
            return None
    return None

"""One stream of events for any number of watchers, who may come late, lag behind or leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress

from rebuttal.events import (
    DebateEvent,
    DebateRewound,
    TurnDelta,
    TurnDiscarded,
    TurnFinished,
    TurnStarted,
)
from rebuttal.records import Turn

MERGE_EVERY = 0.06
"""Seconds between two updates for one watcher, as long as few watch."""
WAKE_EVERY = 0.5
"""Seconds after which a watcher hears from us even when nothing happened."""
READERS = 50
"""Readers of one debate who are told as often as few watchers are."""

_NEW_TURN = TurnStarted | TurnDiscarded | TurnFinished | DebateRewound


class Broadcast:
    """Keeps every event but the deltas in a log, and the deltas of the turn in progress as pieces.

    A watcher holds a place in each. A token therefore costs the same however many watch, and one
    that falls behind reads the finished turn instead of its pieces. ``on_watchers`` is called when
    a watcher comes or leaves. More watchers than ``full_pace`` share what so many would get, so
    that nobody takes the processor by watching one debate in a thousand places. Readers are those
    whom a link lets look on: they hear the same, at a pace that they share among themselves, and
    are not counted as watchers.
    """

    def __init__(self, on_watchers: Callable[[], None], full_pace: int) -> None:
        self.watchers = 0
        self.readers = 0
        self.doubles = 0
        """Watchers who are counted twice, because their page listens twice."""
        self._on_watchers = on_watchers
        self._full_pace = full_pace
        self._log: list[DebateEvent] = []
        self._pieces: list[TurnDelta] = []
        self._live_from = 0
        self._wakers = {True: asyncio.Event(), False: asyncio.Event()}
        """For those who want words, and for those who wait for other events."""

    @property
    def last(self) -> DebateEvent:
        """The latest event that is no delta. Somebody must have published one."""
        return self._log[-1]

    @property
    def unfinished(self) -> str:
        """The text of the turn in progress, as far as it was said."""
        return "".join(piece.text for piece in self._pieces)

    @property
    def present(self) -> list[DebateEvent]:
        """What a watcher that comes in now is told beside the turns."""
        return self._news(self._live_from, 0)[0]

    def publish(self, event: DebateEvent) -> None:
        """Tell everybody."""
        if isinstance(event, TurnDelta):
            self._pieces.append(event)
        else:
            self._log.append(event)
            if isinstance(event, _NEW_TURN):
                self._pieces = []
            if isinstance(event, TurnFinished | DebateRewound):
                self.forget()
            self._wakers[False].set()
        self._wakers[True].set()

    def forget(self) -> None:
        """Whoever comes from now on is not told what was published so far."""
        self._live_from = len(self._log)

    @property
    def audience(self) -> int:
        """How many people and programs watch or read."""
        return self.watchers - self.doubles + self.readers

    async def watch(
        self,
        turns: Sequence[Turn],
        after: str | None,
        *,
        reads: bool = False,
        again: bool = False,
        words: bool = True,
    ) -> AsyncGenerator[list[DebateEvent], None]:
        """The ``turns`` behind the one called ``after``, what is not forgotten, and then news.

        See DebateApp.watch for the pace, and for what it means to want no ``words``.
        """
        loop = asyncio.get_running_loop()
        known = next((i for i, turn in enumerate(turns) if turn.id == after), -1)
        news: list[DebateEvent] = [TurnFinished(turn=turn) for turn in turns[known + 1 :]]
        at, piece = self._live_from, 0
        self._count(1, reads)
        self.doubles += again
        try:
            while True:
                fresh, at, piece = self._news(at, piece, words)
                yield news + fresh
                news, yielded_at = [], loop.time()
                if at == len(self._log) and not (words and piece < len(self._pieces)):
                    await self._woken(words)
                await asyncio.sleep(max(0.0, yielded_at + self._pace(reads) - loop.time()))
        finally:
            self.doubles -= again
            self._count(-1, reads)

    def _count(self, step: int, reads: bool) -> None:
        if reads:
            self.readers += step
        else:
            self.watchers += step
            self._on_watchers()

    def _pace(self, reads: bool) -> float:
        crowd = self.readers / READERS if reads else self.watchers / self._full_pace
        return MERGE_EVERY * max(1.0, crowd)

    async def _woken(self, words: bool) -> None:
        """Wait for the next event, at most WAKE_EVERY. Watchers with no news share one waker."""
        if self._wakers[words].is_set():
            self._wakers[words] = asyncio.Event()
        # Not by wait_for: where news come just then, Python 3.11's forgets that it was cancelled.
        with suppress(TimeoutError):
            async with asyncio.timeout(WAKE_EVERY):
                await self._wakers[words].wait()

    def _news(self, at: int, piece: int, words: bool = True) -> tuple[list[DebateEvent], int, int]:
        """Events behind the places ``at`` and ``piece``, deltas merged, and the new places."""
        news = self._log[at:]
        if any(isinstance(event, _NEW_TURN) for event in news):
            piece = 0
        fresh = self._pieces[piece:] if words else []
        if fresh:
            text = "".join(delta.text for delta in fresh)
            reasoning = "".join(delta.reasoning for delta in fresh)
            news.append(TurnDelta(seat=fresh[0].seat, text=text, reasoning=reasoning))
        return news, len(self._log), len(self._pieces)

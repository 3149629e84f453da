"""How far a debate is, told to a program that waits for it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rebuttal.events import (
    DebateEvent,
    DebateWaiting,
    TurnDelta,
    TurnFinished,
    TurnStarted,
    TurnWaiting,
)
from rebuttal.mcp.caller import Call
from rebuttal.records import Debater

EVERY = 2.0
"""Seconds between two signs of life while one turn is spoken."""
USUAL_TURN = 400
"""Characters. Only to guess how much of a turn is said."""
SHOWN = 160
"""Characters of a finished turn."""


class Progress:
    """Turns that were spoken, of those that are owed; it only ever grows, as the protocol wants."""

    def __init__(self, call: Call, owed: int, debaters: Sequence[Debater] = ()) -> None:
        self._call = call
        self._owed = owed
        self._names: dict[str, str] = {}
        self._spoken = 0
        self._chars = 0
        self._told = 0.0
        self._at = time.monotonic()
        self._message = ""
        self.meet(debaters)

    def meet(self, debaters: Sequence[Debater]) -> None:
        """Call them by their names from now on."""
        self._names |= {one.seat: one.name for one in debaters}

    async def tell(self, event: DebateEvent) -> None:
        """Take in what happened, and tell of it where it matters."""
        if isinstance(event, TurnFinished) and event.turn.from_user:
            self.meet(event.turn.debaters or ())
        elif isinstance(event, TurnFinished):
            self._spoken, self._chars = self._spoken + 1, 0
            name = self._name(event.turn.speaker)
            await self._tell(f"{name}: {event.turn.text[:SHOWN]}")
        elif isinstance(event, TurnStarted):
            self._message = f"{self._name(event.seat)} speaks, round {event.round}"
            await self._tell(self._message)
        elif isinstance(event, TurnWaiting):
            await self._tell(f"{self._name(event.seat)} waits: {event.reason}")
        elif isinstance(event, DebateWaiting):
            await self._tell(event.place)
        elif isinstance(event, TurnDelta):
            self._chars += len(event.text)
            if time.monotonic() - self._at > EVERY:
                await self._tell(self._message)

    async def _tell(self, message: str) -> None:
        said = self._spoken + self._chars / (self._chars + USUAL_TURN)
        self._told, self._at = max(said, self._told + 0.001), time.monotonic()
        total = max(self._owed, self._told)
        await self._call.report_progress(round(self._told, 3), total, message)

    def _name(self, seat: str) -> str:
        return self._names.get(seat, seat)

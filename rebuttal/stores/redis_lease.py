"""The right to run a debate, as the bus over Redis grants it."""

from __future__ import annotations

import time
from typing import Any, Protocol

from rebuttal.stores import redis_bus_scripts as scripts
from rebuttal.stores.redis_bus_scripts import LEASE

LEEWAY = 1.0
"""Seconds by which this process believes less in a lease than Redis does."""


class Lessor(Protocol):
    """The bus, as a lease needs it."""

    problem: str

    async def script_for(self, lease: Lease, script: str, *arguments: str) -> Any:
        """Run one that goes no further where the debate is another's, and is lost then.

        None: Redis was not asked, or did not answer.
        """
        ...

    def has(self, lease: Lease) -> bool:
        """Whether it is not known to be lost."""
        ...

    def let_go(self, lease: Lease, *, told: bool = True) -> None:
        """It is given back. Where Redis could not be ``told``, it is told later."""
        ...

    def said(self, debate_id: str, at: str) -> None:
        """What this process has told itself up to there it need not hear."""
        ...

    def stand_down(self) -> None:
        """Take over nothing more, because this process ends."""
        ...


class Lease:
    """A claim, for as long as Redis says so; until it was ``granted``, it is only believed."""

    is_heard = True

    def __init__(self, bus: Lessor, debate_id: str) -> None:
        self.debate_id = debate_id
        self.number = int(time.time() * 1000)
        self.untouched = False
        self.granted = False
        self.until = 0.0
        self._bus = bus
        self._note: str | None = None
        self._whole = ("0", "0")
        """Ids of the last two whole entries; whoever reads slowly may still need the earlier."""

    def grant(self, number: int, *, untouched: bool) -> None:
        """Redis has written it down."""
        self.number, self.untouched, self.granted = number, untouched, True
        self.until = time.monotonic() + LEASE - LEEWAY

    @property
    def exclusive(self) -> bool:
        """See Claim."""
        return self.granted and not self._bus.problem and self._bus.has(self)

    async def holds(self) -> bool:
        """See Claim. A process that was stopped for long asks before it believes."""
        if self._bus.has(self) and time.monotonic() >= self.until:
            await self._bus.script_for(self, scripts.KEEP)
        return self._bus.has(self)

    async def run(self, note: str) -> None:
        """See Claim."""
        self._note = note
        await self.run_again()

    async def run_again(self) -> None:
        """Say once more that it runs."""
        if self._note is not None:
            await self._bus.script_for(self, scripts.RUN, self._note)

    async def post(self, entry: str, *, whole: bool) -> bool:
        """See Claim."""
        at = await self._bus.script_for(self, scripts.POST, entry, self._whole[0])
        if at:
            self._bus.said(self.debate_id, at)
        if at and whole:
            self._whole = self._whole[1], at
        return bool(at)

    async def release(self) -> None:
        """See Claim."""
        self._note = None
        told = await self._bus.script_for(self, scripts.RELEASE)
        self._bus.let_go(self, told=told is not None)

    def abandon(self) -> None:
        """See Claim. It expires."""
        self._bus.let_go(self)

    async def hand_over(self) -> bool:
        """See Claim."""
        handed = await self._bus.script_for(self, scripts.HAND_OVER)
        if handed:
            self._bus.let_go(self)
            self._bus.stand_down()
        return bool(handed)

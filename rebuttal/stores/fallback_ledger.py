"""Ledger on Redis, and in memory while Redis is away.

In memory a purse holds what is known of it here: what other processes spend meanwhile is not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from rebuttal.stores.base import NOTHING, Cost, Figures, Lack, Purse
from rebuttal.stores.fallback import Fallback


class FallbackLedger:
    """Ledger describes the methods. A halt that is known stays."""

    def __init__(self, fallback: Fallback) -> None:
        self._fallback = fallback
        self._memory = fallback.memory.ledger

    async def reserve(
        self, purses: Sequence[Purse], cost: Cost, room: Cost = NOTHING
    ) -> Lack | None:
        lack: Lack | None = await self._fallback.write(
            lambda store: store.ledger.reserve(purses, cost, room),
            counts=True,
            changed=lambda lack: lack is None,
        )
        if lack is None:
            self._fallback.own.add(purses, cost)
        return lack

    async def settle(self, purses: Sequence[Purse], reserved: Cost, cost: Cost) -> None:
        await self._fallback.write(
            lambda store: store.ledger.settle(purses, reserved, cost), counts=True
        )
        self._fallback.own.add(purses, cost - reserved)

    async def secret(self, day: date) -> bytes:
        is_known = day in self._memory.secrets
        secret: bytes = await self._fallback.read(lambda store: store.ledger.secret(day))
        if self._fallback.is_away and not is_known:
            self._fallback.give_later(lambda store: store.ledger.keep_secret(day, secret))
        if not is_known:
            self._memory.keep_secret(day, secret)
            self._forget_old()
        return secret

    async def figures(self, day: date) -> dict[str, Figures]:
        figures: dict[str, Figures] = await self._fallback.read(
            lambda store: store.ledger.figures(day)
        )
        return figures

    async def halt(self, reason: str) -> None:
        await self._fallback.write(lambda store: store.ledger.halt(reason))
        self._memory.reason = reason

    async def go_on(self) -> None:
        await self._fallback.write(lambda store: store.ledger.go_on())
        self._memory.reason = None

    async def halted(self) -> str | None:
        reason: str | None = await self._fallback.read(lambda store: store.ledger.halted())
        self._memory.reason = reason
        return reason

    def _forget_old(self) -> None:
        """What was spent on days, and on debates, that nobody here asks for any more."""
        known = {held.debate.id for held in self._fallback.memory.shelf}
        first = min(self._memory.secrets)
        for sums in (self._memory.sums, self._fallback.own):
            sums.forget_days(first)
            spent_on = {purse.key for purse, _ in sums.all() if purse.scope == "debate"}
            sums.forget_debates(spent_on - known)

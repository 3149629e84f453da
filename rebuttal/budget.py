"""Budgets: what a debate, a visitor, a network and all together may spend, in tokens and money."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from rebuttal.errors import BudgetSpent, RebuttalError, StoreError
from rebuttal.providers.base import Message
from rebuttal.records import Clock, Visitor, now
from rebuttal.settings import Settings
from rebuttal.stores.base import NOTHING, SCOPES, Cost, Figures, Lack, Ledger, Purse, Scope
from rebuttal.tariff import BILLION, in_billionths
from rebuttal.views import estimate_tokens

log = logging.getLogger(__name__)

CENT = BILLION // 100
FIRST_TURN_TOO_DEAR = "A shorter topic, or another model in the first seat, may fit."

_WHOSE: dict[Scope, str] = {
    "debate": "of this debate",
    "visitor": "that you have for today",
    "network": "that your network has for today",
    "app": "that all have together for today",
}


@dataclass(frozen=True)
class Reservation:
    """What was taken out of which purses, until it is known what it really cost."""

    purses: tuple[Purse, ...]
    cost: Cost


@dataclass(frozen=True)
class Report:
    """What was spent on a day, by scope, beside the limits in tokens and billionths."""

    day: date
    currency: str
    figures: dict[str, Figures]
    limits: dict[Scope, tuple[int | None, int | None]]
    halted: str | None
    """The operator's reason, or None."""


class Budget:
    """Takes from the ledger what visitors spend. The day is that of UTC.

    In the ledger visitors and networks go by a hash under a secret of the day, not by name.
    """

    def __init__(
        self, settings: Settings, ledger: Callable[[], Ledger], clock: Clock = now
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._clock = clock
        self._secret: tuple[date, bytes] | None = None

    @property
    def limited(self) -> bool:
        """Whether there is any budget; else nothing is counted."""
        return any(limit is not None for scope in SCOPES for limit in self.limits(scope))

    @property
    def counts_money(self) -> bool:
        """Whether there is a budget in money, so that every price must be known."""
        return any(self.limits(scope)[1] is not None for scope in SCOPES)

    def limits(self, scope: Scope) -> tuple[int | None, int | None]:
        """Tokens, and money in billionths, that such a purse holds; None is without limit."""
        name = "day" if scope == "app" else scope
        tokens = getattr(self._settings, f"tokens_per_{name}")
        money = getattr(self._settings, f"money_per_{name}")
        return tokens, None if money is None else in_billionths(money)

    def counts(self, visitor: Visitor) -> bool:
        """Whether what they spend is counted."""
        return self.limited and not visitor.operator

    async def reserve(
        self,
        visitor: Visitor,
        debate_id: str,
        cost: Cost,
        room: Cost = NOTHING,
        scopes: Sequence[Scope] = SCOPES,
    ) -> Reservation:
        """Take ``cost``; see Ledger. Raises BudgetSpent. Cancelled, it takes nothing."""
        taking = asyncio.ensure_future(self._reserve(visitor, debate_id, cost, room, scopes))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            with suppress(RebuttalError):
                await self.settle(await taking, NOTHING)
            raise

    async def charge(
        self, visitor: Visitor, debate_id: str, text: str, room: Cost = NOTHING
    ) -> None:
        """Count a text that is kept, so that filling the disk is not free. Raises BudgetSpent."""
        if text and self.counts(visitor):
            tokens = estimate_tokens([Message("user", text)])
            await self.reserve(visitor, debate_id, Cost(tokens), room)

    @asynccontextmanager
    async def charged(self, visitor: Visitor, texts: Mapping[str, str]) -> AsyncIterator[None]:
        """Count texts of new debates, by their ids, once the block has kept them: all or none.

        Raises BudgetSpent before the block.
        """
        if not self.counts(visitor):
            yield
            return
        costs = {key: Cost(estimate_tokens([Message("user", texts[key])])) for key in texts}
        self._check_new(costs.values())
        total = sum(costs.values(), NOTHING)
        reservation = await self.reserve(visitor, "", total, scopes=SCOPES[1:])
        try:
            yield
        except BaseException:
            await self.settle(reservation, NOTHING)
            raise
        with suppress(StoreError):  # the debates are kept by now
            for debate_id, cost in costs.items():
                await self.reserve(visitor, debate_id, cost, scopes=("debate",))

    def _check_new(self, costs: Collection[Cost]) -> None:
        most, dearest = self.limits("debate")[0], max(cost.tokens for cost in costs)
        if most is not None and dearest > most:
            raise BudgetSpent(
                f"A debate of {dearest:,} tokens is in it, and one may cost {most:,} here.",
                "Import shorter debates.",
            )

    async def settle(self, reservation: Reservation, cost: Cost) -> None:
        """What was reserved has cost so much. Where the database refuses, it counts in full."""
        try:
            await self._ledger().settle(reservation.purses, reservation.cost, cost)
        except StoreError as error:
            log.warning("a reservation of %s tokens stays: %s", reservation.cost.tokens, error)

    async def report(self) -> Report:
        """Today's figures, the limits of these settings, and the halt."""
        day = self._clock().astimezone(UTC).date()
        ledger = self._ledger()
        figures = await ledger.figures(day)
        limits = {scope: self.limits(scope) for scope in SCOPES}
        return Report(day, self._settings.currency, figures, limits, await ledger.halted())

    async def _reserve(
        self, visitor: Visitor, debate_id: str, cost: Cost, room: Cost, scopes: Sequence[Scope]
    ) -> Reservation:
        moment = self._clock().astimezone(UTC)
        there = await self._purses(visitor, debate_id, moment.date())
        purses = tuple(purse for purse in there if purse.scope in scopes)
        lack = await self._ledger().reserve(purses, cost, room)
        if lack:
            raise spent(lack, self._settings.currency, moment)
        return Reservation(purses, cost)

    async def _purses(self, visitor: Visitor, debate_id: str, day: date) -> tuple[Purse, ...]:
        if self._secret is None or self._secret[0] != day:
            self._secret = day, await self._ledger().secret(day)
        return tuple(self._limited_purses(visitor, debate_id, self._secret))

    def _limited_purses(
        self, visitor: Visitor, debate_id: str, secret: tuple[date, bytes]
    ) -> Iterator[Purse]:
        day, key = secret
        pepper = (self._settings.secret or "").encode()
        names = {"visitor": visitor.owner, "network": visitor.network}
        for scope in SCOPES:
            tokens, money = self.limits(scope)
            if tokens is None and money is None:
                continue
            if scope == "debate":
                yield Purse(scope, debate_id, "", tokens, money)
                continue
            said = f"{scope}:{names.get(scope, '')}".encode("utf-8", "replace")
            whose = hmac.new(key + pepper, said, hashlib.sha256).hexdigest()[:32]
            yield Purse(scope, "" if scope == "app" else whose, day.isoformat(), tokens, money)


def spent(lack: Lack, currency: str, moment: datetime) -> BudgetSpent:
    """The refusal in words: which budget, how much of it is spent, and when it opens again."""
    purse, used, need = lack.purse, lack.spent, lack.need
    if purse.tokens is not None and used.tokens + need.tokens > purse.tokens:
        what = "tokens"
        figures = f"{used.tokens:,} of {purse.tokens:,} are spent"
        needed = f"{need.tokens:,} more may be needed"
    else:
        what = "money"
        figures = f"{money(used.money)} of {money(purse.money or 0)} {currency} is spent"
        needed = f"{money(need.money)} more may be needed"
    message = f"The {what} {_WHOSE[purse.scope]} will not do: {figures}, and {needed}."
    if purse.scope == "debate":
        kept = "What was said is kept. Begin another debate to go on."
        return BudgetSpent(message, FIRST_TURN_TOO_DEAR if used == NOTHING else kept)
    midnight = datetime.combine(moment.date() + timedelta(days=1), datetime.min.time(), UTC)
    wait = _in_hours((midnight - moment).total_seconds())
    return BudgetSpent(message, f"It opens again at 00:00 UTC, {wait}; try again then.")


def money(billionths: int) -> str:
    """As people write it, with more digits where there are parts of a cent."""
    return f"{billionths / BILLION:.{2 if billionths % CENT == 0 else 4}f}"


def _in_hours(seconds: float) -> str:
    """``in 5 h`` or ``in 12 min``."""
    return f"in {round(seconds / 3600)} h" if seconds >= 5400 else f"in {round(seconds / 60)} min"

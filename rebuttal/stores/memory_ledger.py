"""Ledger in the memory of this process."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date, timedelta

from rebuttal.stores.base import NOTHING, SCOPES, Cost, Figures, Lack, Purse, Scope

KEPT_DAYS = 2
"""Today, and yesterday for turns that began before midnight."""

Name = tuple[Scope, str, str]


class Sums:
    """What is spent of purses, by scope, key and day."""

    def __init__(self) -> None:
        self._spent: dict[Name, Cost] = {}

    def of(self, purse: Purse) -> Cost:
        """Nothing where nobody spoke of it."""
        return self._spent.get(_name(purse), NOTHING)

    def put(self, purse: Purse, spent: Cost) -> None:
        """It is so much."""
        self._spent[_name(purse)] = spent

    def add(self, purses: Iterable[Purse], cost: Cost) -> None:
        """So much more from each."""
        for purse in purses:
            self.put(purse, self.of(purse) + cost)

    def all(self) -> list[tuple[Purse, Cost]]:
        """Every purse, without its limits."""
        return [(Purse(*name), spent) for name, spent in self._spent.items()]

    def on(self, day: date) -> dict[str, Figures]:
        """Of the purses of that day, by scope."""
        found: dict[str, list[Cost]] = defaultdict(list)
        for (scope, _, at), spent in self._spent.items():
            if at == day.isoformat():
                found[scope].append(spent)
        return {scope: _figures(spent) for scope, spent in found.items()}

    def forget_days(self, before: date) -> None:
        """What was spent on days before that one."""
        self._keep(lambda purse: not purse.day or purse.day >= before.isoformat())

    def forget_debates(self, debates: Collection[str]) -> None:
        """What was spent on these."""
        self._keep(lambda purse: purse.scope != "debate" or purse.key not in debates)

    def _keep(self, which: Callable[[Purse], bool]) -> None:
        kept = [(purse, spent) for purse, spent in self.all() if which(purse)]
        self._spent = {_name(purse): spent for purse, spent in kept}


class MemoryLedger:
    """Ledger describes the methods."""

    def __init__(self) -> None:
        self.sums = Sums()
        self.secrets: dict[date, bytes] = {}
        self.reason: str | None = None
        """That of the halt."""

    async def reserve(
        self, purses: Sequence[Purse], cost: Cost, room: Cost = NOTHING
    ) -> Lack | None:
        need = cost + room
        for purse in sorted(purses, key=lambda purse: SCOPES.index(purse.scope)):
            spent = self.sums.of(purse)
            full = spent + need
            if (purse.tokens is not None and full.tokens > purse.tokens) or (
                purse.money is not None and full.money > purse.money
            ):
                return Lack(purse, spent, need)
        self.sums.add(purses, cost)
        return None

    async def settle(self, purses: Sequence[Purse], reserved: Cost, cost: Cost) -> None:
        self.sums.add(purses, cost - reserved)

    async def secret(self, day: date) -> bytes:
        if day not in self.secrets:
            self.keep_secret(day, secrets.token_bytes(32))
        return self.secrets[day]

    def keep_secret(self, day: date, secret: bytes) -> None:
        """That of this day; older days are forgotten."""
        self.secrets[day] = secret
        first = day - timedelta(days=KEPT_DAYS - 1)
        self.secrets = {at: kept for at, kept in self.secrets.items() if at >= first}
        self.sums.forget_days(first)

    async def figures(self, day: date) -> dict[str, Figures]:
        return self.sums.on(day)

    async def halt(self, reason: str) -> None:
        self.reason = reason

    async def go_on(self) -> None:
        self.reason = None

    async def halted(self) -> str | None:
        return self.reason


def _name(purse: Purse) -> Name:
    return purse.scope, purse.key, purse.day


def _figures(spent: Sequence[Cost]) -> Figures:
    total = sum(spent, NOTHING)
    most = Cost(max(cost.tokens for cost in spent), max(cost.money for cost in spent))
    return Figures(len(spent), total, most)

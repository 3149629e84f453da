"""The debates of this process, by id."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rebuttal.errors import BudgetSpent
from rebuttal.hall import Hall
from rebuttal.halt import Watchman
from rebuttal.line import line_to
from rebuttal.live import LiveDebate

AT_REST = 16
"""Debates that nobody runs or watches and that still know why they rest."""


class LiveDebates:
    """At rest and unwatched, one is forgotten in time. Halted, they are cut, all of them."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._debates: dict[str, LiveDebate] = {}
        self._users: Counter[str] = Counter()
        self._opening: dict[str, asyncio.Future[LiveDebate]] = {}
        self._watchman = Watchman(lambda: hall.store.ledger, self._busy, self._cut)

    @asynccontextmanager
    async def open(self, debate_id: str) -> AsyncIterator[LiveDebate]:
        """The one LiveDebate of that id, for as long as it is used. Raises NotFound."""
        self._users[debate_id] += 1
        try:
            if debate_id in self._debates:
                self._debates[debate_id] = self._debates.pop(debate_id)
            yield self._debates.get(debate_id) or await self._read_once(debate_id)
        finally:
            self._users[debate_id] -= 1
            if not self._users[debate_id]:
                del self._users[debate_id]
            self._forget_idle()

    @property
    def running(self) -> frozenset[str]:
        """The debates that speak, or wait in line for a place."""
        return frozenset(key for key, live in self._debates.items() if live.running)

    async def forget(self, debate_id: str) -> None:
        """Stop it and know it no more, because it is deleted."""
        if live := self._debates.get(debate_id):
            await live.stop()
            self._debates.pop(debate_id, None)

    async def close(self) -> None:
        """Stop them all; each keeps what was said."""
        await self._watchman.close()
        await asyncio.gather(*(live.close() for live in self._debates.values()))
        self._debates.clear()

    async def _read_once(self, debate_id: str) -> LiveDebate:
        """Read from the store, once for all who ask meanwhile."""
        if debate_id not in self._opening:
            opening = asyncio.ensure_future(self._read(debate_id))
            self._opening[debate_id] = opening
            opening.add_done_callback(lambda _: self._opening.pop(debate_id, None))
        return await asyncio.shield(self._opening[debate_id])

    async def _read(self, debate_id: str) -> LiveDebate:
        debate = await self._hall.store.get_debate(debate_id)
        tree = await self._hall.store.get_tree(debate_id)
        line = line_to(tree, debate.tip)
        aside = len(tree) - len(line)
        live = LiveDebate(debate, line, self._hall, self._watchman.wake, aside)
        self._debates[debate_id] = live
        return live

    def _forget_idle(self) -> None:
        idle = [
            debate_id
            for debate_id, live in self._debates.items()
            if live.idle and debate_id not in self._users
        ]
        for debate_id in idle[:-AT_REST]:
            del self._debates[debate_id]

    def _busy(self) -> bool:
        return any(live.running for live in self._debates.values())

    async def _cut(self, halt: BudgetSpent) -> None:
        running = [live for live in self._debates.values() if live.running]
        await asyncio.gather(*(live.cut(halt) for live in running))

"""The debates of this process, by id."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from pydantic import ValidationError

from rebuttal.errors import BudgetSpent, Busy, NotFound, RebuttalError
from rebuttal.events import DebatePaused
from rebuttal.hall import Hall
from rebuttal.halt import Watchman
from rebuttal.line import line_to
from rebuttal.live import LiveDebate
from rebuttal.news import Entry
from rebuttal.orders import Answer, Stop, order_from

log = logging.getLogger(__name__)

ORPHANED_FOR = 10
"""Signs of life for which a debate may be nobody's before it counts as interrupted."""
OUT_OF_HEARING = DebatePaused(
    reason="interrupted",
    message="The process that runs this debate cannot be heard now.",
    hint="What it says is kept. Resume goes on here.",
)
AT_REST = 16
"""Debates that nobody runs or watches and that still know why they rest."""


class LiveDebates:
    """At rest and unwatched, one is forgotten in time. Halted, they are cut, all of them."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._debates: dict[str, LiveDebate] = {}
        self._users: Counter[str] = Counter()
        self._opening: dict[str, asyncio.Future[LiveDebate]] = {}
        self._unheld: Counter[str] = Counter()
        self._running_elsewhere: frozenset[str] = frozenset()
        self._heard_early: dict[str, list[Entry]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
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
        """The debates that speak, or wait in line for a place, as far as is known of others'."""
        here = {key for key, live in self._debates.items() if live.running}
        return self._running_elsewhere | here

    async def forget(self, debate_id: str) -> None:
        """Have it stopped wherever it runs and know it no more, because it is deleted."""
        live = self._debates.get(debate_id)
        if live and live.running:
            await live.do_here(Stop())
        else:
            with suppress(Busy):
                await self._hall.bus.ask(debate_id, Stop().model_dump_json())
        self._drop(debate_id)
        gone = Entry(number=0, step=0, gone=True)
        await self._hall.bus.forget(debate_id, gone.model_dump_json())

    async def close(self) -> None:
        """Stop them all; each keeps what was said, or another process goes on."""
        await self._watchman.close()
        await asyncio.gather(*(live.close() for live in self._debates.values()))
        self._debates.clear()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # --- other processes --------------------------------------------------------------------------

    @property
    def watched(self) -> Collection[str]:
        """See Member."""
        return [key for key, live in self._debates.items() if live.was_watched]

    def hear(self, debate_id: str, entry: str) -> None:
        """See Member."""
        try:
            news = Entry.model_validate_json(entry)
        except ValidationError:
            log.warning("news of debate %s are of another version of Rebuttal", debate_id)
            return
        live = self._debates.get(debate_id)
        if news.gone:
            self._drop(debate_id)
        elif live:
            live.transcript.hear(news)
        elif debate_id in self._heard_early:
            self._heard_early[debate_id].append(news)

    def lose(self, debate_id: str) -> None:
        """See Member."""
        if live := self._debates.get(debate_id):
            live.lose()

    def away(self) -> None:
        """See Member."""
        self._running_elsewhere = frozenset()
        for live in self._debates.values():
            live.transcript.lose_sight(OUT_OF_HEARING)

    def back(self) -> None:
        """See Member."""
        for live in self._debates.values():
            self._begin(live.transcript.resync())

    def look_around(
        self, elsewhere: Collection[str], unheld: Collection[str], running: Collection[str]
    ) -> None:
        """See Member."""
        others, none = set(elsewhere), set(unheld)
        here = {key for key, live in self._debates.items() if live.transcript.claim}
        self._running_elsewhere = frozenset(running) - here
        for debate_id, live in self._debates.items():
            live.watched_elsewhere(debate_id in others)
            if live.transcript.elsewhere and debate_id in none:
                self._unheld[debate_id] += 1
                if self._unheld[debate_id] > ORPHANED_FOR:
                    live.transcript.lose_sight(DebatePaused(reason="interrupted"))
            else:
                self._unheld.pop(debate_id, None)

    async def obey(self, debate_id: str, order: str) -> str:
        """See Member."""
        try:
            live = self._debates.get(debate_id)
            done = live is not None and await live.do_here(order_from(order))
            answer = Answer(elsewhere=not done)
        except RebuttalError as error:
            answer = Answer.refused(error)
        except Exception:
            # The boundary between processes: the other one waits for an answer.
            log.exception("an order for debate %s broke", debate_id)
            answer = Answer.refused(RebuttalError("Rebuttal itself broke.", "Its log says where."))
        return answer.model_dump_json()

    async def take_over(self, debate_id: str, note: str) -> None:
        """See Member."""
        try:
            async with self.open(debate_id) as live:
                await live.take_over(note)
        except NotFound:
            await self.forget(debate_id)
        except RebuttalError as error:
            log.warning("debate %s is not taken over yet: %s", debate_id, error)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _drop(self, debate_id: str) -> None:
        self._debates.pop(debate_id, None)
        self._unheld.pop(debate_id, None)
        self._hall.bus.unfollow(debate_id)

    # --- this process -----------------------------------------------------------------------------

    async def _read_once(self, debate_id: str) -> LiveDebate:
        """Read from the store, once for all who ask meanwhile."""
        if debate_id not in self._opening:
            opening = asyncio.ensure_future(self._read(debate_id))
            self._opening[debate_id] = opening
            opening.add_done_callback(partial(self._opened, debate_id))
        return await asyncio.shield(self._opening[debate_id])

    def _opened(self, debate_id: str, opening: asyncio.Future[LiveDebate]) -> None:
        self._opening.pop(debate_id, None)
        if not opening.cancelled():
            opening.exception()  # looked at, in case that all who asked have left meanwhile

    async def _read(self, debate_id: str) -> LiveDebate:
        """As the store has it, and as it goes on wherever it runs."""
        early = self._heard_early[debate_id] = []
        try:
            await self._hall.bus.follow(debate_id)
            debate = await self._hall.store.get_debate(debate_id)
            tree = await self._hall.store.get_tree(debate_id)
        except BaseException:
            self._hall.bus.unfollow(debate_id)
            raise
        finally:
            del self._heard_early[debate_id]
        line = line_to(tree, debate.tip)
        aside = len(tree) - len(line)
        live = LiveDebate(debate, line, self._hall, self._watchman.wake, aside)
        self._debates[debate_id] = live
        for entry in early:
            live.transcript.hear(entry)
        await live.transcript.caught_up()
        return live

    def _forget_idle(self) -> None:
        idle = [
            debate_id
            for debate_id, live in self._debates.items()
            if live.idle and debate_id not in self._users
        ]
        for debate_id in idle[:-AT_REST]:
            self._drop(debate_id)

    def _busy(self) -> bool:
        return any(live.running for live in self._debates.values())

    async def _cut(self, halt: BudgetSpent) -> None:
        running = [live for live in self._debates.values() if live.running]
        await asyncio.gather(*(live.cut(halt) for live in running))

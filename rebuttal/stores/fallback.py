"""Redis while it answers, this process's memory while it does not.

Every write has a place in the journal. What is written in memory is given to Redis when it returns,
in order and once each: Redis remembers the numbers of writes that it has done, so that also a write
whose answer was lost counts once, and one that a restart made it forget is given again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

from rebuttal.errors import NotFound, RebuttalError, StoreError
from rebuttal.stores.base import no_debate
from rebuttal.stores.finding import Whole
from rebuttal.stores.journal import Write
from rebuttal.stores.memory import MemoryStore
from rebuttal.stores.memory_ledger import Sums
from rebuttal.stores.outages import Outages
from rebuttal.stores.redis import RedisStore
from rebuttal.stores.redis_connection import RedisAway
from rebuttal.stores.redis_database import LOST, WHY_LOST
from rebuttal.stores.redis_rows import Tree

T = TypeVar("T")
Work = Callable[[Any], Awaitable[T]]
"""What a store, whichever it is, is to do."""

LETTERS = 50_000_000
"""Of debates held in memory beside those that wait to be written back."""


class Fallback:
    """Reads and writes, by whichever of the two it is now."""

    def __init__(self, redis: RedisStore, memory: MemoryStore, keep: timedelta) -> None:
        self.memory = memory
        self._redis = redis
        self._outages = Outages(redis, memory, keep)
        self._journal = self._outages.journal
        self._entering = asyncio.Lock()

    @property
    def own(self) -> Sums:
        """What this process has spent."""
        return self._outages.own

    @property
    def is_away(self) -> bool:
        """Whether memory has taken over."""
        return self._outages.reason is not None

    @property
    def problem(self) -> str:
        """What a person has to know, in a sentence; or empty."""
        if not self._outages.is_told:
            return ""
        return (
            f"Redis {self._outages.reason}: debates are kept in this process's memory until it "
            "returns, and are then written back."
        )

    async def read(self, work: Work[T], *needed: str) -> T:
        """What the store says that is there. It has to know these debates.

        Raises StoreError where Redis is away and they are not in memory.
        """
        while await self._outages.is_over():
            try:
                return await self._ask(work)
            except RedisAway as error:
                self._outages.begin(error)
            except RebuttalError:
                if not await self._has_forgotten(needed):
                    raise
        return await self._in_memory(work, needed)

    async def whole(self, debate_id: str) -> Whole:
        """The debate with its turns, from now on in memory, too. Raises NotFound."""
        while await self._outages.is_over():
            try:
                return await self._remembered(debate_id)
            except RedisAway as error:
                self._outages.begin(error)
            except NotFound:
                if not await self._has_forgotten([debate_id]):
                    self.memory.shelf.drop(debate_id)
                    raise
        self._check_known([debate_id])
        return self.memory.shelf.seen(debate_id).whole

    async def write(
        self,
        work: Work[T],
        *,
        about: Sequence[str] = (),
        needed: Sequence[str] = (),
        counts: bool = False,
        changed: Callable[[T], bool] = lambda _: True,
    ) -> T:
        """Have it done, also where this is cancelled meanwhile.

        ``about`` are the debates that are changed, ``needed`` those that must be known for it.
        ``counts`` says that sums change, ``changed`` from the result whether anything has.
        """
        write = self._journal.add(work, about, counts=counts)
        writing = asyncio.ensure_future(self._written(write, needed, changed))
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.gather(writing, return_exceptions=True)
            raise

    def give_later(self, work: Work[Any]) -> None:
        """Have Redis do this when it returns."""
        self._journal.add(work).state = "waiting"

    async def close(self) -> None:
        """Write back what Redis takes now, and let go of everything. Twice is once.

        Raises StoreError where something is lost, because Redis is still away.
        """
        await self._outages.close()

    async def _written(
        self, write: Write, needed: Sequence[str], changed: Callable[[T], bool]
    ) -> T:
        try:
            while await self._outages.is_over():
                try:
                    result: T = await self._ask(
                        lambda redis: write.work(redis.as_write(write.number))
                    )
                except RedisAway as error:
                    self._outages.begin(error)
                except RebuttalError:
                    if not await self._has_forgotten(needed):
                        raise
                else:
                    return await self._kept(write, needed, result, changed)
            result = await self._in_memory(write.work, needed)
        except BaseException:
            self._journal.drop(write)
            raise
        write.state = "waiting"
        if not changed(result):
            self._journal.drop(write)
        return result

    async def _kept(
        self, write: Write, needed: Sequence[str], result: T, changed: Callable[[T], bool]
    ) -> T:
        write.state = "kept"
        if not changed(result):
            self._journal.drop(write)
        elif write.about:
            await self._follow(write, needed)
        return result

    async def _follow(self, write: Write, needed: Sequence[str]) -> None:
        """Do in memory what Redis has done, so that it can go on from there."""
        shelf = self.memory.shelf
        try:
            self._check_known(needed)
            await write.work(self.memory)
        except RebuttalError:
            # Another process changed it, or it was not in use here.
            for debate_id in write.about:
                shelf.drop(debate_id)
            for debate_id in needed:
                with suppress(RebuttalError):
                    await self._remembered(debate_id)
        self._shrink()

    async def _in_memory(self, work: Work[T], needed: Sequence[str]) -> T:
        self._check_known(needed)
        return await work(self.memory)

    def _check_known(self, needed: Sequence[str]) -> None:
        if not all(debate_id in self.memory.shelf for debate_id in needed):
            raise StoreError(
                f"This debate is kept in Redis, which {self._outages.reason or 'has it alone'}.",
                "It is there again as soon as Redis is.",
            )

    async def _remembered(self, debate_id: str) -> Whole:
        before = self.memory.shelf.get(debate_id)
        tree: Tree | None = await self._ask(lambda redis: redis.tree(debate_id))
        if tree is None:
            raise no_debate(debate_id)
        if self.memory.shelf.get(debate_id) is before:  # else what is there is newer
            self.memory.shelf.put(tree.held)
            self._shrink()
        if tree.kept.deleted_at is not None:
            raise no_debate(debate_id)
        return tree.kept.debate, tree.turns

    def _shrink(self) -> None:
        waiting = {debate_id for write in self._journal.waiting for debate_id in write.about}
        self.memory.shelf.shrink(LETTERS, waiting)

    async def _ask(self, work: Work[T]) -> T:
        """What Redis answers. Raises RedisAway as soon as anybody finds out."""
        begun = self._outages.begun
        asking = asyncio.ensure_future(self._asked(work))
        try:
            both: set[asyncio.Future[Any]] = {asking, begun}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not asking.done():
                # Nobody waits for its end, which may take long. What it still sends is let in no
                # more once Redis is back.
                asking.cancel()
                asking.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        if not asking.done():
            raise RedisAway(self._outages.reason or "does not answer")
        return asking.result()

    async def _asked(self, work: Work[T]) -> T:
        if not self._redis.database.born:
            async with self._entering:
                if not self._redis.database.born:
                    await self._redis.database.enter()
        return await work(self._redis)

    async def _has_forgotten(self, about: Sequence[str]) -> bool:
        """Whether Redis refuses because it has lost what it kept. Then it counts as away."""
        if not any(debate_id in self.memory.shelf for debate_id in about):
            return False
        kept = self._journal.kept
        try:
            done: set[int] | None = await self._ask(lambda redis: redis.database.done())
        except RedisAway as error:
            self._outages.begin(error)
            return True
        if done is not None and kept <= done:
            return False
        self._outages.begin(RedisAway(LOST, hint=WHY_LOST))
        return True

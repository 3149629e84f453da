"""Redis away and back: who finds out tells all, and what waits is written when it returns."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress
from datetime import timedelta

from rebuttal.errors import InvalidInput, NotFound, StaleTip, StoreError
from rebuttal.stores.journal import Journal, Write
from rebuttal.stores.memory import MemoryStore
from rebuttal.stores.memory_ledger import Sums
from rebuttal.stores.redis import RedisStore
from rebuttal.stores.redis_connection import RESTARTED, RedisAway
from rebuttal.stores.redis_database import LOST
from rebuttal.stores.redis_write_back import WriteBack
from rebuttal.stores.restoring import restore_all

log = logging.getLogger(__name__)

FIRST_LOOK, LAST_LOOK = 0.1, 5.0
"""Seconds between looks whether Redis is back; they double from the first to the last."""
BRIEFLY = 1.0
"""Seconds that everybody waits for a Redis that answers and only has to be looked at anew."""
FAREWELL = 2.0
"""Seconds that closing waits for a Redis that is away."""
ATTEMPTS = 3
"""At a write that Redis refuses without being away."""


class Outages:
    """Whether Redis is there. ``journal`` holds what is written, ``own`` what this process spends.

    ``reason`` is None while it is there, else why it is not, as it follows "Redis".
    """

    def __init__(self, redis: RedisStore, memory: MemoryStore, keep: timedelta) -> None:
        self.reason: str | None = None
        self.journal = Journal(redis.database.next_number)
        self.own = Sums()
        self._redis = redis
        self._memory = memory
        self._keep = keep
        self._is_brief = False
        self._closed = False
        self._begun: asyncio.Future[None] | None = None
        self._returning: asyncio.Task[None] | None = None
        redis.database.oldest = self.journal.oldest

    @property
    def is_told(self) -> bool:
        """Whether it lasts long enough for people to know."""
        return self.reason is not None and not self._is_brief

    @property
    def begun(self) -> asyncio.Future[None]:
        """Done as soon as the next outage begins."""
        if self._begun is None or self._begun.done():
            self._begun = asyncio.get_running_loop().create_future()
        return self._begun

    async def is_over(self) -> bool:
        """Whether Redis is to be asked. Where it can be back in a moment, that is waited for."""
        if self._closed:
            raise StoreError("the store of debates is closed.", "Start Rebuttal again.")
        if self.reason is not None and self._is_brief and self._returning:
            await asyncio.wait([self._returning], timeout=BRIEFLY)
            self._is_brief = False
        return self.reason is None

    def begin(self, error: RedisAway) -> None:
        """It is away: everybody turns to memory, and somebody looks when it is back."""
        if self.reason is not None:
            return
        self.reason = error.reason
        # It answers, so what this process knows can be compared at once with what it keeps.
        self._is_brief = error.reason in (RESTARTED, LOST)
        log.warning("%s Until it returns, debates are kept in memory.", error)
        if self._begun and not self._begun.done():
            self._begun.set_result(None)
        self._returning = asyncio.create_task(self._return(), name="return of Redis")

    async def close(self) -> None:
        """See Fallback.close."""
        lost = 0
        if self._returning:
            self._returning.cancel()
            await asyncio.wait([self._returning])
        if self.reason is not None and self.journal.waiting and not self._closed:
            with suppress(StoreError, TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    await self._write_back()
            lost = len(self.journal.waiting)
        self._closed = True
        await self._redis.close()
        await self._memory.close()
        if lost:
            log.error("%d writes are lost: Redis did not return before the end.", lost)
            raise StoreError(
                f"Redis {self.reason}: what was done since is lost, as the program ends now.",
                "Start Redis, then do it again.",
            )

    async def _return(self) -> None:
        delay = 0.0 if self._is_brief else FIRST_LOOK
        while self.reason is not None:
            # Several processes do not all come at the same moment.
            await asyncio.sleep(delay * random.uniform(0.5, 1))
            delay = min(max(2 * delay, FIRST_LOOK), LAST_LOOK)
            try:
                await self._write_back()
            except RedisAway as error:
                self.reason = error.reason
            except StoreError as error:
                log.warning("not written back yet: %s", error)
            except Exception:
                # The boundary of the task: without it nothing would ever be written back.
                log.exception("writing back broke")
            self._is_brief = False

    async def _write_back(self) -> None:
        database = self._redis.database
        before = database.born
        done = await database.enter()
        if before and database.born != before:
            restore_all(self.journal, self._memory, self.own, self._keep)
        self.journal.compare(done)
        count = 0
        while waiting := self.journal.waiting:
            for write in waiting:
                await self._give(write)
            count += len(waiting)
        self.reason = None
        log.info("Redis is back; %d writes were written back.", count)

    async def _give(self, write: Write) -> None:
        database, shelf = self._redis.database, self._memory.shelf
        back = WriteBack(database, self._redis.keep_turns, write.number, shelf)
        try:
            await write.work(back)
            await back.finish()
        except (InvalidInput, NotFound, StaleTip) as error:
            log.warning("a write of the outage has no place any more: %s", error)
        except RedisAway:
            raise
        except StoreError:
            write.failed += 1
            if write.failed < ATTEMPTS:
                raise
            log.exception("a write of the outage is lost")
        write.state = "kept"

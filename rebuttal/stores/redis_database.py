"""A Redis server: reads, and writes that are all or nothing and count once."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any, TypeVar

from rebuttal.errors import StoreError
from rebuttal.stores.redis_connection import RESTARTED, RedisAddress, RedisAway, spoken
from rebuttal.stores.redis_scripts import PREFIX, WRITER_KEPT

T = TypeVar("T")
Client = Any
"""redis.asyncio.Redis, whose types know nothing of a client that speaks text."""

LOST, WHY_LOST = "has lost what it kept", "Does it write to its disk? See docs/deploy.md."
REMEMBERED = 1000
"""Writes back from the last one that a server is asked to remember, unless ``oldest`` says more."""


_RUN_ID = re.compile(r"run_id:\w+")


def key(*parts: str) -> str:
    """The name of what is kept there."""
    return PREFIX + ":".join(parts)


class RedisDatabase:
    """Every write has a number, and the server remembers the last numbers of each process.

    So a write whose answer was lost is sent again, and counts once. Should it still be on its way
    when the process comes back from an outage (``enter``), the server lets it in no more.
    """

    def __init__(self, address: RedisAddress, keep: timedelta) -> None:
        self.name = address.name
        self.keep_ms = str(max(1, round(keep.total_seconds() * 1000)))
        self.oldest: Callable[[], int] = lambda: self._last - REMEMBERED
        """The number from which on writes may be sent again."""
        self.born = ""
        self._redis: Client = address.connect(greet=self._greet)
        self._scripts: dict[str, Any] = {}
        self._server = ""
        self._process = secrets.token_hex(8)
        self._generation = 0
        self._last = 0
        self._closed = False

    def next_number(self) -> int:
        """For a write to come."""
        self._last += 1
        return self._last

    async def enter(self) -> set[int]:
        """Let in no write of before; the numbers of this process's writes that are done.

        ``born`` is the name of what the server keeps, another one each time it begins empty.
        """
        await self._redis.connection_pool.disconnect()
        self._server = ""
        self._generation += 1
        new = secrets.token_hex(16)
        async with self._talking(), self._redis.pipeline(transaction=True) as pipeline:
            pipeline.set(key("fence", self._process), self._generation, ex=WRITER_KEPT)
            pipeline.set(key("born"), new, nx=True)
            pipeline.get(key("born"))
            pipeline.zrange(key("done", self._process), 0, -1)
            *_, self.born, done = await pipeline.execute()
        return set(map(int, done))

    async def done(self) -> set[int] | None:
        """The same numbers; None where it has lost what it kept when we came in."""

        async def work(redis: Client) -> tuple[str | None, list[str]]:
            async with redis.pipeline(transaction=True) as pipeline:
                pipeline.get(key("born"))
                pipeline.zrange(key("done", self._process), 0, -1)
                born, done = await pipeline.execute()
                return born, done

        born, done = await self.read(work)
        return set(map(int, done)) if born == self.born else None

    async def read(self, work: Callable[[Client], Awaitable[T]]) -> T:
        """What ``work`` reads. Raises StoreError; RedisAway where waiting may help."""
        async with self._talking():
            return await work(self._redis)

    async def write(self, script: str, *args: str, number: int) -> list[str]:
        """What the numbered script answers; ``again`` where that number is done already."""
        while True:
            generation = self._generation
            oldest = min(self.oldest(), number)
            base = str(number), str(oldest), str(generation), self._process, self.born
            answer = await self.run(script, *base, *args)
            if answer == ["forgot"]:
                raise RedisAway(LOST, self.name, WHY_LOST)
            if answer != ["fenced"]:
                return answer
            if generation == self._generation:
                raise StoreError(f"{self.name}: writes of this process are not let in.", "Restart.")

    async def run(self, script: str, *args: str) -> list[str]:
        """What a script answers."""
        if script not in self._scripts:
            self._scripts[script] = self._redis.register_script(script)
        async with self._talking():
            answer: list[str] = await self._scripts[script](args=args)
        return answer

    async def close(self) -> None:
        """Let go of the connections. Twice is once."""
        self._closed = True
        await self._redis.connection_pool.disconnect()

    async def _greet(self, connection: Any) -> None:
        """Notice a restart, after which the last writes may be forgotten."""
        from redis.exceptions import ConnectionError as Lost
        from redis.exceptions import ResponseError

        await connection.send_command("INFO", "server")
        try:
            told = str(await connection.read_response())
        except ResponseError:
            return  # an ACL may forbid the question
        server = _RUN_ID.search(told)
        if server and self._server not in ("", server[0]):
            raise Lost(RESTARTED)
        self._server = server[0] if server else ""

    def _talking(self) -> AbstractAsyncContextManager[None]:
        if self._closed:
            raise StoreError("the store of debates is closed.", "Start Rebuttal again.")
        return spoken(self.name)

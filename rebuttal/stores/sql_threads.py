"""What the parts of a store on SQL share: a database, and threads to work on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

from rebuttal.errors import StoreError
from rebuttal.stores.sql_database import Database, Work

T = TypeVar("T")


class SqlThreads:
    """The work is done in threads, so the loop goes on meanwhile.

    A write that is cancelled is still finished before the cancellation goes on, so that who comes
    next knows where the tip is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        # SQLite has one writer at a time: a second thread would only wait for the first.
        writers = 1 if database.backend == "sqlite" else 4
        self._writers = ThreadPoolExecutor(writers, thread_name_prefix="store-write")
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="store-read")
        self._closed = False

    async def close(self) -> None:
        """Finish what is being written, then let go of files and connections. Twice is once."""
        self._closed = True
        await asyncio.to_thread(self._shut)

    def _shut(self) -> None:
        self._writers.shutdown()
        self._readers.shutdown()
        self._database.close()

    async def _read(self, work: Work[T]) -> T:
        return await self._begun(self._readers, self._database.read, work)

    async def _write(self, work: Work[T]) -> T:
        writing = self._begun(self._writers, self._database.write, work)
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.gather(writing, return_exceptions=True)
            raise

    def _begun(
        self, threads: Executor, transact: Callable[[Work[T]], T], work: Work[T]
    ) -> asyncio.Future[T]:
        if self._closed:
            raise StoreError("the store of debates is closed.", "Start Rebuttal again.")
        return asyncio.get_running_loop().run_in_executor(threads, transact, work)

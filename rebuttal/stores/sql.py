"""DebateStore on SQLite or PostgreSQL.

The turns of a debate form a tree (each row names its parent) and the debate names the ``tip`` of
its main line. A new turn first moves the tip, which claims the debate's row: of two writers one
goes on and the other is told StaleTip.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from rebuttal.errors import InvalidInput, NotFound, RebuttalError, StaleTip, StoreError
from rebuttal.records import Debate, Turn
from rebuttal.stores.base import no_debate
from rebuttal.stores.sql_database import Database, Work
from rebuttal.stores.sql_ledger import SqlLedger
from rebuttal.stores.sql_rows import (
    DEBATES,
    SPENDINGS,
    TURNS,
    debate_of,
    debate_row,
    turn_of,
    turn_row,
)
from rebuttal.stores.storable import MAX_INT, is_storable, known

T = TypeVar("T")


class SqlStore:
    """Debates in SQLite or PostgreSQL; DebateStore describes the methods.

    The work is done in threads, so the loop goes on meanwhile. A write that is cancelled is still
    finished before the cancellation goes on, so that who comes next knows where the tip is. An id
    that is taken is InvalidInput, and so is text that no database keeps.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        # SQLite has one writer at a time: a second thread would only wait for the first.
        writers = 1 if database.backend == "sqlite" else 4
        self._writers = ThreadPoolExecutor(writers, thread_name_prefix="store-write")
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="store-read")
        self._closed = False
        self.ledger = SqlLedger(self._read, self._write)

    @classmethod
    def open(cls, address: str) -> SqlStore:
        """The store at ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST:PORT/DATABASE``.

        A missing file is created with its folder, for this user alone, and the tables are brought
        up to date. Blocks meanwhile. Raises InvalidInput for another kind of address.
        """
        return cls(Database.open(address))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def add_debate(self, debate: Debate, first: Turn) -> None:
        if first.parent_id is not None or debate.tip != first.id:
            raise InvalidInput("a new debate begins with one turn, which is its tip")
        rows = debate_row(debate), turn_row(debate.id, first)

        def work(connection: sa.Connection) -> None:
            try:
                connection.execute(sa.insert(DEBATES), rows[0])
            except IntegrityError:
                raise InvalidInput(f"a debate {debate.id!r} is kept already") from None
            connection.execute(sa.insert(TURNS), rows[1])

        await self._write(work)

    async def get_debate(self, debate_id: str) -> Debate:
        def work(connection: sa.Connection) -> Debate:
            query = sa.select(DEBATES).where(DEBATES.c.id == known(debate_id))
            row = connection.execute(query).one_or_none()
            if row is None:
                raise no_debate(debate_id)
            return debate_of(row)

        return await self._read(work)

    async def list_debates(self, owner: str | None = None, limit: int = 50) -> list[Debate]:
        newest = DEBATES.c.created_at.desc(), DEBATES.c.seq.desc()
        query = sa.select(DEBATES).order_by(*newest).limit(min(max(limit, 0), MAX_INT))
        if owner is not None:
            query = query.where(DEBATES.c.owner == owner if is_storable(owner) else sa.false())
        return await self._read(
            lambda connection: [debate_of(r) for r in connection.execute(query)]
        )

    async def add_turn(self, debate_id: str, turn: Turn, *, finished: bool = False) -> None:
        row = turn_row(debate_id, turn)

        def work(connection: sa.Connection) -> None:
            claimed = connection.execute(
                sa.update(DEBATES)
                .where(DEBATES.c.id == known(debate_id), DEBATES.c.tip == turn.parent_id)
                .values(tip=turn.id, finished=finished)
            )
            if not claimed.rowcount:
                raise _stale_or_missing(connection, debate_id)
            try:
                connection.execute(sa.insert(TURNS), row)
            except IntegrityError:
                raise InvalidInput(f"a turn {turn.id!r} is kept already") from None

        await self._write(work)

    async def get_turns(self, debate_id: str) -> tuple[Turn, ...]:
        line = (
            sa.select(TURNS.c.seq, TURNS.c.parent_id)
            .join(DEBATES, (DEBATES.c.id == TURNS.c.debate_id) & (DEBATES.c.tip == TURNS.c.id))
            .where(DEBATES.c.id == known(debate_id))
            .cte("line", recursive=True)
        )
        parents = sa.select(TURNS.c.seq, TURNS.c.parent_id).join(
            line, (TURNS.c.debate_id == known(debate_id)) & (TURNS.c.id == line.c.parent_id)
        )
        line = line.union(parents)
        return await self._turns(debate_id, TURNS.c.seq.in_(sa.select(line.c.seq)))

    async def get_tree(self, debate_id: str) -> tuple[Turn, ...]:
        return await self._turns(debate_id, TURNS.c.debate_id == known(debate_id))

    async def move_tip(
        self, debate_id: str, tip: str, expected: str, *, finished: bool = False
    ) -> None:
        turn = sa.select(TURNS.c.seq).where(
            TURNS.c.debate_id == known(debate_id), TURNS.c.id == known(tip)
        )

        def work(connection: sa.Connection) -> None:
            moved = connection.execute(
                sa.update(DEBATES)
                .where(
                    DEBATES.c.id == known(debate_id),
                    DEBATES.c.tip == known(expected),
                    turn.exists(),
                )
                .values(tip=known(tip), finished=finished)
            )
            if not moved.rowcount:
                problem = _stale_or_missing(connection, debate_id)
                if isinstance(problem, StaleTip) and connection.execute(turn).first() is None:
                    problem = NotFound(f"debate {debate_id!r} has no turn {tip!r}")
                raise problem

        await self._write(work)

    async def delete_debate(self, debate_id: str) -> None:
        def work(connection: sa.Connection) -> None:
            query = sa.delete(DEBATES).where(DEBATES.c.id == known(debate_id))
            if not connection.execute(query).rowcount:
                raise no_debate(debate_id)
            own = SPENDINGS.c.scope == "debate", SPENDINGS.c.key == debate_id
            connection.execute(sa.delete(SPENDINGS).where(*own))

        await self._write(work)

    async def close(self) -> None:
        """Finish what is being written, then let go of files and connections. Twice is once."""
        self._closed = True
        await asyncio.to_thread(self._shut)

    def _shut(self) -> None:
        self._writers.shutdown()
        self._readers.shutdown()
        self._database.close()

    async def _turns(self, debate_id: str, which: sa.ColumnElement[bool]) -> tuple[Turn, ...]:
        # A turn is always kept after its parent, so the order of keeping is the order of the line.
        query = sa.select(TURNS).where(which).order_by(TURNS.c.seq)
        turns = await self._read(lambda at: tuple(turn_of(row) for row in at.execute(query)))
        if not turns:
            raise no_debate(debate_id)
        return turns

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


def _stale_or_missing(connection: sa.Connection, debate_id: str) -> RebuttalError:
    query = sa.select(DEBATES.c.seq).where(DEBATES.c.id == known(debate_id))
    if connection.execute(query).first() is None:
        return no_debate(debate_id)
    return StaleTip(f"debate {debate_id!r} has moved on meanwhile", "Reload it and try again.")

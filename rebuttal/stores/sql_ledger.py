"""Ledger on SQLite or PostgreSQL.

A row of ``spendings`` is the sum of one purse, raised by an update that the limit is a condition
of: the database itself lets no two writers spend the same rest. Purses are taken in one order, so
that two writers never wait for each other in a ring.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Sequence
from datetime import date, timedelta
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from rebuttal.records import now
from rebuttal.stores.base import NOTHING, SCOPES, Cost, Figures, Lack, Purse
from rebuttal.stores.sql_database import Work
from rebuttal.stores.sql_rows import DAYS, HALTS, SPENDINGS

T = TypeVar("T")

KEPT_DAYS = 2
"""Today, and yesterday for turns that began before midnight."""

_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Transact(Protocol):
    """Runs work in a transaction, in a thread."""

    def __call__(self, work: Work[T]) -> Awaitable[T]: ...


class SqlLedger:
    """Sums in a database; Ledger describes the methods."""

    def __init__(self, read: Transact, write: Transact) -> None:
        self._read = read
        self._write = write

    async def reserve(
        self, purses: Sequence[Purse], cost: Cost, room: Cost = NOTHING
    ) -> Lack | None:
        def work(connection: sa.Connection) -> None:
            for purse in _ordered(purses):
                _take(connection, purse, cost, room)

        try:
            await self._write(work)
        except _TooLittle as exc:
            return exc.lack
        return None

    async def settle(self, purses: Sequence[Purse], reserved: Cost, cost: Cost) -> None:
        def work(connection: sa.Connection) -> None:
            for purse in _ordered(purses):
                connection.execute(_raised(purse, cost - reserved))

        await self._write(work)

    async def secret(self, day: date) -> bytes:
        query = sa.select(DAYS.c.secret).where(DAYS.c.day == day.isoformat())

        def begin(connection: sa.Connection) -> str:
            if _insert(connection, DAYS, day=day.isoformat(), secret=secrets.token_hex(32)):
                _purge(connection, before=day - timedelta(days=KEPT_DAYS - 1))
            return str(connection.scalar(query))

        found = await self._read(lambda connection: connection.scalar(query))
        return bytes.fromhex(str(found or await self._write(begin)))

    async def figures(self, day: date) -> dict[str, Figures]:
        columns = SPENDINGS.c.scope, sa.func.count(), *_sums(sa.func.sum), *_sums(sa.func.max)
        query = (
            sa.select(*columns)
            .where(SPENDINGS.c.day == day.isoformat())
            .group_by(SPENDINGS.c.scope)
        )
        rows = await self._read(lambda connection: connection.execute(query).all())
        return {
            scope: Figures(count, Cost(int(tokens), int(money)), Cost(most, dearest))
            for scope, count, tokens, money, most, dearest in rows
        }

    async def halt(self, reason: str) -> None:
        def work(connection: sa.Connection) -> None:
            connection.execute(sa.delete(HALTS))
            _insert(connection, HALTS, id=1, reason=reason, since=now())

        await self._write(work)

    async def go_on(self) -> None:
        await self._write(lambda connection: connection.execute(sa.delete(HALTS)))

    async def halted(self) -> str | None:
        return await self._read(lambda connection: connection.scalar(sa.select(HALTS.c.reason)))


class _TooLittle(Exception):
    """Ends the transaction, so that nothing of it stands."""

    def __init__(self, lack: Lack) -> None:
        super().__init__()
        self.lack = lack


def _ordered(purses: Sequence[Purse]) -> list[Purse]:
    return sorted(purses, key=lambda purse: SCOPES.index(purse.scope))


def _of(purse: Purse) -> sa.ColumnElement[bool]:
    c = SPENDINGS.c
    return sa.and_(c.scope == purse.scope, c.key == purse.key, c.day == purse.day)


def _raised(purse: Purse, by: Cost) -> sa.Update:
    c = SPENDINGS.c
    return (
        sa.update(SPENDINGS)
        .where(_of(purse))
        .values(tokens=c.tokens + by.tokens, money=c.money + by.money)
    )


def _take(connection: sa.Connection, purse: Purse, cost: Cost, room: Cost) -> None:
    c, need = SPENDINGS.c, cost + room
    take = _raised(purse, cost)
    if purse.tokens is not None:
        take = take.where(c.tokens + need.tokens <= purse.tokens)
    if purse.money is not None:
        take = take.where(c.money + need.money <= purse.money)
    if connection.execute(take).rowcount:
        return
    names = {"scope": purse.scope, "key": purse.key, "day": purse.day}
    _insert(connection, SPENDINGS, **names, tokens=0, money=0)
    if not connection.execute(take).rowcount:
        spent = connection.execute(sa.select(c.tokens, c.money).where(_of(purse))).one()
        raise _TooLittle(Lack(purse, Cost(*spent), need))


def _insert(connection: sa.Connection, table: sa.Table, **row: object) -> bool:
    """Whether the row is new."""
    insert = _INSERTS[connection.dialect.name](table).values(**row).on_conflict_do_nothing()
    return bool(connection.execute(insert).rowcount)


def _sums(of: Any) -> tuple[sa.ColumnElement[int], sa.ColumnElement[int]]:
    return of(SPENDINGS.c.tokens), of(SPENDINGS.c.money)


def _purge(connection: sa.Connection, before: date) -> None:
    """Forget old days; a debate's own sum has no day and goes with the debate."""
    old = before.isoformat()
    connection.execute(sa.delete(SPENDINGS).where(SPENDINGS.c.day != "", SPENDINGS.c.day < old))
    connection.execute(sa.delete(DAYS).where(DAYS.c.day < old))

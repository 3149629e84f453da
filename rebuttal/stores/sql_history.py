"""A history on SQL: searched, hidden and brought back, purged, counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from rebuttal.errors import InvalidInput
from rebuttal.records import Debate, Found, FoundPage, Search, Tally, now
from rebuttal.stores.sql_database import Database
from rebuttal.stores.sql_excerpts import excerpts
from rebuttal.stores.sql_index import index_on
from rebuttal.stores.sql_rows import (
    DEBATES,
    SPENDINGS,
    TOKENS,
    TURNS,
    debate_of,
)
from rebuttal.stores.sql_tallies import tally_of, tally_query
from rebuttal.stores.sql_terms import Sought, sought
from rebuttal.stores.sql_threads import SqlThreads
from rebuttal.stores.storable import MAX_INT, is_storable, known
from rebuttal.words import wanted

SLICE = 50
"""Debates that one transaction of a purge forgets: others write in between."""
FEW = 100
"""Pinned debates that are looked at one by one."""
NAMED = 500
"""Ids that one statement names."""


class _Place(NamedTuple):
    """Where a page ends: at that debate, among those pinned or those not."""

    pinned: bool
    seq: int


class SqlHistory(SqlThreads):
    """What a store does with many debates at once."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._index = index_on(database.backend)

    async def search(
        self, owner: str | None, search: Search, more: str | None = None, limit: int = 20
    ) -> FoundPage:
        for moment in (search.since, search.until):
            if moment is not None and moment.tzinfo is None:
                raise InvalidInput("a search needs moments with a time zone")
        place = None if more is None else _place(more)
        most = min(max(limit, 0), MAX_INT - 1)
        return await self._read(lambda at: self._page(at, owner, search, place, most))

    def _page(
        self,
        connection: sa.Connection,
        owner: str | None,
        search: Search,
        place: _Place | None,
        most: int,
    ) -> FoundPage:
        rows: list[sa.Row[Any]] = []
        for pinned in (True, False):
            if place and place.pinned < pinned:
                continue
            before = place.seq if place and place.pinned == pinned else None
            need = most + 1 - len(rows)
            rows += self._rows(connection, owner, search, pinned, before, need)
            if len(rows) > most:
                break
        page = rows[:most]
        more = f"{page[-1].pinned:d}-{page[-1].seq}" if page and len(rows) > most else None
        return FoundPage(found=_found(connection, page, search), more=more)

    def _rows(
        self,
        connection: sa.Connection,
        owner: str | None,
        search: Search,
        pinned: bool,
        before: int | None,
        need: int,
    ) -> list[sa.Row[Any]]:
        """The newest debates that are found, at most ``need``, and seldom more."""
        query = (
            sa.select(DEBATES)
            .where(DEBATES.c.pinned == _flag(pinned), *_narrowed(owner, search))
            .order_by(DEBATES.c.seq.desc())
        )
        asked = sought(owner, search)
        if asked is None:
            older = () if before is None else (DEBATES.c.seq < before,)
            return list(connection.execute(query.where(*older).limit(need)))
        few = _few_pinned(connection, owner, before) if pinned else None
        seqs = None if few is None else self._index.among(connection, asked.pinned(True), few)
        if seqs is not None:
            return list(connection.execute(query.where(DEBATES.c.seq.in_(seqs)).limit(need)))
        return self._looked_up(connection, asked.pinned(pinned), query, before, need)

    def _looked_up(
        self,
        connection: sa.Connection,
        asked: Sought,
        query: sa.Select[Any],
        before: int | None,
        need: int,
    ) -> list[sa.Row[Any]]:
        """By the index, which may also name what is deleted, or begun a few hours outside."""
        rows: list[sa.Row[Any]] = []
        most = 4 * need if asked.any else need
        while len(rows) < need:
            seqs = self._index.newest(connection, asked, before, most)
            for some in slices(seqs):
                rows += connection.execute(query.where(DEBATES.c.seq.in_(some)))
            if len(seqs) < most:
                break
            before, most = seqs[-1], min(4 * most, 10_000)
        return rows[:need]

    async def ids_of(self, owner: str) -> list[str]:
        query = sa.select(DEBATES.c.id).where(*_narrowed(owner, Search()))
        return await self._read(lambda connection: list(connection.scalars(query)))

    async def delete(self, debate_ids: Sequence[str]) -> None:
        await self._mark_deleted(debate_ids, DEBATES.c.deleted_at.is_(None), now())

    async def restore(self, debate_ids: Sequence[str]) -> None:
        await self._mark_deleted(debate_ids, DEBATES.c.deleted_at.is_not(None), None)

    async def hidden(self, debate_ids: Sequence[str]) -> list[Debate]:
        def work(connection: sa.Connection) -> list[Debate]:
            found: list[Debate] = []
            for some in slices([known(key) for key in debate_ids]):
                query = sa.select(DEBATES).where(DEBATES.c.id.in_(some))
                rows = connection.execute(query.where(DEBATES.c.deleted_at.is_not(None)))
                found += map(debate_of, rows)
            return found

        return await self._read(work)

    async def _mark_deleted(
        self, debate_ids: Sequence[str], which: sa.ColumnElement[bool], moment: datetime | None
    ) -> None:
        def work(connection: sa.Connection) -> None:
            for some in slices([known(key) for key in debate_ids]):
                query = sa.update(DEBATES).where(DEBATES.c.id.in_(some), which)
                connection.execute(query.values(deleted_at=moment))

        await self._write(work)

    async def doomed(self, older_than: datetime | None, deleted_before: datetime) -> list[Debate]:
        query = (
            sa.select(DEBATES)
            .where(_doomed(older_than, deleted_before))
            .order_by(DEBATES.c.seq.desc())
        )
        return await self._read(
            lambda connection: [debate_of(row) for row in connection.execute(query)]
        )

    async def purge(self, older_than: datetime | None, deleted_before: datetime) -> int:
        some = (
            sa.select(DEBATES.c.seq, DEBATES.c.id)
            .where(_doomed(older_than, deleted_before))
            .limit(SLICE)
        )

        def work(connection: sa.Connection) -> int:
            rows = connection.execute(some).all()
            self._forget(connection, [row.seq for row in rows], [row.id for row in rows])
            return len(rows)

        count = 0
        while gone := await self._write(work):
            count += gone
        ended = sa.delete(TOKENS).where(TOKENS.c.expires_at < now())
        await self._write(lambda connection: connection.execute(ended))
        if count:
            await self._tidy()
        return count

    def _forget(self, connection: sa.Connection, seqs: list[int], ids: list[str]) -> None:
        self._index.drop(connection, seqs)
        connection.execute(sa.delete(DEBATES).where(DEBATES.c.seq.in_(seqs)))
        own = SPENDINGS.c.scope == "debate", SPENDINGS.c.key.in_(ids)
        connection.execute(sa.delete(SPENDINGS).where(*own))

    async def _tidy(self) -> None:
        """Leave nothing of what was purged in the files, as far as they are ours."""
        begin = True
        while await self._write(lambda at, begin=begin: self._index.tidy(at, begin)):  # type: ignore[misc]
            begin = False
        await self._begun(self._writers, lambda _: self._database.empty_log(), lambda _: None)

    async def tallies(
        self, owner: str | None, since: datetime, until: datetime
    ) -> tuple[Tally, ...]:
        query = tally_query(self._database.backend, since, until)
        query = query.where(*_narrowed(owner, Search()))
        return await self._read(
            lambda connection: tuple(tally_of(row) for row in connection.execute(query))
        )


def _place(more: str) -> _Place:
    pinned, _, seq = more.partition("-")
    if pinned not in ("0", "1") or not (seq.isascii() and seq.isdigit()) or len(seq) > 18:
        raise InvalidInput("this is no place in a list", "Begin with its first page.")
    return _Place(pinned == "1", int(seq))


def _few_pinned(
    connection: sa.Connection, owner: str | None, before: int | None
) -> list[int] | None:
    """The pinned debates that were kept before that one; None where they are more than a few."""
    older = () if before is None else (DEBATES.c.seq < before,)
    pinned = DEBATES.c.pinned == _flag(True), *_narrowed(owner, Search()), *older
    query = sa.select(DEBATES.c.seq).where(*pinned).order_by(DEBATES.c.seq.desc())
    found = list(connection.scalars(query.limit(FEW + 1)))
    return found if len(found) <= FEW else None


def _flag(value: bool) -> sa.ColumnElement[bool]:
    return sa.true() if value else sa.false()


def _narrowed(owner: str | None, search: Search) -> Iterator[sa.ColumnElement[bool]]:
    """What a row of a debate says of itself; its words are not looked at."""
    yield DEBATES.c.deleted_at.is_(None)
    if owner is not None:
        yield DEBATES.c.owner == owner if is_storable(owner) else sa.false()
    if search.since is not None:
        yield DEBATES.c.created_at >= search.since
    if search.until is not None:
        yield DEBATES.c.created_at < search.until
    if search.finished is not None:
        yield DEBATES.c.finished == _flag(search.finished)


def _doomed(older_than: datetime | None, deleted_before: datetime) -> sa.ColumnElement[bool]:
    deleted = DEBATES.c.deleted_at < deleted_before
    return deleted if older_than is None else deleted | (DEBATES.c.kept_at < older_than)


def _found(
    connection: sa.Connection, rows: Sequence[sa.Row[Any]], search: Search
) -> tuple[Found, ...]:
    debates = [debate_of(row) for row in rows]
    count = (
        sa.select(TURNS.c.debate_id, sa.func.count())
        .where(TURNS.c.debate_id.in_([debate.id for debate in debates]))
        .group_by(TURNS.c.debate_id)
    )
    turns = {row[0]: row[1] for row in connection.execute(count)} if debates else {}
    places = excerpts(connection, debates, turns, wanted(search.text))
    return tuple(
        Found(debate=debate, turns=turns[debate.id], excerpt=places.get(debate.id, ""))
        for debate in debates
    )


def slices(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """As many at once as one statement may name."""
    return (values[at : at + NAMED] for at in range(0, len(values), NAMED))

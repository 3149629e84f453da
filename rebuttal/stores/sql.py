"""DebateStore on SQLite or PostgreSQL.

The turns of a debate form a tree (each row names its parent) and the debate names the ``tip`` of
its main line. A new turn first moves the tip, which claims the debate's row: of two writers one
goes on and the other is told StaleTip.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from rebuttal.errors import InvalidInput, RebuttalError, StaleTip
from rebuttal.line import below
from rebuttal.records import Debate, Turn, now
from rebuttal.stores.base import no_debate, no_turn, stale
from rebuttal.stores.sql_database import Database
from rebuttal.stores.sql_history import SqlHistory, slices
from rebuttal.stores.sql_ledger import SqlLedger
from rebuttal.stores.sql_panels import SqlPanels
from rebuttal.stores.sql_rows import (
    DEBATES,
    TURNS,
    debate_of,
    debate_row,
    turn_of,
    turn_row,
)
from rebuttal.stores.sql_terms import FINISHED, terms_of, terms_of_turn
from rebuttal.stores.sql_tokens import SqlTokens
from rebuttal.stores.storable import check_storable, check_tree, known

SLICE_TURNS = 200
"""Turns of new debates that are kept in one transaction, if they are not one debate's."""
UNSEEN_FOR = timedelta(days=1)
"""How long new debates may take to be kept, all together."""


class SqlStore(SqlHistory, SqlTokens, SqlPanels):
    """Debates in SQLite or PostgreSQL; DebateStore describes the methods.

    An id that is taken is InvalidInput, and so is text that no database keeps.
    """

    problem = ""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
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
        await self.add_debates([(debate, (first,))])

    async def add_debates(self, whole: Sequence[tuple[Debate, Sequence[Turn]]]) -> None:
        """Many are kept in slices, between which others write; none is seen before all are there.

        What a crash leaves of them is hidden, and goes with a later purge.
        """
        hidden = None if len(whole) == 1 else now() + UNSEEN_FOR
        ids: dict[str, None] = {}
        at = 0
        try:
            while at < len(whole):
                at = await self._write(partial(self._add_some, whole, at, hidden, ids))
            if hidden:
                await self.restore(list(ids))
        except BaseException:
            if hidden:
                await self._write(partial(self._take_back, hidden, list(ids)))
            raise

    def _add_some(
        self,
        whole: Sequence[tuple[Debate, Sequence[Turn]]],
        at: int,
        hidden: datetime | None,
        ids: dict[str, None],
        connection: sa.Connection,
    ) -> int:
        """Keep those from ``at`` on, as many as make a slice; where the next one begins."""
        kept = 0
        while at < len(whole) and kept < SLICE_TURNS:
            debate, turns = whole[at]
            check_tree(debate, turns)
            ids[debate.id] = None
            seq = _added(connection, debate.id, {**debate_row(debate), "deleted_at": hidden})
            connection.execute(sa.insert(TURNS), [turn_row(debate.id, turn) for turn in turns])
            self._index.put(connection, seq, terms_of(debate, turns))
            kept, at = kept + len(turns), at + 1
        return at

    def _take_back(self, hidden: datetime, ids: list[str], connection: sa.Connection) -> None:
        """Forget what was kept of them; one that was there before is none of them."""
        for some in slices(ids):
            ours = DEBATES.c.id.in_(some), DEBATES.c.deleted_at == hidden
            rows = connection.execute(sa.select(DEBATES.c.seq, DEBATES.c.id).where(*ours)).all()
            self._forget(connection, [row.seq for row in rows], [row.id for row in rows])

    async def get_debate(self, debate_id: str) -> Debate:
        def work(connection: sa.Connection) -> Debate:
            query = sa.select(DEBATES).where(_is(debate_id))
            row = connection.execute(query).one_or_none()
            if row is None:
                raise no_debate(debate_id)
            return debate_of(row)

        return await self._read(work)

    async def change_debate(
        self, debate_id: str, *, title: str | None = None, pinned: bool | None = None
    ) -> None:
        values: dict[str, Any] = {} if pinned is None else {"pinned": pinned}
        if title is not None:
            check_storable("title", title)
            values["title"] = title or None

        def work(connection: sa.Connection) -> None:
            change = (
                sa.update(DEBATES).where(_is(debate_id)).values(values or {"tip": DEBATES.c.tip})
            )
            if not connection.execute(change).rowcount:
                raise no_debate(debate_id)
            self._index_anew(connection, debate_id)

        await self._write(work)

    async def add_turn(self, debate_id: str, turn: Turn, *, finished: bool = False) -> None:
        row = turn_row(debate_id, turn)

        def work(connection: sa.Connection) -> None:
            claim = (
                sa.update(DEBATES)
                .where(_is(debate_id), DEBATES.c.tip == turn.parent_id)
                .values(tip=turn.id, finished=finished, kept_at=now())
                .returning(DEBATES.c.seq)
            )
            seq = connection.scalar(claim)
            if seq is None:
                raise _stale_or_missing(connection, debate_id)
            try:
                connection.execute(sa.insert(TURNS), row)
            except IntegrityError:
                raise InvalidInput(f"a turn {turn.id!r} is kept already") from None
            come, gone = _marks(finished)
            self._index.add(connection, seq, terms_of_turn(turn) | come, gone)

        await self._write(work)

    async def get_turns(self, debate_id: str) -> tuple[Turn, ...]:
        line = (
            sa.select(TURNS.c.seq, TURNS.c.parent_id)
            .join(DEBATES, (DEBATES.c.id == TURNS.c.debate_id) & (DEBATES.c.tip == TURNS.c.id))
            .where(_is(debate_id))
            .cte("line", recursive=True)
        )
        parents = sa.select(TURNS.c.seq, TURNS.c.parent_id).join(
            line, (TURNS.c.debate_id == known(debate_id)) & (TURNS.c.id == line.c.parent_id)
        )
        line = line.union(parents)
        return await self._turns(debate_id, TURNS.c.seq.in_(sa.select(line.c.seq)))

    async def get_tree(self, debate_id: str) -> tuple[Turn, ...]:
        seen = sa.select(DEBATES.c.id).where(_is(debate_id))
        return await self._turns(debate_id, TURNS.c.debate_id.in_(seen))

    async def move_tip(
        self, debate_id: str, tip: str, expected: str, *, finished: bool = False
    ) -> None:
        turn = sa.select(TURNS.c.seq).where(
            TURNS.c.debate_id == known(debate_id), TURNS.c.id == known(tip)
        )

        def work(connection: sa.Connection) -> None:
            move = (
                sa.update(DEBATES)
                .where(_is(debate_id), DEBATES.c.tip == known(expected), turn.exists())
                .values(tip=known(tip), finished=finished)
                .returning(DEBATES.c.seq)
            )
            seq = connection.scalar(move)
            if seq is None:
                problem = _stale_or_missing(connection, debate_id)
                if isinstance(problem, StaleTip) and connection.execute(turn).first() is None:
                    problem = no_turn(debate_id, tip)
                raise problem

            self._index.add(connection, seq, *_marks(finished))

        await self._write(work)

    async def delete_branch(self, debate_id: str, turn_id: str) -> None:
        def work(connection: sa.Connection) -> None:
            # The debate is claimed first, so that nobody moves its tip meanwhile.
            claim = sa.update(DEBATES).where(_is(debate_id)).values(tip=DEBATES.c.tip)
            tip = connection.scalar(claim.returning(DEBATES.c.tip))
            if tip is None:
                raise no_debate(debate_id)
            tree = _tree(connection, debate_id)
            branch = below(tree, turn_id)
            gone = [turn.id for turn in reversed(tree) if turn.id in branch]  # children first
            if not gone:
                raise no_turn(debate_id, turn_id)
            if tip in branch:
                raise InvalidInput("this is the main line", "Choose another line first.")
            of_debate = sa.delete(TURNS).where(TURNS.c.debate_id == debate_id)
            for some in slices(gone):
                connection.execute(of_debate.where(TURNS.c.id.in_(some)))
            self._index_anew(connection, debate_id)

        await self._write(work)

    def _index_anew(self, connection: sa.Connection, debate_id: str) -> None:
        row = connection.execute(sa.select(DEBATES).where(_is(debate_id))).one()
        terms = terms_of(debate_of(row), _tree(connection, debate_id))
        self._index.put(connection, row.seq, terms)

    async def _turns(self, debate_id: str, which: sa.ColumnElement[bool]) -> tuple[Turn, ...]:
        # A turn is always kept after its parent, so the order of keeping is the order of the line.
        query = sa.select(TURNS).where(which).order_by(TURNS.c.seq)
        turns = await self._read(lambda at: tuple(turn_of(row) for row in at.execute(query)))
        if not turns:
            raise no_debate(debate_id)
        return turns


def _is(debate_id: str) -> sa.ColumnElement[bool]:
    """Whether a row is that debate's, and it is not deleted."""
    return (DEBATES.c.id == known(debate_id)) & DEBATES.c.deleted_at.is_(None)


def _marks(finished: bool) -> tuple[set[str], set[str]]:
    """What comes to the index, and what is gone from it."""
    return ({FINISHED}, set()) if finished else (set(), {FINISHED})


def _added(connection: sa.Connection, debate_id: str, row: dict[str, Any]) -> int:
    try:
        seq: int = connection.execute(sa.insert(DEBATES).returning(DEBATES.c.seq), row).scalar_one()
    except IntegrityError:
        raise InvalidInput(f"a debate {debate_id!r} is kept already") from None
    return seq


def _tree(connection: sa.Connection, debate_id: str) -> list[Turn]:
    query = sa.select(TURNS).where(TURNS.c.debate_id == debate_id).order_by(TURNS.c.seq)
    return [turn_of(row) for row in connection.execute(query)]


def _stale_or_missing(connection: sa.Connection, debate_id: str) -> RebuttalError:
    query = sa.select(DEBATES.c.seq).where(_is(debate_id))
    if connection.execute(query).first() is None:
        return no_debate(debate_id)
    return stale(debate_id)

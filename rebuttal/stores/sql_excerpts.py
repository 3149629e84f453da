"""Where in a debate the words stand that somebody looked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from rebuttal.records import Debate
from rebuttal.stores.sql_rows import TURNS
from rebuttal.words import Wanted, excerpt

AT_ONCE = 10
"""Turns that are read at once; the words seldom stand further behind."""
_TEXTS = (
    sa.select(TURNS.c.seq, TURNS.c.text)
    .where(TURNS.c.debate_id == sa.bindparam("debate"), TURNS.c.seq > sa.bindparam("last"))
    .order_by(TURNS.c.seq)
    .limit(AT_ONCE)
)


def excerpts(
    connection: sa.Connection, debates: Sequence[Debate], looked_for: Wanted
) -> dict[str, str]:
    """By the debates' ids; none where nothing was looked for."""
    if not looked_for:
        return {}
    return {debate.id: _excerpt(connection, debate, looked_for) for debate in debates}


def _excerpt(connection: sa.Connection, debate: Debate, looked_for: Wanted) -> str:
    return next(
        filter(None, (excerpt(text, looked_for) for text in _texts(connection, debate))), ""
    )


def _texts(connection: sa.Connection, debate: Debate) -> Iterator[str]:
    yield from filter(None, (debate.title, debate.topic))
    last = 0
    while True:
        rows = connection.execute(_TEXTS, {"debate": debate.id, "last": last}).all()
        yield from (row.text for row in rows)
        if len(rows) < AT_ONCE:
            return
        last = rows[-1].seq

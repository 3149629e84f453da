"""Where in a debate the words stand that somebody looked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import sqlalchemy as sa

from rebuttal.records import Debate
from rebuttal.stores.sql_rows import TURNS
from rebuttal.words import Wanted, excerpt

SHORT = 30
"""Turns of debates whose texts are read at once, and of a longer one's that are read at a time."""
_TEXTS = (
    sa.select(TURNS.c.seq, TURNS.c.text)
    .where(TURNS.c.debate_id == sa.bindparam("debate"), TURNS.c.seq > sa.bindparam("last"))
    .order_by(TURNS.c.seq)
    .limit(SHORT)
)


def excerpts(
    connection: sa.Connection,
    debates: Sequence[Debate],
    turns: Mapping[str, int],
    looked_for: Wanted,
) -> dict[str, str]:
    """By the debates' ids; none where nothing was looked for. ``turns`` says how long each is."""
    if not looked_for:
        return {}
    found = {}
    for debate in debates:
        names = filter(None, (debate.title, debate.topic))
        found[debate.id] = _first(names, looked_for)
    open_ones = [key for key, place in found.items() if not place]
    short = [key for key in open_ones if turns[key] <= SHORT]
    texts = _texts(connection, short) if short else {}
    for key in open_ones:
        found[key] = _first(texts[key] if key in texts else _long(connection, key), looked_for)
    return found


def _first(texts: Iterable[str], looked_for: Wanted) -> str:
    return next(filter(None, (excerpt(text, looked_for) for text in texts)), "")


def _texts(connection: sa.Connection, debate_ids: Sequence[str]) -> dict[str, list[str]]:
    """All turns of these, oldest first."""
    query = (
        sa.select(TURNS.c.debate_id, TURNS.c.text)
        .where(TURNS.c.debate_id.in_(debate_ids))
        .order_by(TURNS.c.seq)
    )
    texts = defaultdict(list)
    for debate_id, text in connection.execute(query):
        texts[debate_id].append(text)
    return texts


def _long(connection: sa.Connection, debate_id: str) -> Iterator[str]:
    last = 0
    while True:
        rows = connection.execute(_TEXTS, {"debate": debate_id, "last": last}).all()
        yield from (row.text for row in rows)
        if len(rows) < SHORT:
            return
        last = rows[-1].seq

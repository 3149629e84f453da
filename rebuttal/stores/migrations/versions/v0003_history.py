"""What a history needs: titles, pins, what is finished or deleted, tokens, an index of words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from rebuttal.line import line_to, next_debater
from rebuttal.records import Debate, Turn
from rebuttal.stores.sql_index import CREATE_FTS, FTS, Index, index_on
from rebuttal.stores.sql_rows import DEBATES, TURNS, debate_of, turn_of
from rebuttal.stores.sql_terms import terms_of

revision = "0003"
down_revision = "0002"

AT_ONCE = 200
"""Debates that are read at once."""

Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")
Words = sa.LargeBinary().with_variant(postgresql.TSVECTOR(), "postgresql")

_OF_DEBATES: tuple[Callable[[], sa.Column[Any]], ...] = (
    lambda: sa.Column("title", sa.Text),
    lambda: sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false()),
    lambda: sa.Column("finished", sa.Boolean, nullable=False, server_default=sa.false()),
    lambda: sa.Column("rerun_of", sa.Text),
    lambda: sa.Column("imported_at", Moment),
    lambda: sa.Column(
        "kept_at", Moment, nullable=False, server_default="1970-01-01T00:00:00.000000+00:00"
    ),
    lambda: sa.Column("deleted_at", Moment),
)
_OF_TURNS: tuple[Callable[[], sa.Column[Any]], ...] = (
    lambda: sa.Column("debaters", sa.Text),
    lambda: sa.Column("persona", sa.Text),
    lambda: sa.Column("edited_from", sa.Text),
)


def upgrade() -> None:
    """From debates that are only listed."""
    for column in _OF_DEBATES:
        op.add_column("debates", column())
    for column in _OF_TURNS:
        op.add_column("turns", column())
    op.drop_index("debates_newest", "debates")
    op.drop_index("debates_of_owner", "debates")
    _index_debates("debates_of_all", ["pinned", "seq", "created_at", "finished"], "IS NULL")
    _index_debates(
        "debates_of_owner", ["owner", "pinned", "seq", "created_at", "finished"], "IS NULL"
    )
    _index_debates("debates_deleted", ["deleted_at", "seq"], "IS NOT NULL")
    _make_tokens()
    _make_words()
    _fill()


def downgrade() -> None:
    """Back to debates that are only listed."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"DROP TABLE {FTS}")
    for table in ("debate_words", "tokens"):
        op.drop_table(table)
    for index in ("debates_of_all", "debates_of_owner", "debates_deleted"):
        op.drop_index(index, "debates")
    op.create_index("debates_newest", "debates", ["created_at", "seq"])
    op.create_index("debates_of_owner", "debates", ["owner", "created_at", "seq"])
    for column in _OF_TURNS:
        op.drop_column("turns", column().name)
    for column in _OF_DEBATES:
        op.drop_column("debates", column().name)


def _index_debates(name: str, columns: Sequence[str], deleted: str) -> None:
    where = sa.text(f"deleted_at {deleted}")
    op.create_index(name, "debates", columns, sqlite_where=where, postgresql_where=where)


def _make_tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("seq", Serial, primary_key=True, autoincrement=True),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("debate_id", sa.Text, sa.ForeignKey("debates.id", ondelete="CASCADE")),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("expires_at", Moment),
    )
    op.create_index("tokens_of_owner", "tokens", ["owner", "kind", "seq"])
    op.create_index("tokens_of_debate", "tokens", ["debate_id"])


def _make_words() -> None:
    seq = sa.Column(
        "seq", Serial, sa.ForeignKey("debates.seq"), primary_key=True, autoincrement=False
    )
    op.create_table("debate_words", seq, sa.Column("words", Words, nullable=False))
    if op.get_bind().dialect.name == "sqlite":
        op.execute(CREATE_FTS)
        return
    # Words lie outside of the rows, which stay so short that a search reads all of them at once.
    op.execute("ALTER TABLE debate_words SET (toast_tuple_target = 128)")
    op.create_index(
        "debate_words_found",
        "debate_words",
        ["words"],
        postgresql_using="gin",
        # A turn's words wait in a list that every search reads too: 4 MiB of it are too slow.
        postgresql_with={"gin_pending_list_limit": 1024},
    )


def _fill() -> None:
    """Say of the debates that are there what is now said of new ones."""
    connection = op.get_bind()
    index = index_on(connection.dialect.name)
    after = 0
    while True:
        query = sa.select(DEBATES).where(DEBATES.c.seq > after).order_by(DEBATES.c.seq)
        rows = connection.execute(query.limit(AT_ONCE)).all()
        for row in rows:
            _fill_debate(connection, index, row)
        if len(rows) < AT_ONCE:
            return
        after = rows[-1].seq


def _fill_debate(connection: sa.Connection, index: Index, row: sa.Row[Any]) -> None:
    debate = debate_of(row)
    for debater in debate.debaters:
        spoken = TURNS.c.debate_id == debate.id, TURNS.c.speaker == debater.seat
        persona = sa.update(TURNS).where(*spoken).values(persona=debater.persona.key)
        connection.execute(persona)
    query = sa.select(TURNS).where(TURNS.c.debate_id == debate.id).order_by(TURNS.c.seq)
    tree = [turn_of(turn) for turn in connection.execute(query)]
    debate = debate.model_copy(update={"finished": _is_finished(debate, tree)})
    kept = max((turn.created_at for turn in tree), default=debate.created_at)
    change = sa.update(DEBATES).where(DEBATES.c.seq == row.seq)
    connection.execute(change.values(finished=debate.finished, kept_at=kept))
    index.put(connection, row.seq, terms_of(debate, tree))


def _is_finished(debate: Debate, tree: Sequence[Turn]) -> bool:
    line = line_to(tree, debate.tip)
    return bool(line) and next_debater(debate, line) is None

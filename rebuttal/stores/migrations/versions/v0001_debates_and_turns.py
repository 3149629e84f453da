"""Debates, and the tree of turns that hangs on each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """From an empty database."""
    op.create_table(
        "debates",
        sa.Column("seq", Serial, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("debaters", sa.Text, nullable=False),
        sa.Column("rounds", sa.BigInteger, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("seed", sa.BigInteger),
        sa.Column("tip", sa.Text, nullable=False),
        sa.Column("forked_from", sa.Text),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
    )
    op.create_index("debates_newest", "debates", ["created_at", "seq"])
    op.create_index("debates_of_owner", "debates", ["owner", "created_at", "seq"])
    op.create_table(
        "turns",
        sa.Column("seq", Serial, primary_key=True, autoincrement=True),
        sa.Column(
            "debate_id", sa.Text, sa.ForeignKey("debates.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("parent_id", sa.Text),
        sa.Column("speaker", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("rounds", sa.BigInteger, nullable=False),
        sa.Column("model", sa.Text),
        sa.Column("finish", sa.Text, nullable=False),
        sa.Column("usage", sa.Text),
        sa.Column("timings", sa.Text),
        sa.Column("created_at", Moment, nullable=False),
        sa.UniqueConstraint("debate_id", "id"),
        sa.ForeignKeyConstraint(["debate_id", "parent_id"], ["turns.debate_id", "turns.id"]),
    )
    op.create_index("turns_of_parent", "turns", ["debate_id", "parent_id"])


def downgrade() -> None:
    """To an empty database."""
    op.drop_table("turns")
    op.drop_table("debates")

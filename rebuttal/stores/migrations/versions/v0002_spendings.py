"""What was spent of the budgets, the operator's halt, and for whom a debate has own keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

Moment = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """From debates and turns alone."""
    op.create_table(
        "spendings",
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("money", sa.BigInteger, nullable=False),
    )
    op.create_index("spendings_of_day", "spendings", ["day", "scope"])
    op.create_table(
        "days",
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("secret", sa.Text, nullable=False),
    )
    op.create_table(
        "halts",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("since", Moment, nullable=False),
    )
    op.add_column(
        "debates", sa.Column("own_keys", sa.Text, nullable=False, server_default=sa.text("'[]'"))
    )


def downgrade() -> None:
    """Back to debates and turns alone."""
    op.drop_column("debates", "own_keys")
    op.drop_table("halts")
    op.drop_table("days")
    op.drop_table("spendings")

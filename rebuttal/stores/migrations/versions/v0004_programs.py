"""What programs need: names and powers of tokens, and panels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_OF_TOKENS: tuple[Callable[[], sa.Column[Any]], ...] = (
    lambda: sa.Column("name", sa.Text, nullable=False, server_default=sa.text("''")),
    lambda: sa.Column("powers", sa.Text, nullable=False, server_default=sa.text("'[]'")),
    lambda: sa.Column("operator", sa.Boolean, nullable=False, server_default=sa.false()),
    lambda: sa.Column("mark", sa.Text, nullable=False, server_default=sa.text("''")),
)


def upgrade() -> None:
    """From a database that only people use."""
    for column in _OF_TOKENS:
        op.add_column("tokens", column())
    op.create_table(
        "panels",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("panel", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Back to people. Tokens for programs would mean nothing there."""
    op.drop_table("panels")
    op.execute("DELETE FROM tokens WHERE kind = 'program'")
    for column in _OF_TOKENS:
        op.drop_column("tokens", column().name)

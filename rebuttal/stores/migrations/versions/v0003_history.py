"""What a history needs: titles, pins, what is finished, deleted or imported, and tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

Moment = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")
Flag = sa.Boolean

_OF_DEBATES = (
    lambda: sa.Column("title", sa.Text),
    lambda: sa.Column("pinned", Flag, nullable=False, server_default=sa.false()),
    lambda: sa.Column("finished", Flag, nullable=False, server_default=sa.false()),
    lambda: sa.Column("rerun_of", sa.Text),
    lambda: sa.Column("imported_at", Moment),
    lambda: sa.Column("deleted_at", Moment),
)
_OF_TURNS = (
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


def downgrade() -> None:
    """Back to debates that are only listed."""
    for column in _OF_TURNS:
        op.drop_column("turns", column().name)
    for column in _OF_DEBATES:
        op.drop_column("debates", column().name)

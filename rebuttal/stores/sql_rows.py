"""How debates and turns lie in SQL tables. Nothing outside the store sees these rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects import postgresql

from rebuttal.records import Debate, Debater, Panel, Power, Timings, Token, Turn, Usage, now
from rebuttal.stores.storable import check_storable, refuse_unstorable

_DEBATERS = TypeAdapter(tuple[Debater, ...])
_NAMES = TypeAdapter(tuple[str, ...])
_POWERS = TypeAdapter(tuple[Power, ...])


class Moment(sa.types.TypeDecorator[datetime]):
    """A moment in UTC. SQLite gets ISO text of one width, which sorts as the moments do."""

    impl = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)


SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
METADATA = sa.MetaData()

_SEEN: dict[str, Any] = {
    f"{backend}_where": sa.text("deleted_at IS NULL") for backend in ("sqlite", "postgresql")
}
_HIDDEN: dict[str, Any] = {
    f"{backend}_where": sa.text("deleted_at IS NOT NULL") for backend in ("sqlite", "postgresql")
}

DEBATES = sa.Table(
    "debates",
    METADATA,
    sa.Column("seq", SERIAL, primary_key=True, autoincrement=True),
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
    sa.Column("own_keys", sa.Text, nullable=False, server_default=sa.text("'[]'")),
    sa.Column("title", sa.Text),
    sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("finished", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("rerun_of", sa.Text),
    sa.Column("imported_at", Moment),
    sa.Column("kept_at", Moment, nullable=False),
    sa.Column("deleted_at", Moment),
    # A history is read along these, narrowed by what they hold without a look at the rows.
    sa.Index("debates_of_all", "pinned", "seq", "created_at", "finished", **_SEEN),
    sa.Index("debates_of_owner", "owner", "pinned", "seq", "created_at", "finished", **_SEEN),
    sa.Index("debates_deleted", "deleted_at", "seq", **_HIDDEN),
)

DEBATE_WORDS = sa.Table(
    "debate_words",
    METADATA,
    sa.Column("seq", SERIAL, sa.ForeignKey("debates.seq"), primary_key=True, autoincrement=False),
    sa.Column(
        "words",
        sa.LargeBinary().with_variant(postgresql.TSVECTOR(), "postgresql"),
        nullable=False,
    ),
)

TURNS = sa.Table(
    "turns",
    METADATA,
    sa.Column("seq", SERIAL, primary_key=True, autoincrement=True),
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
    sa.Column("debaters", sa.Text),
    sa.Column("persona", sa.Text),
    sa.Column("edited_from", sa.Text),
    sa.UniqueConstraint("debate_id", "id"),
    sa.ForeignKeyConstraint(["debate_id", "parent_id"], ["turns.debate_id", "turns.id"]),
    sa.Index("turns_of_parent", "debate_id", "parent_id"),
)

SPENDINGS = sa.Table(
    "spendings",
    METADATA,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("tokens", sa.BigInteger, nullable=False),
    sa.Column("money", sa.BigInteger, nullable=False),
    sa.Index("spendings_of_day", "day", "scope"),
)

DAYS = sa.Table(
    "days",
    METADATA,
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("secret", sa.Text, nullable=False),
)

HALTS = sa.Table(
    "halts",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", Moment, nullable=False),
)

TOKENS = sa.Table(
    "tokens",
    METADATA,
    sa.Column("seq", SERIAL, primary_key=True, autoincrement=True),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("debate_id", sa.Text, sa.ForeignKey("debates.id", ondelete="CASCADE")),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment),
    sa.Column("name", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("powers", sa.Text, nullable=False, server_default=sa.text("'[]'")),
    sa.Column("operator", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("mark", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Index("tokens_of_owner", "owner", "kind", "seq"),
    sa.Index("tokens_of_debate", "debate_id"),
)

PANELS = sa.Table(
    "panels",
    METADATA,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("panel", sa.Text, nullable=False),
)


def debate_row(debate: Debate) -> dict[str, Any]:
    """Raises InvalidInput for what a database cannot keep."""
    refuse_unstorable(debate)
    debaters = _DEBATERS.dump_json(debate.debaters).decode()
    own_keys = _NAMES.dump_json(debate.own_keys).decode()
    return {**debate.model_dump(), "debaters": debaters, "own_keys": own_keys, "kept_at": now()}


def debate_of(row: sa.Row[Any]) -> Debate:
    """The debate that ``row`` keeps. Raises ValueError where it was tampered with."""
    fields = row._asdict()
    del fields["seq"], fields["kept_at"], fields["deleted_at"]
    fields["debaters"] = _DEBATERS.validate_json(fields["debaters"])
    fields["own_keys"] = _NAMES.validate_json(fields["own_keys"])
    return Debate(**fields)


def token_row(token: Token) -> dict[str, Any]:
    """Raises InvalidInput for what a database cannot keep."""
    refuse_unstorable(token)
    return {**token.model_dump(), "powers": _POWERS.dump_json(token.powers).decode()}


def token_of(row: sa.Row[Any]) -> Token:
    """The token that ``row`` keeps. Raises ValueError where it was tampered with."""
    fields = row._asdict()
    del fields["seq"]
    fields["powers"] = _POWERS.validate_json(fields["powers"])
    return Token(**fields)


def panel_row(owner: str, panel: Panel) -> dict[str, Any]:
    """Raises InvalidInput for what a database cannot keep."""
    check_storable("owner", owner)
    refuse_unstorable(panel)
    return {"owner": owner, "name": panel.name, "panel": panel.model_dump_json()}


def turn_row(debate_id: str, turn: Turn) -> dict[str, Any]:
    """Raises InvalidInput for what a database cannot keep."""
    refuse_unstorable(turn)
    return {
        **turn.model_dump(exclude={"usage", "timings", "debaters"}),
        "debate_id": debate_id,
        "debaters": turn.debaters and _DEBATERS.dump_json(turn.debaters).decode(),
        "usage": turn.usage and turn.usage.model_dump_json(),
        "timings": turn.timings and turn.timings.model_dump_json(),
    }


def turn_of(row: sa.Row[Any]) -> Turn:
    """The turn that ``row`` keeps. Raises ValueError where it was tampered with."""
    fields = row._asdict()
    del fields["seq"], fields["debate_id"]
    usage, timings, debaters = fields["usage"], fields["timings"], fields["debaters"]
    fields["debaters"] = debaters and _DEBATERS.validate_json(debaters)
    fields["usage"] = usage and Usage.model_validate_json(usage)
    fields["timings"] = timings and Timings.model_validate_json(timings)
    return Turn(**fields)

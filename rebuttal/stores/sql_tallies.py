"""Sums over turns, by day, model and persona."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from rebuttal.records import USER, Tally
from rebuttal.stores.sql_rows import DEBATES, TURNS


def tally_query(backend: str, since: datetime, until: datetime) -> sa.Select[Any]:
    """Of all debates; the caller says of which."""
    day = _day(backend)
    model, persona = (sa.func.coalesce(c, "") for c in (TURNS.c.model, TURNS.c.persona))
    return (
        sa.select(
            day.label("day"),
            model.label("model"),
            persona.label("persona"),
            sa.func.count(TURNS.c.debate_id.distinct()).label("debates"),
            sa.func.count().label("turns"),
            _sum(backend, TURNS.c.usage, "prompt_tokens").label("prompt_tokens"),
            _sum(backend, TURNS.c.usage, "completion_tokens").label("completion_tokens"),
            _sum(backend, TURNS.c.timings, "total").label("seconds"),
        )
        .join(DEBATES, DEBATES.c.id == TURNS.c.debate_id)
        .where(TURNS.c.speaker != USER)
        .where(TURNS.c.created_at >= since, TURNS.c.created_at < until)
        .group_by(day, model, persona)
        .order_by(day, model, persona)
    )


def tally_of(row: sa.Row[Any]) -> Tally:
    """What a row of that query says."""
    fields = row._asdict()
    fields["day"] = date.fromisoformat(fields["day"])
    for name in ("prompt_tokens", "completion_tokens"):
        fields[name] = int(fields[name])
    return Tally(**{**fields, "seconds": float(fields["seconds"])})


def _day(backend: str) -> sa.ColumnElement[str]:
    if backend == "postgresql":
        return sa.func.to_char(sa.func.timezone("UTC", TURNS.c.created_at), "YYYY-MM-DD")
    return sa.func.substr(sa.type_coerce(TURNS.c.created_at, sa.String), 1, 10)


def _sum(backend: str, column: sa.Column[Any], field: str) -> sa.ColumnElement[Any]:
    if backend == "postgresql":
        value: sa.ColumnElement[Any] = sa.cast(
            sa.cast(column, sa.JSON)[field].as_string(), sa.Numeric
        )
    else:
        value = sa.func.json_extract(column, f"$.{field}")
    return sa.func.coalesce(sa.func.sum(value), 0)

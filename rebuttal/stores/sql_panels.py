"""Panels on SQL."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from rebuttal.records import Panel
from rebuttal.stores.sql_rows import PANELS, panel_row
from rebuttal.stores.sql_threads import SqlThreads
from rebuttal.stores.storable import is_storable, known

_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class SqlPanels(SqlThreads):
    """What a store does with panels."""

    async def put_panel(self, owner: str, panel: Panel) -> None:
        row = panel_row(owner, panel)

        def work(connection: sa.Connection) -> None:
            insert = _INSERTS[connection.dialect.name](PANELS).values(row)
            changed = {"panel": row["panel"]}
            connection.execute(
                insert.on_conflict_do_update(index_elements=["owner", "name"], set_=changed)
            )

        await self._write(work)

    async def panels(self, owner: str) -> tuple[Panel, ...]:
        if not is_storable(owner):
            return ()
        query = sa.select(PANELS.c.panel).where(PANELS.c.owner == owner)
        found = await self._read(
            lambda at: [Panel.model_validate_json(json) for json in at.scalars(query)]
        )
        return tuple(sorted(found, key=lambda panel: panel.name))

    async def drop_panel(self, owner: str, name: str) -> None:
        if not is_storable(owner):
            return
        query = sa.delete(PANELS).where(PANELS.c.owner == owner, PANELS.c.name == known(name))
        await self._write(lambda connection: connection.execute(query))

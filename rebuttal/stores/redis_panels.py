"""Panels on Redis. Unlike debates they are kept until they are dropped."""

from __future__ import annotations

from rebuttal.records import Panel
from rebuttal.stores import redis_scripts as scripts
from rebuttal.stores.redis_database import key
from rebuttal.stores.redis_rows import panel_of
from rebuttal.stores.redis_trees import RedisTrees
from rebuttal.stores.storable import check_storable, is_storable, known, refuse_unstorable


class RedisPanels(RedisTrees):
    """What a store does with panels."""

    async def put_panel(self, owner: str, panel: Panel) -> None:
        await self._put_panel(scripts.PUT_PANEL, owner, panel)

    async def restore_panel(self, owner: str, panel: Panel) -> None:
        """Keep it where the owner has none of that name."""
        await self._put_panel(scripts.RESTORE_PANEL, owner, panel)

    async def panels(self, owner: str) -> tuple[Panel, ...]:
        if not is_storable(owner):
            return ()
        found = await self._read(lambda redis: redis.hgetall(key("panels", owner)))
        return tuple(panel_of(found[name]) for name in sorted(found))

    async def drop_panel(self, owner: str, name: str) -> None:
        if is_storable(owner):
            await self._write(scripts.DROP_PANEL, owner, known(name))

    async def _put_panel(self, script: str, owner: str, panel: Panel) -> None:
        check_storable("owner", owner)
        refuse_unstorable(panel)
        await self._write(script, owner, panel.name, panel.model_dump_json())

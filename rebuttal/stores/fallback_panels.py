"""Panels on Redis, and those that this process has seen of late while Redis is away."""

from __future__ import annotations

from rebuttal.errors import StoreError
from rebuttal.records import Panel
from rebuttal.stores.fallback import Fallback

OWNERS = 200
"""Whose panels are held in memory."""


class FallbackPanels:
    """What a store does with panels.

    While Redis is away, StoreError is raised for those of an owner who was not seen before.
    """

    def __init__(self, fallback: Fallback) -> None:
        self._fallback = fallback
        self._seen: dict[str, None] = {}

    async def put_panel(self, owner: str, panel: Panel) -> None:
        await self._fallback.write(lambda store: store.put_panel(owner, panel))
        if owner in self._seen:
            await self._fallback.memory.put_panel(owner, panel)

    async def panels(self, owner: str) -> tuple[Panel, ...]:
        found: tuple[Panel, ...] = await self._fallback.read(lambda store: store.panels(owner))
        if not self._fallback.is_away:
            self._hold(owner, found)
        elif owner not in self._seen:
            raise StoreError(
                "Panels are kept in Redis, which is away.", "Try again when it is back."
            )
        return found

    async def drop_panel(self, owner: str, name: str) -> None:
        await self._fallback.write(lambda store: store.drop_panel(owner, name))
        await self._fallback.memory.drop_panel(owner, name)

    def _hold(self, owner: str, panels: tuple[Panel, ...]) -> None:
        self._seen.pop(owner, None)
        self._seen[owner] = None
        self._fallback.memory.hold_panels(owner, panels)
        if len(self._seen) > OWNERS:
            longest_ago = next(iter(self._seen))
            del self._seen[longest_ago]
            self._fallback.memory.let_go_of_panels(longest_ago)

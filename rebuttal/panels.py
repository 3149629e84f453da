"""Panels: tables that are kept under a name and asked questions, also by other programs."""

from __future__ import annotations

from rebuttal.access import Access
from rebuttal.errors import Busy, NotAllowed, NotFound
from rebuttal.records import OPERATOR, Panel, Visitor

MOST_PANELS = 50
"""Of one owner."""


class Panels:
    """Everybody has their own, and those of whoever runs this Rebuttal."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def save(self, panel: Panel, *, visitor: Visitor = OPERATOR) -> None:
        """Keep it in the place of the visitor's earlier one of that name. Raises Busy."""
        if visitor.reads or not (visitor.owner or visitor.operator):
            raise NotAllowed("A panel needs somebody whose it is.")
        store = await self._access.store()
        others = [one for one in await store.panels(visitor.owner) if one.name != panel.name]
        if len(others) >= MOST_PANELS:
            raise Busy(f"You have {MOST_PANELS} panels.", "Delete one of them first.", 0)
        await store.put_panel(visitor.owner, panel)

    async def all(self, *, visitor: Visitor = OPERATOR) -> tuple[Panel, ...]:
        """Those that the visitor can ask, by name; of two of one name their own."""
        store = await self._access.store()
        there = {panel.name: panel for panel in await store.panels(OPERATOR.owner)}
        if visitor.owner and not visitor.reads:
            there |= {panel.name: panel for panel in await store.panels(visitor.owner)}
        return tuple(there[name] for name in sorted(there))

    async def get(self, name: str, *, visitor: Visitor = OPERATOR) -> Panel:
        """The panel of that name. Raises NotFound, naming what there is."""
        there = await self.all(visitor=visitor)
        for panel in there:
            if panel.name == name:
                return panel
        known = ", ".join(panel.name for panel in there) or "none"
        raise NotFound(f"no panel is called {name!r}", f"Known: {known}.")

    async def delete(self, name: str, *, visitor: Visitor = OPERATOR) -> None:
        """Forget one of the visitor's own. Raises NotFound."""
        store = await self._access.store()
        if name not in {panel.name for panel in await store.panels(visitor.owner)}:
            raise NotFound(f"no panel of yours is called {name!r}")
        await store.drop_panel(visitor.owner, name)

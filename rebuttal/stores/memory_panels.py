"""Panels in the memory of this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rebuttal.records import Panel
from rebuttal.stores.storable import check_storable, refuse_unstorable


class MemoryPanels:
    """What a store does with panels."""

    def __init__(self) -> None:
        self._panels: dict[str, dict[str, Panel]] = {}

    async def put_panel(self, owner: str, panel: Panel) -> None:
        check_storable("owner", owner)
        refuse_unstorable(panel)
        self._panels.setdefault(owner, {})[panel.name] = panel

    async def panels(self, owner: str) -> tuple[Panel, ...]:
        there = self._panels.get(owner, {})
        return tuple(there[name] for name in sorted(there))

    async def drop_panel(self, owner: str, name: str) -> None:
        self._panels.get(owner, {}).pop(name, None)

    def hold_panels(self, owner: str, panels: Sequence[Panel]) -> None:
        """These are the owner's, and no others."""
        self._panels[owner] = {panel.name: panel for panel in panels}

    def let_go_of_panels(self, owner: str) -> None:
        """Know nothing of the owner's any more."""
        self._panels.pop(owner, None)

    def all_panels(self) -> Iterator[tuple[str, Panel]]:
        """Everybody's, each with its owner."""
        for owner, there in self._panels.items():
            for panel in there.values():
                yield owner, panel

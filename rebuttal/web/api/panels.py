"""Panels: tables that are kept under a name."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from rebuttal.app import DebateApp
from rebuttal.errors import InvalidInput
from rebuttal.records import Panel, PanelName, Seat
from rebuttal.web.api.debates import Reader, Speaker
from rebuttal.web.api.schemas import Answer, Asked

Name = Annotated[PanelName, Path(description="The panel's name.")]


class Table(Asked):
    """A panel as it shall be. ``name``, where it is sent, is that of the address."""

    name: PanelName | None = None
    seats: Annotated[list[Seat], Field(min_length=1, max_length=6)]
    rounds: Annotated[int, Field(ge=1, le=1000, description="Turns of every seat.")] = 2
    chair: Annotated[Seat, Field(description="Who sums up what was said.")]
    language: Annotated[str, Field(min_length=1, max_length=60, pattern=r"\S")] = "English"


class PanelList(Answer):
    """Panels, by name."""

    items: tuple[Panel, ...]


def routes(app: DebateApp) -> APIRouter:
    """Below ``/panels``."""
    router = APIRouter(tags=["panels"])

    @router.get("/panels", summary="List panels")
    async def there(visitor: Reader) -> PanelList:
        """Those that you can ask: yours, and those of whoever runs this Rebuttal."""
        return PanelList(items=await app.panels.all(visitor=visitor))

    @router.get("/panels/{name}", summary="Read a panel")
    async def read(name: Name, visitor: Reader) -> Panel:
        """Who sits there, for how many rounds, and who sums up."""
        return await app.panels.get(name, visitor=visitor)

    @router.put("/panels/{name}", summary="Save a panel")
    async def save(name: Name, table: Table, visitor: Speaker) -> Panel:
        """In the place of your earlier one of that name. Personas and models have to be there."""
        if table.name not in (None, name):
            raise InvalidInput(f"The panel is called {table.name!r} and {name!r}.", "Say one name.")
        panel = Panel(
            name=name,
            seats=tuple(table.seats),
            rounds=table.rounds,
            chair=table.chair,
            language=table.language,
        )
        await app.panels.save(panel, visitor=visitor)
        return await app.panels.get(name, visitor=visitor)

    @router.delete("/panels/{name}", status_code=204, summary="Delete a panel")
    async def delete(name: Name, visitor: Speaker) -> None:
        """One of your own."""
        await app.panels.delete(name, visitor=visitor)

    return router

"""Panels: tables that are kept under a name, and asked questions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.responses import Response

from rebuttal.app import DebateApp
from rebuttal.errors import InvalidInput
from rebuttal.records import Panel, PanelName, Seat
from rebuttal.web.api.asking import Answered, pieces_of
from rebuttal.web.api.debates import Reader, Speaker
from rebuttal.web.api.pieces import answered, described
from rebuttal.web.api.schemas import SEEN, Answer, Asked

Name = Annotated[PanelName, Path(description="The panel's name.")]


class Table(Asked):
    """A panel as it shall be. ``name``, where it is sent, is that of the address."""

    name: PanelName | None = None
    seats: Annotated[list[Seat], Field(min_length=1, max_length=6)]
    rounds: Annotated[int, Field(ge=1, le=1000, description="Turns of every seat.")] = 2
    chair: Annotated[Seat, Field(description="Who sums up what was said.")]
    language: Annotated[str, Field(min_length=1, max_length=60, pattern=SEEN)] = "English"


class Question(Asked):
    """What the panel shall answer. With ``stream`` it is heard while it debates."""

    question: Annotated[str, Field(min_length=1, max_length=32_000, pattern=SEEN)]
    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    stream: bool = False


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

    @router.post(
        "/panels/{name}/ask",
        summary="Ask a panel",
        response_model=Answered,
        responses=described("The answer of its chair."),
    )
    async def ask(name: Name, wish: Question, visitor: Speaker, request: Request) -> Response:
        """It debates the question, and its chair sums up. The debate is kept and found like any
        other. Who leaves before the answer is there stops it; what was said is kept. In pieces:
        `begun` with the debate's id, `waiting`, `progress` with each turn, `delta` and `discarded`
        of the answer, and at last `done` with all of it, or `error`.
        """
        pieces = pieces_of(app, name, wish.question, wish.seed, visitor)
        return await answered(request, pieces, stream=wish.stream)

    return router

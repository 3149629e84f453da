"""What can be seated, and what models take in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from rebuttal.app import DebateApp
from rebuttal.providers.base import Progress
from rebuttal.records import EndpointState, ModelInfo, ModelState, Persona, Visitor
from rebuttal.web.api.caller import allowed
from rebuttal.web.api.chat_schemas import Named, Step, Wanted
from rebuttal.web.api.debates import Reader
from rebuttal.web.api.pieces import Pieces, answered, described
from rebuttal.web.api.schemas import Answer

Keeper = Annotated[Visitor, Depends(allowed("models"))]
Label = Annotated[str, Query(min_length=1, max_length=300, description="A model by its label.")]


class ModelList(Answer):
    """Models, those of the catalog first."""

    items: tuple[ModelState, ...]


class EndpointList(Answer):
    """Endpoints, in the order of the catalog."""

    items: tuple[EndpointState, ...]


class PersonaList(Answer):
    """Personas, by their files."""

    items: tuple[Persona, ...]


def routes(app: DebateApp) -> APIRouter:
    """What there is, and what of it is in memory."""
    router = APIRouter(tags=["models"])
    _lists(router, app)
    _keeps(router, app)
    return router


def _lists(router: APIRouter, app: DebateApp) -> None:
    @router.get("/models", summary="List models")
    async def models(visitor: Reader) -> ModelList:
        """Those of the catalog, and those that reachable servers report beyond it, each with what
        keeps it from being used.
        """
        return ModelList(items=await app.models(visitor=visitor))

    @router.get("/endpoints", summary="List endpoints")
    async def endpoints(visitor: Reader) -> EndpointList:
        """The servers of the catalog, and whether they answer."""
        return EndpointList(items=await app.endpoints(visitor=visitor))

    @router.get("/personas", summary="List personas")
    async def personas(visitor: Reader) -> PersonaList:
        """Who can speak through a model."""
        return PersonaList(items=tuple(app.catalog.personas.values()))

    @router.get("/model-info", summary="Read what a model takes")
    async def info(model: Label, visitor: Reader) -> ModelInfo:
        """Its state, memory, context and device, as far as whoever serves it tells."""
        return await app.model_info(model, visitor=visitor)


def _keeps(router: APIRouter, app: DebateApp) -> None:
    @router.post(
        "/models/pull",
        summary="Fetch a model",
        response_model=ModelInfo,
        responses=described("What it takes then."),
    )
    async def pull(wish: Wanted, visitor: Keeper, request: Request) -> Response:
        """Its weights, into the cache, or to the Ollama server it lives on. Who leaves before it is
        here ends it; another time it goes on from there. In pieces: `progress`, and at last `done`
        with what the model takes, or `error`.
        """
        steps = app.pull(wish.model, visitor=visitor)
        return await answered(request, _steps(app, wish, visitor, steps), stream=wish.stream)

    @router.post(
        "/load-model",
        summary="Load a model",
        response_model=ModelInfo,
        responses=described("What it takes now."),
    )
    async def load(wish: Wanted, visitor: Keeper, request: Request) -> Response:
        """An embedded one, which is fetched first if need be, or one on an Ollama server, so that
        the first answer comes at once. In pieces as with `/models/pull`.
        """
        steps = app.load(wish.model, visitor=visitor)
        return await answered(request, _steps(app, wish, visitor, steps), stream=wish.stream)

    @router.post("/unload-model", summary="Unload a model")
    async def unload(wish: Named, visitor: Keeper) -> ModelInfo:
        """Free the memory that it takes. One inside the app is refused while it speaks."""
        await app.unload(wish.model, visitor=visitor)
        return await app.model_info(wish.model, visitor=visitor)


async def _steps(
    app: DebateApp, wish: Wanted, visitor: Visitor, steps: AsyncGenerator[Progress, None]
) -> Pieces:
    async with aclosing(steps):
        async for step in steps:
            said = Step(text=step.text, done=step.done, total=step.total, fraction=step.fraction)
            yield "progress", said
    yield "done", await app.model_info(wish.model, visitor=visitor)

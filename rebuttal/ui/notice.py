"""The door that every event goes through: it reads what was asked, finds out who asks, and turns
our errors into words beside what was pressed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.errors import NotAllowed, RebuttalError
from rebuttal.records import OPERATOR, Visitor
from rebuttal.settings import Settings
from rebuttal.ui.entries import Entry, House
from rebuttal.ui.render import refusal

E = TypeVar("E", bound=Entry)
Updates = dict[Any, Any]
"""What a handler changes: component -> value or update."""

QUICK: dict[str, Any] = {
    "queue": False,
    "preprocess": False,
    "postprocess": False,
    "show_progress": "hidden",
    # Nowhere: with every message of any event Gradio's page would copy and compare each component
    # that it keeps a progress for, also where that is hidden.
    "show_progress_on": [],
    "api_visibility": "private",
}
"""For events that are answered at once, without the queue. Values arrive as the page sent them."""

WATCHING: dict[str, Any] = {
    **QUICK,
    "queue": True,
    "trigger_mode": "always_last",
    "concurrency_limit": None,
}
"""For events that last as long as somebody looks on."""


def notice() -> gr.Markdown:
    """Where words about a problem appear; empty it takes no room."""
    return gr.Markdown(elem_classes="notice", container=False)


def visitor_of(scope: Mapping[str, Any], settings: Settings) -> Visitor:
    """Whom the guard in front has found. Raises NotAllowed where nobody has looked.

    Without a guard only the person at this machine is let in.
    """
    visitor = scope.get("rebuttal.visitor")
    if isinstance(visitor, Visitor):
        return visitor
    if settings.profile == "local" and settings.auth is None:
        return OPERATOR
    raise NotAllowed("This page cannot tell who you are.", "Reload it.")


def explained(
    app: DebateApp,
    where: gr.Markdown,
    entry: type[E],
    handler: Callable[[E, Visitor], Awaitable[Updates]],
) -> Callable[..., Awaitable[Updates]]:
    """``handler`` for an event, with a RebuttalError shown at ``where`` instead of raised."""

    async def handle(request: gr.Request, *values: object) -> Updates:
        try:
            asked, visitor = _at_the_door(app, entry, request, values)
            return {where: "", **await handler(asked, visitor)}
        except RebuttalError as error:
            return {where: refusal(error)}

    return handle


def streamed(
    app: DebateApp,
    entry: type[E],
    handler: Callable[[E, Visitor], AsyncGenerator[Any, None]],
    failed: Callable[[RebuttalError], Any],
) -> Callable[..., AsyncGenerator[Any, None]]:
    """``handler`` for an event that lasts, with a RebuttalError as a last value, by ``failed``."""

    async def handle(request: gr.Request, *values: object) -> AsyncGenerator[Any, None]:
        try:
            asked, visitor = _at_the_door(app, entry, request, values)
            async with aclosing(handler(asked, visitor)) as updates:
                async for update in updates:
                    yield update
        except RebuttalError as error:
            yield failed(error)

    return handle


def _at_the_door(
    app: DebateApp, entry: type[E], request: gr.Request, values: tuple[object, ...]
) -> tuple[E, Visitor]:
    scope = request.request.scope if request.request else {}
    visitor = visitor_of(scope, app.settings)
    return entry.read(values, scope, House(app.catalog, app.settings)), visitor

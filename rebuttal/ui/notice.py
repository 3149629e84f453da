"""The one place where the page catches our errors: they become words beside what was pressed."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import gradio as gr

from rebuttal.errors import RebuttalError
from rebuttal.ui.render import trouble

Updates = dict[Any, Any]
"""What a handler changes: component -> value or update."""

QUICK: dict[str, Any] = {
    "queue": False,
    "preprocess": False,
    "postprocess": False,
    "show_progress": "hidden",
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


def explained(
    where: gr.Markdown, handler: Callable[..., Awaitable[Updates]]
) -> Callable[..., Awaitable[Updates]]:
    """``handler``, with a RebuttalError shown at ``where`` instead of raised."""

    @functools.wraps(handler)
    async def handle(*values: Any) -> Updates:
        try:
            return {where: "", **await handler(*values)}
        except RebuttalError as error:
            return {where: trouble(error.message, error.hint)}

    return handle

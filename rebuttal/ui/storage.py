"""What the page says while debates cannot be kept where they belong, and only so long."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.errors import RebuttalError
from rebuttal.records import Visitor
from rebuttal.ui.entries import Nothing
from rebuttal.ui.notice import QUICK, Updates, explained, notice
from rebuttal.ui.render import patience

LOOK_EVERY = 5.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Storage:
    """The words, and what has them looked after: nothing where the store is a file of ours."""

    words: gr.Markdown
    timer: gr.Timer | None


def build_storage(app: DebateApp) -> Storage:
    """Below the masthead."""
    timer = gr.Timer(LOOK_EVERY) if app.keeps_elsewhere else None
    return Storage(notice(), timer)


def wire_storage(app: DebateApp, storage: Storage) -> None:
    """Look again every few seconds, also while nothing happens on the page."""

    async def look(asked: Nothing, visitor: Visitor) -> Updates:
        return await storage_words(app, storage, visitor)

    if storage.timer:
        looking = explained(app, storage.words, Nothing, look)
        storage.timer.tick(looking, None, storage.words, **QUICK)


async def storage_words(app: DebateApp, storage: Storage, visitor: Visitor) -> Updates:
    """The words as they are now; the store is asked for something, so that it finds out."""
    if storage.timer is None:
        return {}
    with suppress(RebuttalError):
        await app.debates(limit=1, visitor=visitor)
    problem = app.storage_problem
    return {storage.words: patience(problem) if problem else ""}

"""The Models tab: what there is, and pull, unload and reload."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.records import Visitor, now
from rebuttal.settings import Settings
from rebuttal.ui import seating
from rebuttal.ui.entries import ChosenModel, Nothing
from rebuttal.ui.notice import QUICK, WATCHING, Updates, explained, notice, streamed
from rebuttal.ui.render import refusal, remark, trouble
from rebuttal.ui.setup import Setup, offer_models
from rebuttal.ui.shelf import endpoints_table, models_table, progress_bar, pullable, unloadable

UPDATE_EVERY = 0.1


@dataclass(frozen=True, slots=True)
class Shelf:
    """The tab's components."""

    endpoints: gr.Markdown
    models: gr.Markdown
    pull_label: gr.Dropdown
    pull: gr.Button
    unload_label: gr.Dropdown
    unload: gr.Button
    reload: gr.Button
    refresh: gr.Button
    notice: gr.Markdown
    progress: gr.Markdown


def build_models_tab(settings: Settings) -> Shelf:
    """The tab, still empty: asking servers takes a moment. It has no tools that are not allowed."""
    manage = settings.manage_models
    with gr.Column(elem_classes="models"):
        with gr.Row(elem_classes="model-tools"):
            with gr.Row(elem_classes="model-tool", visible=manage):
                pull_label = gr.Dropdown([], label="Fetch a model", filterable=True)
                pull = gr.Button("Pull", size="sm")
            with gr.Row(elem_classes="model-tool", visible=manage):
                unload_label = gr.Dropdown([], label="Free its memory", filterable=True)
                unload = gr.Button("Unload", size="sm")
            with gr.Row(elem_classes="model-tool"):
                refresh = gr.Button("Refresh", size="sm")
                reload = gr.Button("Reload the catalog", size="sm", visible=manage)
        problem = notice()
        progress = gr.Markdown(elem_classes="notice", container=False)
        models = gr.Markdown(remark("Asking the servers…"), container=False)
        endpoints = gr.Markdown(container=False)
    return Shelf(
        endpoints=endpoints,
        models=models,
        pull_label=pull_label,
        pull=pull,
        unload_label=unload_label,
        unload=unload,
        reload=reload,
        refresh=refresh,
        notice=problem,
        progress=progress,
    )


def wire_models_tab(app: DebateApp, tab: gr.Tab, shelf: Shelf, setups: list[Setup]) -> None:
    """The tab's events. What changes here also renews what the tables offer."""
    tables = [shelf.models, shelf.endpoints, shelf.pull_label, shelf.unload_label]
    offered = [card.model for setup in setups for card in setup.cards]
    personas = [card.persona for setup in setups for card in setup.cards]

    async def refresh(asked: Nothing, visitor: Visitor) -> Updates:
        return await _stock(app, shelf, setups, visitor)

    async def reload(asked: Nothing, visitor: Visitor) -> Updates:
        await asyncio.to_thread(app.reload_catalog, visitor=visitor)
        choices = seating.persona_choices(app.catalog)
        known = {persona: gr.update(choices=choices) for persona in personas}
        told = f"{len(app.catalog.models)} models and {len(choices)} personas read."
        stock = await _stock(app, shelf, setups, visitor)
        return {**known, **stock, shelf.notice: remark(told)}

    async def unload(asked: ChosenModel, visitor: Visitor) -> Updates:
        if asked.model:
            await app.unload(asked.model, visitor=visitor)
        return await _stock(app, shelf, setups, visitor)

    async def pull(asked: ChosenModel, visitor: Visitor) -> AsyncGenerator[str, None]:
        async with aclosing(_pulled(app, asked.model, visitor)) as bars:
            async for bar in bars:
                yield bar

    everything = [shelf.notice, *tables, *offered]
    fresh = explained(app, shelf.notice, Nothing, refresh)
    reloaded = explained(app, shelf.notice, Nothing, reload)
    unloaded = explained(app, shelf.notice, ChosenModel, unload)
    shelf.refresh.click(fresh, None, everything, **QUICK)
    shelf.reload.click(reloaded, None, [*everything, *personas], **QUICK)
    shelf.unload.click(unloaded, shelf.unload_label, everything, **QUICK)
    options = {**WATCHING, "trigger_mode": "once"}
    puller = streamed(app, ChosenModel, pull, refusal)
    pulling = shelf.pull.click(puller, shelf.pull_label, shelf.progress, **options)
    pulling.then(fresh, None, everything, **QUICK)
    tab.select(fresh, None, everything, **QUICK)


async def _stock(app: DebateApp, shelf: Shelf, setups: list[Setup], visitor: Visitor) -> Updates:
    states, endpoints = await asyncio.gather(
        app.models(visitor=visitor), app.endpoints(visitor=visitor)
    )
    fetch, free = pullable(states), unloadable(states)
    updates: Updates = {
        shelf.models: models_table(states),
        shelf.endpoints: endpoints_table(endpoints, now()),
        shelf.pull_label: _choices(fetch),
        shelf.unload_label: _choices(free),
    }
    if app.catalog_problem and app.settings.manage_models:
        updates[shelf.notice] = trouble(app.catalog_problem, "The catalog before it is in force.")
    for setup in setups:
        updates |= offer_models(setup, states)
    return updates


def _choices(labels: list[str]) -> Any:
    pairs = [(label, label) for label in labels]
    return gr.update(choices=pairs, value=labels[0] if labels else None)


async def _pulled(app: DebateApp, label: str, visitor: Visitor) -> AsyncGenerator[str, None]:
    if not label:
        yield remark("There is nothing to fetch.")
        return
    shown = 0.0
    async with aclosing(app.pull(label, visitor=visitor)) as steps:
        async for step in steps:
            if time.monotonic() - shown >= UPDATE_EVERY:
                shown = time.monotonic()
                yield progress_bar(label, step)
    yield remark(f"{label} is here.")

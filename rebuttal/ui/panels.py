"""Panels, below the form of a debate: its table kept under a name, for programs to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.catalog import Catalog
from rebuttal.markdown import safe_line
from rebuttal.records import Panel, Seat, Visitor
from rebuttal.ui import seating
from rebuttal.ui.entries import Nothing
from rebuttal.ui.notice import QUICK, Updates, explained, notice
from rebuttal.ui.program_entries import Forget, SavePanel
from rebuttal.ui.render import remark

CHAIRS = ("rational", "pragmatist", "philosopher")
"""Who is offered to sum up: the first that is there."""


@dataclass(frozen=True, slots=True)
class PanelBox:
    """Folded away under the form."""

    box: gr.Accordion
    name: gr.Textbox
    chair: gr.Dropdown
    model: gr.Dropdown
    save: gr.Button
    notice: gr.Markdown
    panels: gr.Markdown
    order: gr.Textbox
    """What was pressed; programs.js writes it here."""

    @property
    def fields(self) -> list[Any]:
        """In the order of ``program_entries.SavePanel``."""
        return [self.name, self.chair, self.model]


def build_panel_box(app: DebateApp) -> PanelBox:
    """The fields; the panels that there are come when it is opened."""
    labels = list(app.catalog.models)
    known = app.catalog.personas
    chair = next((key for key in CHAIRS if key in known), next(iter(known), None))
    with gr.Accordion(
        "Keep this table as a panel", open=False, elem_classes="fine-print panel-box"
    ) as box:
        gr.Markdown(
            remark(
                "A panel answers other programs as if it were a model: those who sit here debate "
                "what it is asked, and one sums up."
            ),
            container=False,
        )
        with gr.Row(elem_classes="panel-row"):
            name = gr.Textbox(label="The panel's name", placeholder="three-voices", max_length=64)
            who = gr.Dropdown(
                seating.persona_choices(app.catalog), value=chair, label="Sums up", filterable=True
            )
            model = gr.Dropdown(
                [(label, label) for label in labels],
                value=labels[0] if labels else None,
                label="Sums up through",
                filterable=True,
            )
        save = gr.Button("Save the panel", size="sm", elem_classes="make")
        problem = notice()
        panels = gr.Markdown(container=False)
        order = gr.Textbox(visible="hidden", label="forget", elem_classes="panel-order")
    return PanelBox(box, name, who, model, save, problem, panels, order)


def wire_panel_box(app: DebateApp, here: PanelBox, form: list[Any], options: list[Any]) -> None:
    """Its events. ``form`` are the topic, the seats and the cards, ``options`` how long and in
    what language.
    """

    async def listed(visitor: Visitor) -> Updates:
        there = await app.panels.all(visitor=visitor)
        own = await app.panels.own(visitor=visitor)
        return {here.panels: panel_list(there, own, app.catalog)}

    async def look(asked: Nothing, visitor: Visitor) -> Updates:
        states = await app.models(visitor=visitor)
        choices = gr.update(choices=seating.model_choices(states))
        return {here.model: choices, **await listed(visitor)}

    async def save(asked: SavePanel, visitor: Visitor) -> Updates:
        panel = Panel.model_construct(
            name=asked.panel,
            seats=tuple(seating.seats(app.catalog, asked.taken)),
            rounds=asked.rounds,
            chair=Seat(persona=asked.chair, model=asked.chair_model),
            language=asked.language or "English",
        )
        await app.panels.save(panel, visitor=visitor)
        kept = remark(f"Kept. Programs ask it as the model panel-{safe_line(panel.name)}.")
        return {here.name: "", here.notice: kept, **await listed(visitor)}

    async def forget(asked: Forget, visitor: Visitor) -> Updates:
        await app.panels.delete(asked.order.what, visitor=visitor)
        return await listed(visitor)

    topic, seats, *cards = form
    sent = [topic, seats, *here.fields, *options, *cards]
    shown = [here.notice, here.panels]
    looked = explained(app, here.notice, Nothing, look)
    here.box.expand(looked, None, [*shown, here.model], **QUICK)
    saved = explained(app, here.notice, SavePanel, save)
    gr.on([here.save.click, here.name.submit], saved, sent, [*shown, here.name], **QUICK)
    forgotten = explained(app, here.notice, Forget, forget)
    here.order.change(forgotten, here.order, shown, trigger_mode="multiple", **QUICK)


def panel_list(there: Sequence[Panel], own: Sequence[Panel], catalog: Catalog) -> str:
    """Those that can be asked; one's own with the way to forget them."""
    names = {panel.name for panel in own}
    rows = "".join(_row(panel, panel.name in names, catalog) for panel in there)
    return f'<ul class="kept-things">{rows}</ul>' if rows else ""


def _row(panel: Panel, is_own: bool, catalog: Catalog) -> str:
    name = safe_line(panel.name)
    seats = ", ".join(_who(seat, catalog) for seat in panel.seats)
    rounds = "1 round" if panel.rounds == 1 else f"{panel.rounds} rounds"
    facts = f"{seats}; {rounds}; {_who(panel.chair, catalog)} sums up"
    way = (
        f'<button type="button" class="let-go" value="forget {panel.name}">Delete'
        f'<span class="unseen"> {name}</span></button>'
    )
    house = '<span class="facts">the house’s</span>'
    return (
        f'<li><span><strong>{name}</strong> <span class="facts">{facts}</span></span>'
        f"{way if is_own else house}</li>"
    )


def _who(seat: Seat, catalog: Catalog) -> str:
    persona = catalog.personas.get(seat.persona)
    return safe_line(persona.name if persona else seat.persona)

"""The History tab: one's debates, found, opened, renamed, pinned and deleted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.errors import NotFound
from rebuttal.records import FoundPage, Search, Visitor
from rebuttal.ui.entries import Ticket
from rebuttal.ui.history_entries import Do, Order, Seek
from rebuttal.ui.history_list import Shown, ask_all, deleted, foot, history_list, name_of, told
from rebuttal.ui.notice import QUICK, Updates, explained, notice
from rebuttal.ui.seating import persona_choices
from rebuttal.ui.table import Table, reopen
from rebuttal.ui.undo import Undo

STATES = [("Finished or not", ""), ("Finished", "finished"), ("Interrupted", "interrupted")]
PER_PAGE = 20


@dataclass(frozen=True, slots=True)
class HistoryTab:
    """The tab's components."""

    text: gr.Textbox
    model: gr.Dropdown
    persona: gr.Dropdown
    state: gr.Dropdown
    since: gr.Textbox
    until: gr.Textbox
    zone: gr.Textbox
    """How far the browser's clock is from UTC; page.js fills it in."""
    seek: gr.Button
    """Looks for what is typed; page.js presses it a moment after the last key."""
    notice: gr.Markdown
    told: gr.Markdown
    """What has just been done, and the way back."""
    found: gr.Markdown
    foot: gr.Markdown
    order: gr.Textbox
    """What was pressed in the list; page.js writes it here."""
    trail: gr.Textbox
    opening: gr.Textbox
    """The debate whose title was pressed."""
    undo: Undo = field(default_factory=Undo)

    @property
    def filters(self) -> list[Any]:
        """In the order of ``Seek``."""
        return [
            *(self.text, self.model, self.persona, self.state, self.since, self.until, self.zone)
        ]

    @property
    def shown(self) -> list[Any]:
        """What a change of the list changes."""
        return [self.notice, self.told, self.found, self.foot, self.trail]


def build_history_tab(app: DebateApp) -> HistoryTab:
    """The tab, still empty."""
    with gr.Column(elem_classes="history"):
        text = gr.Textbox(
            label="Search your debates" if app.settings.owners else "Search the debates",
            placeholder="Words of a topic or a turn",
            max_lines=1,
            max_length=400,
            elem_classes="seek-text",
        )
        with gr.Accordion("Filters", open=False, elem_classes="fine-print filters"):
            filters = _filters(app)
        seek = gr.Button("Search", visible="hidden", elem_classes="seek-now")
        problem = notice()
        said = gr.Markdown(elem_classes="told", container=False)
        found = gr.Markdown(elem_classes="found", container=False)
        below = gr.Markdown(elem_classes="history-foot", container=False)
    return HistoryTab(
        text=text,
        **filters,
        zone=_hidden("zone"),
        seek=seek,
        notice=problem,
        told=said,
        found=found,
        foot=below,
        order=_hidden("order"),
        trail=_hidden("trail"),
        opening=_hidden("opening", "debate"),
    )


def wire_history_tab(
    app: DebateApp, tabs: gr.Tabs, tab: gr.Tab, history: HistoryTab, tables: list[Table]
) -> None:
    """The tab's events. It is read anew whenever somebody turns to it."""

    async def seek(asked: Seek, visitor: Visitor) -> Updates:
        return {history.told: "", **await _listed(app, history, asked, visitor, [])}

    async def do(asked: Do, visitor: Visitor) -> Updates:
        said = await _done(app, history.undo, asked.order, visitor)
        return {history.told: said, **await _listed(app, history, asked, visitor, asked.pages)}

    async def open_debate(asked: Ticket, visitor: Visitor) -> Updates:
        mode, shown = await reopen(app, tables, asked.debate_id, visitor)
        return {tabs: gr.update(selected=mode.key), **shown}

    sought = explained(app, history.notice, Seek, seek)
    gr.on(
        [
            *(tab.select, history.seek.click, history.text.submit),
            *(part.input for part in (history.model, history.persona, history.state)),
        ],
        sought,
        history.filters,
        history.shown,
        trigger_mode="always_last",
        **QUICK,
    )
    done = explained(app, history.notice, Do, do)
    ordered = [*history.filters, history.order, history.trail]
    history.order.change(done, ordered, history.shown, trigger_mode="multiple", **QUICK)
    opened = [tabs, *(component for table in tables for component in table.opened)]
    opener = explained(app, history.notice, Ticket, open_debate)
    history.opening.change(opener, history.opening, [history.notice, *opened], **QUICK)


async def _listed(
    app: DebateApp, history: HistoryTab, asked: Seek, visitor: Visitor, pages: list[str]
) -> Updates:
    """The page of the list to which ``pages`` lead; the one before it where that is empty now."""
    search = asked.search
    found = await _page(app, search, pages, visitor)
    while pages and not found.found:
        pages = pages[:-1]
        found = await _page(app, search, pages, visitor)
    shown = Shown(
        text=search.text,
        narrowed=search != Search(),
        speaking=app.history.speaking(),
        more=found.more,
        depth=len(pages),
        owners=app.settings.owners,
    )
    return {
        history.found: history_list(found.found, shown),
        history.foot: foot(bool(found.found) or shown.narrowed, visitor),
        history.trail: " ".join(pages),
    }


async def _page(app: DebateApp, search: Search, pages: list[str], visitor: Visitor) -> FoundPage:
    more = pages[-1] if pages else None
    return await app.history.find(search, more, PER_PAGE, visitor=visitor)


async def _done(app: DebateApp, undo: Undo, order: Order, visitor: Visitor) -> str:
    """Do it; what there is to say about it."""
    debate_id = order.debate or ""
    if order.act in ("pin", "unpin"):
        await app.history.pin(debate_id, order.act == "pin", visitor=visitor)
    elif order.act == "rename":
        await app.history.rename(debate_id, order.title, visitor=visitor)
    elif order.act == "delete":
        name = name_of(await app.debate(debate_id, visitor=visitor))
        await app.history.delete([debate_id], visitor=visitor)
        return deleted(name, undo.keep(visitor.owner, [debate_id]))
    elif order.act == "ask":
        return ask_all(app.settings.owners)
    elif order.act == "delete-all":
        ids = await app.history.delete_all(visitor=visitor)
        return deleted(len(ids), undo.keep(visitor.owner, ids)) if ids else ""
    elif order.act == "undo":
        ids = undo.take(visitor.owner, order.mark or "")
        if not ids:
            raise NotFound("That can no longer be taken back here.")
        await app.history.undelete(ids, visitor=visitor)
        return told("Back again." if len(ids) == 1 else f"{len(ids):,} debates are back again.")
    return ""


def _filters(app: DebateApp) -> dict[str, Any]:
    models = [("Any model", ""), *((label, label) for label in app.catalog.models)]
    personas = [("Anybody", ""), *persona_choices(app.catalog)]
    with gr.Row(elem_classes="filter-row"):
        listed: dict[str, Any] = {"filterable": True, "allow_custom_value": True}
        return {
            "model": gr.Dropdown(models, value="", label="Spoke through", **listed),
            "persona": gr.Dropdown(personas, value="", label="Who spoke", **listed),
            "state": gr.Dropdown(STATES, value="", label="How it stands", filterable=False),
            "since": gr.Textbox(label="From", max_lines=1, elem_classes="day"),
            "until": gr.Textbox(label="To", max_lines=1, elem_classes="day"),
        }


def _hidden(name: str, label: str = "") -> gr.Textbox:
    return gr.Textbox(visible="hidden", label=label or name, elem_classes=f"history-{name}")

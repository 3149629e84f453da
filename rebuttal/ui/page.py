"""The page: its tabs, what happens when it loads, and how it is launched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.records import Visitor, new_id
from rebuttal.ui.branch_form import offer as offer_to_branch
from rebuttal.ui.branch_wiring import wire_sheets
from rebuttal.ui.entries import Nothing, Opened
from rebuttal.ui.history_tab import build_history_tab, wire_history_tab
from rebuttal.ui.insight_tab import build_insight_tab, wire_insight_tab
from rebuttal.ui.masthead import masthead
from rebuttal.ui.mode import MODES
from rebuttal.ui.models_tab import build_models_tab, wire_models_tab
from rebuttal.ui.notice import QUICK, Updates, explained, notice
from rebuttal.ui.programs import build_programs, wire_programs
from rebuttal.ui.raw import RawBlocks
from rebuttal.ui.setup import offer_models
from rebuttal.ui.sharing import build_slip, wire_slip
from rebuttal.ui.storage import Storage, build_storage, storage_words, wire_storage
from rebuttal.ui.table import Table, build_table, reopen, wire_table
from rebuttal.ui.theme import ICON, head, theme
from rebuttal.ui.tree_view import Sheets, build_sheets


def build_ui(app: DebateApp, blocks: type[gr.Blocks] = RawBlocks) -> gr.Blocks:
    """The whole page for ``app``. Launch it with ``launch_options``."""
    with blocks(title="Rebuttal", analytics_enabled=False, fill_width=True) as demo:
        top = gr.Markdown(masthead(app.settings.profile), container=False, elem_classes="top")
        problem = notice()
        storage = build_storage(app)
        with gr.Tabs(selected="debate", elem_classes="tabs") as tabs:
            tables = []
            for mode in MODES:
                with gr.Tab(mode.title, id=mode.key):
                    tables.append(build_table(app, mode))
            with gr.Tab("History", id="history") as history_tab:
                history = build_history_tab(app)
            with gr.Tab("Models", id="models") as models_tab:
                shelf = build_models_tab(app.settings)
                programs = build_programs(app)
            with gr.Tab("Insight", id="insight") as insight_tab:
                numbers = build_insight_tab()
        slip = build_slip()
        sheets = build_sheets(app)
        for table in tables:
            wire_table(app, table)
        wire_sheets(app, sheets, tables, tabs)
        wire_history_tab(app, tabs, history_tab, history, tables)
        wire_insight_tab(app, insight_tab, numbers)
        wire_slip(app, slip)
        wire_storage(app, storage)
        wire_models_tab(app, models_tab, shelf, [table.setup for table in tables])
        wire_programs(app, models_tab, programs)
        _wire_load(app, demo, Front(top, problem, storage, tabs, sheets), tables)
    # As queue(api_open=False) would, which builds the whole server app a second time.
    demo.api_open = False
    return demo


def launch_options(style: Path | None = None) -> dict[str, Any]:
    """How the page is served, apart from where; ``style`` goes into ``theme.head``."""
    return {
        "theme": theme(),
        "head": head(style),
        "favicon_path": str(ICON),
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "pwa": False,
        "mcp_server": False,
        "show_error": False,
        "max_threads": 200,
        "state_session_capacity": 1000,
        "quiet": True,
    }


@dataclass(frozen=True, slots=True)
class Front:
    """What stands above the tables."""

    masthead: gr.Markdown
    notice: gr.Markdown
    storage: Storage
    tabs: gr.Tabs
    sheets: Sheets
    """Open over them."""


def _wire_load(app: DebateApp, demo: gr.Blocks, front: Front, tables: list[Table]) -> None:
    async def open_page(asked: Opened, visitor: Visitor) -> Updates:
        """Show the debate of the address bar, if there is one; it needs no model's server."""
        updates: Updates = {table.request: new_id() for table in tables}
        updates[front.masthead] = masthead(app.settings.profile, visitor)
        updates |= await storage_words(app, front.storage, visitor)
        if asked.debate:
            mode, shown = await reopen(app, tables, asked.debate, visitor)
            updates |= {front.tabs: gr.update(selected=mode.key), **shown}
        return updates

    async def offer(asked: Nothing, visitor: Visitor) -> Updates:
        """Fill the lists of models; a server that is down takes its time to say so."""
        states = await app.models(visitor=visitor)
        first = next(iter(app.catalog.models), "")
        updates: Updates = {}
        for table in tables:
            updates |= offer_models(table.setup, states, seated=first)
        return updates | offer_to_branch(front.sheets.branch, states)

    opened = [front.notice, front.storage.words, front.masthead, front.tabs]
    opened += [component for table in tables for component in table.opened]
    models = [card.model for table in tables for card in table.setup.cards]
    models += [chair.model for chair in front.sheets.branch.chairs]
    demo.load(explained(app, front.notice, Opened, open_page), None, opened, **QUICK)
    offering = explained(app, front.notice, Nothing, offer)
    demo.load(offering, None, [front.notice, *models], **QUICK)

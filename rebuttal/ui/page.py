"""The page: its tabs, what happens when it loads, and how it is launched."""

from __future__ import annotations

from typing import Any

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.records import new_id
from rebuttal.ui.mode import MODES
from rebuttal.ui.models_tab import build_models_tab, wire_models_tab
from rebuttal.ui.notice import QUICK, Updates
from rebuttal.ui.setup import offer_models
from rebuttal.ui.table import Table, build_table, reopen, wire_table
from rebuttal.ui.theme import ICON, head, theme

MASTHEAD = (
    '<header class="masthead"><h1>Rebuttal</h1>'
    "<p>Language models argue, live, on your own machine.</p></header>"
)


def build_ui(app: DebateApp) -> gr.Blocks:
    """The whole page for ``app``. Launch it with ``launch_options``."""
    with gr.Blocks(title="Rebuttal", analytics_enabled=False, fill_width=True) as demo:
        gr.Markdown(MASTHEAD, container=False, elem_classes="top")
        with gr.Tabs(selected="debate", elem_classes="tabs") as tabs:
            tables = []
            for mode in MODES:
                with gr.Tab(mode.title, id=mode.key):
                    tables.append(build_table(app, mode))
            with gr.Tab("Models", id="models") as models_tab:
                shelf = build_models_tab()
        for table in tables:
            wire_table(app, table)
        wire_models_tab(app, models_tab, shelf, [table.setup for table in tables])
        _wire_load(app, demo, tabs, tables)
    # As queue(api_open=False) would, which builds the whole server app a second time.
    demo.api_open = False
    return demo


def launch_options() -> dict[str, Any]:
    """How the page is served, apart from where."""
    return {
        "theme": theme(),
        "head": head(),
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


def _wire_load(app: DebateApp, demo: gr.Blocks, tabs: gr.Tabs, tables: list[Table]) -> None:
    async def open_page(request: gr.Request) -> Updates:
        """Show the debate of the address bar, if there is one; it needs no model's server."""
        updates: Updates = {table.request: new_id() for table in tables}
        debate_id = request.query_params.get("debate")
        if debate_id:
            mode, shown = await reopen(app, tables, debate_id)
            updates |= {tabs: gr.update(selected=mode.key), **shown}
        return updates

    async def offer() -> Updates:
        """Fill the lists of models; a server that is down takes its time to say so."""
        states = await app.models()
        updates: Updates = {}
        for table in tables:
            updates |= offer_models(table.setup, states, choose=True)
        return updates

    opened = [tabs, *(component for table in tables for component in table.opened)]
    models = [card.model for table in tables for card in table.setup.cards]
    demo.load(open_page, None, opened, **QUICK)
    demo.load(offer, None, models, **QUICK)

"""The smallest page with a queue, guarded or not: python -m tests.small_page FOLDER [unguarded].

Served as ours is. A flood that takes minutes on the whole page takes seconds here. Without the
guard only ``/healthz`` stands before Gradio.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.settings import load_settings
from rebuttal.ui.page import launch_options
from rebuttal.ui.server import Page, run_page
from rebuttal.web.guard import Guard
from rebuttal.web.visitors import Visitors
from tests.page_app import CATALOG, Unguarded


async def linger(text: str) -> str:
    """What the page does: one at a time."""
    await asyncio.sleep(1)
    return text


class SmallPage(Page):
    """One field and one event, which stands in line."""

    def build(self) -> tuple[Any, dict[str, Any]]:
        with gr.Blocks(title="Small") as demo:
            field = gr.Textbox(label="Field")
            field.change(linger, field, field, concurrency_limit=1, api_visibility="private")
        demo.api_open = False
        return demo, launch_options()


def main(folder: Path, guarded: bool) -> None:
    """Serve until SIGTERM."""
    models = folder / "models.yaml"
    models.write_text(CATALOG)
    app = DebateApp(load_settings(data=folder, cache=folder, models=models, offline=True))
    guard = Guard(app, Visitors(app.settings)) if guarded else Unguarded(app)
    run_page(SmallPage(app.settings, app, guard))


if __name__ == "__main__":
    main(Path(sys.argv[1]), "unguarded" not in sys.argv)

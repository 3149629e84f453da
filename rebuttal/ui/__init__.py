"""The page. Gradio is imported when it is first needed, not with this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr

    from rebuttal.app import DebateApp


def build_ui(app: DebateApp) -> gr.Blocks:
    """The page for ``app``, as Blocks that can be launched or mounted."""
    from rebuttal.ui.page import build_ui as build

    return build(app)

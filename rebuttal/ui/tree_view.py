"""The sheets over a debate: its tree, two lines side by side, another table, other words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.ui.branch_form import BranchForm, EditSheet, build_branch_form, build_edit_sheet
from rebuttal.ui.compare_view import Comparison, build_comparison
from rebuttal.ui.notice import notice


@dataclass(frozen=True, slots=True)
class TreeSheet:
    """Which turns have which continuations."""

    sheet: gr.Column
    title: gr.Markdown
    list: gr.Markdown
    notice: gr.Markdown
    leave: gr.Button

    @property
    def shown(self) -> list[Any]:
        """What opening and closing changes."""
        return [self.sheet, self.title, self.list, self.notice]


@dataclass(frozen=True, slots=True)
class Sheets:
    """All of them; one further up lies over those before it."""

    tree: TreeSheet
    comparison: Comparison
    branch: BranchForm
    edit: EditSheet
    order: gr.Textbox
    """What was pressed in a transcript or a tree; page.js writes it here."""

    @property
    def shown(self) -> list[Any]:
        """What any order may change."""
        sheets = (self.tree, self.comparison, self.branch, self.edit)
        return [part for sheet in sheets for part in sheet.shown]


def build_sheets(app: DebateApp) -> Sheets:
    """All sheets, closed."""
    tree = _build_tree()
    comparison = build_comparison()
    branch = build_branch_form(app)
    edit = build_edit_sheet()
    order = gr.Textbox(visible="hidden", label="turn order", elem_classes="turn-order")
    return Sheets(tree, comparison, branch, edit, order)


def _build_tree() -> TreeSheet:
    with gr.Column(elem_classes="sheet tree-sheet", visible=False) as sheet:
        with gr.Row(elem_classes="sheet-head"):
            title = gr.Markdown(elem_classes="sheet-title", container=False)
            leave = gr.Button("Close", elem_classes="leave", size="sm")
        problem = notice()
        listed = gr.Markdown(elem_classes="tree-list", container=False, latex_delimiters=[])
    return TreeSheet(sheet, title, listed, problem, leave)

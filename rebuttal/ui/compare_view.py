"""Two lines side by side on the page: branches of one debate, or two debates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.branches import line_name
from rebuttal.line import children, line_to, side_by_side
from rebuttal.material import one_line
from rebuttal.records import Debate, Turn, Visitor
from rebuttal.ui.branching import descent
from rebuttal.ui.compare import Side, comparison
from rebuttal.ui.notice import Updates, notice


@dataclass(frozen=True, slots=True)
class Comparison:
    """The sheet."""

    sheet: gr.Column
    title: gr.Markdown
    debate: gr.Textbox
    """The debate whose branches are compared; empty where it is two debates."""
    left: gr.Dropdown
    right: gr.Dropdown
    take_left: gr.Button
    take_right: gr.Button
    notice: gr.Markdown
    body: gr.Markdown
    leave: gr.Button

    @property
    def shown(self) -> list[Any]:
        """What ``show_comparison`` and ``show_branches`` change."""
        return [
            *(self.sheet, self.title, self.debate, self.left, self.right, self.take_left),
            *(self.take_right, self.notice, self.body),
        ]


def build_comparison() -> Comparison:
    """The sheet, closed."""
    with gr.Column(elem_classes="sheet comparison", visible=False) as sheet:
        with gr.Row(elem_classes="sheet-head"):
            title = gr.Markdown(elem_classes="sheet-title", container=False)
            leave = gr.Button("Close", elem_classes="leave", size="sm")
        with gr.Row(elem_classes="line-choices"):
            left = gr.Dropdown(label="Left", filterable=False)
            right = gr.Dropdown(label="Right", filterable=False)
        with gr.Row(elem_classes="takes"):
            take_left = gr.Button("Choose this one", size="sm", elem_classes="take left")
            take_right = gr.Button("Choose this one", size="sm", elem_classes="take right")
        problem = notice()
        body = gr.Markdown(elem_classes="compared", container=False, latex_delimiters=[])
    # Outside of the sheet: what is hidden within is shown when the sheet opens again.
    debate = gr.Textbox(visible="hidden", label="compared")
    return Comparison(
        *(sheet, title, debate, left, right, take_left, take_right, problem, body, leave)
    )


async def show_comparison(
    app: DebateApp, sheet: Comparison, left_id: str, right_id: str, visitor: Visitor
) -> Updates:
    """The sheet with the main lines of two debates. Raises NotFound."""
    left = await _main_line(app, left_id, visitor)
    right = await _main_line(app, right_id, visitor)
    pairs = await app.compare(left_id, right_id, visitor=visitor)
    again = right.origin.rerun_of == left_id
    lineage = descent(right.origin, left.origin, acts=False) if again else ""
    return {
        sheet.sheet: gr.update(visible=True),
        sheet.title: f"<h2>Two debates, turn by turn</h2>{lineage}",
        sheet.debate: "",
        sheet.notice: "",
        sheet.body: comparison(left, right, pairs),
        **{part: gr.update(visible=False) for part in _choices(sheet)},
    }


async def show_branches(
    app: DebateApp, sheet: Comparison, debate_id: str, ends: tuple[str, str], visitor: Visitor
) -> Updates:
    """The sheet with two lines of one debate, each by the turn that ends it."""
    origin = await app.origin(debate_id, visitor=visitor)
    tree = await app.tree(debate_id, visitor=visitor)
    left, right = (line_to(tree, end) for end in ends)
    sides = [Side(origin, line, tree) for line in (left, right)]
    choices = line_choices(origin, tree)
    takes = [gr.update(visible=True, interactive=end != origin.tip) for end in ends]
    return {
        sheet.sheet: gr.update(visible=True),
        sheet.title: "<h2>Two lines, turn by turn</h2>",
        sheet.debate: debate_id,
        sheet.left: gr.update(choices=choices, value=ends[0], visible=True),
        sheet.right: gr.update(choices=choices, value=ends[1], visible=True),
        sheet.take_left: takes[0],
        sheet.take_right: takes[1],
        sheet.notice: "",
        sheet.body: comparison(sides[0], sides[1], side_by_side(left, right)),
    }


def line_choices(origin: Debate, tree: Sequence[Turn]) -> list[tuple[str, str]]:
    """Every line of the debate by the turn that ends it, the main line first."""
    following = children(tree)
    ends = [turn for turn in tree if turn.id == origin.tip or turn.id not in following]
    ends.sort(key=lambda turn: turn.id != origin.tip)
    return [(line_name(origin, line_to(tree, end.id), tree), end.id) for end in ends]


async def _main_line(app: DebateApp, debate_id: str, visitor: Visitor) -> Side:
    origin = await app.origin(debate_id, visitor=visitor)
    line = await app.transcript(debate_id, visitor=visitor)
    tree = await app.tree(debate_id, visitor=visitor)
    return Side(origin, line, tree, origin.title or one_line(origin.topic, 120))


def _choices(sheet: Comparison) -> list[Any]:
    return [sheet.left, sheet.right, sheet.take_left, sheet.take_right]

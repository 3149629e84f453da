"""The Insight tab: one's own numbers over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.records import Visitor, now
from rebuttal.ui.history_entries import Count
from rebuttal.ui.insight import MEASURES, Names, insight
from rebuttal.ui.notice import QUICK, Updates, explained, notice

TIMES = [("A week", 7), ("A month", 30), ("A year", 365)]
KINDS = [("Model", "model"), ("Persona", "persona")]


@dataclass(frozen=True, slots=True)
class InsightTab:
    """The tab's components."""

    days: gr.Radio
    measure: gr.Radio
    by: gr.Radio
    notice: gr.Markdown
    numbers: gr.Markdown

    @property
    def chosen(self) -> list[Any]:
        """In the order of ``Count``."""
        return [self.days, self.measure, self.by]


def build_insight_tab() -> InsightTab:
    """The tab, still empty."""
    measures = [(name, key) for key, name in MEASURES.items()]
    with gr.Column(elem_classes="insights"):
        with gr.Row(elem_classes="choices"):
            days = gr.Radio(TIMES, value=30, label="Time")
            measure = gr.Radio(measures, value="turns", label="What")
            by = gr.Radio(KINDS, value="model", label="By")
        problem = notice()
        numbers = gr.Markdown(elem_classes="counted", container=False)
    return InsightTab(days, measure, by, problem, numbers)


def wire_insight_tab(app: DebateApp, tab: gr.Tab, shown: InsightTab) -> None:
    """Counted anew whenever somebody turns to it or chooses."""

    async def count(asked: Count, visitor: Visitor) -> Updates:
        tallies = await app.history.tallies(asked.days, visitor=visitor)
        names = Names(app.catalog.personas, app.settings.currency)
        today = now().date()
        told = insight(tallies, asked.days, today, asked.measure, asked.by, names)
        return {shown.numbers: told}

    counted = explained(app, shown.notice, Count, count)
    triggers = [tab.select, *(choice.input for choice in shown.chosen)]
    outputs = [shown.notice, shown.numbers]
    gr.on(triggers, counted, shown.chosen, outputs, trigger_mode="always_last", **QUICK)

"""The Insight tab: one's own numbers over time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.records import Search, Visitor, now
from rebuttal.ui.history_entries import Count
from rebuttal.ui.insight import MEASURES, Names, Period, insight
from rebuttal.ui.notice import QUICK, Updates, explained, notice

TIMES = [("A week", 7), ("A month", 30), ("A year", 365)]
COUNTED = 5
"""Pages of debates that are counted; who has begun more does not need the exact number."""
PAGE = 200
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
        begun = await _begun(app, asked.days, visitor)
        period = Period(tallies, asked.days, now().date(), begun)
        return {shown.numbers: insight(period, asked.measure, asked.by, names)}

    counted = explained(app, shown.notice, Count, count)
    triggers = [tab.select, *(choice.input for choice in shown.chosen)]
    outputs = [shown.notice, shown.numbers]
    gr.on(triggers, counted, shown.chosen, outputs, trigger_mode="always_last", **QUICK)


async def _begun(app: DebateApp, days: int, visitor: Visitor) -> str:
    """How many debates began in that time."""
    first = datetime.combine(now().date() - timedelta(days=days - 1), time(), UTC)
    count, more = 0, None
    for _ in range(COUNTED):
        page = await app.history.find(Search(since=first), more, PAGE, visitor=visitor)
        count, more = count + len(page.found), page.more
        if more is None:
            return f"{count:,}"
    return f"{count:,}+"

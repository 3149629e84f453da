"""One table: the form, the stage, and what leads from one to the other. Every mode uses it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from html import escape
from typing import Any, cast

import gradio as gr

from rebuttal.app import DebateApp, ExportFormat
from rebuttal.errors import RebuttalError
from rebuttal.records import Debate, new_id
from rebuttal.ui import seating
from rebuttal.ui.mode import Mode
from rebuttal.ui.notice import QUICK, Updates, explained
from rebuttal.ui.render import heading, remark, trouble
from rebuttal.ui.setup import Setup, build_setup, wire_setup
from rebuttal.ui.stage import Stage, build_stage, debate_of, new_ticket, wire_stage


@dataclass(frozen=True, slots=True)
class Table:
    """A tab at which one can sit down and argue."""

    mode: Mode
    setup: Setup
    stage: Stage
    request: gr.Textbox
    """Unguessable; two starts that carry the same one are one debate."""

    @property
    def opened(self) -> list[Any]:
        """What ``show`` and ``clear`` change."""
        return [self.setup.notice, self.request, self.stage.ticket, *self.stage.words]


def build_table(app: DebateApp, mode: Mode) -> Table:
    """The components of one tab."""
    setup = build_setup(app, mode)
    stage = build_stage(mode)
    return Table(mode, setup, stage, gr.Textbox(visible=False, label="request"))


def show(table: Table, debate: Debate) -> Updates:
    """The stage with that debate, watched from now on."""
    return {
        table.setup.notice: "",
        table.request: new_id(),
        **dict.fromkeys(table.stage.words, ""),
        table.stage.heading: heading(debate, {}, None),
        table.stage.ticket: new_ticket(debate.id),
    }


def clear(table: Table) -> Updates:
    """The form again: page.css shows it where there is no heading."""
    return {
        table.request: new_id(),
        table.stage.ticket: "",
        **dict.fromkeys(table.stage.words, ""),
    }


def wire_table(app: DebateApp, table: Table) -> None:
    """All events of one tab."""
    watching = wire_stage(app, table.stage)
    wire_setup(app, table.mode, table.setup)
    _wire_start(app, table, watching)
    _wire_controls(app, table)
    _wire_exports(app, table.stage)


def _wire_start(app: DebateApp, table: Table, watching: list[Any]) -> None:
    form = table.setup

    async def start(
        topic: str, rounds: float | None, language: str, request: str, seats: int, *values: Any
    ) -> Updates:
        places = seating.places(values)[: int(seats)]
        debate_id = await app.start(
            topic,
            seating.seats(app.catalog, places),
            rounds=int(rounds or 0),
            language=language or "English",
            request=request or None,
        )
        return show(table, await app.debate(debate_id))

    async def new() -> Updates:
        return clear(table)

    gr.on(
        [form.start.click, form.topic.submit],
        explained(form.notice, start),
        [form.topic, form.rounds, form.language, table.request, form.seats, *form.fields],
        table.opened,
        trigger_mode="once",
        **QUICK,
    )
    left = table.stage.new.click(None, cancels=watching, api_visibility="private")
    left.then(explained(table.stage.notice, new), None, table.opened, **QUICK)


def _wire_controls(app: DebateApp, table: Table) -> None:
    stage, mode = table.stage, table.mode

    async def say(ticket: str, words: str) -> Updates:
        debate_id = debate_of(ticket)
        waits = await app.state(debate_id) == "running"
        await app.say(debate_id, words, mode.reply_rounds)
        told = remark("It is heard when this turn ends.") if waits else ""
        return {stage.note: "", stage.ticket: new_ticket(debate_id), stage.notice: told}

    async def more(ticket: str) -> Updates:
        await app.say(debate_of(ticket), "", 1)
        return {stage.ticket: new_ticket(debate_of(ticket))}

    async def resume(ticket: str) -> Updates:
        await app.resume(debate_of(ticket))
        return {stage.ticket: new_ticket(debate_of(ticket))}

    async def regenerate(ticket: str) -> Updates:
        await app.regenerate(debate_of(ticket))
        return {stage.ticket: new_ticket(debate_of(ticket))}

    async def stop(ticket: str) -> Updates:
        await app.stop(debate_of(ticket))
        return {}

    async def pause(ticket: str) -> Updates:
        await app.pause(debate_of(ticket))
        return {stage.pause: gr.update(interactive=False)}

    outputs = [stage.notice, stage.ticket]
    for button, handler in ((stage.more, more), (stage.resume, resume)):
        button.click(explained(stage.notice, handler), stage.ticket, outputs, **QUICK)
    again = explained(stage.notice, regenerate)
    stage.regenerate.click(again, stage.ticket, outputs, **QUICK)
    stage.stop.click(explained(stage.notice, stop), stage.ticket, stage.notice, **QUICK)
    halting = [stage.notice, stage.pause]
    stage.pause.click(explained(stage.notice, pause), stage.ticket, halting, **QUICK)
    gr.on(
        [stage.send.click, stage.note.submit],
        explained(stage.notice, say),
        [stage.ticket, stage.note],
        [*outputs, stage.note],
        **QUICK,
    )


def _wire_exports(app: DebateApp, stage: Stage) -> None:
    def export(format: str, kind: str) -> Callable[[str], Awaitable[Updates]]:
        async def handle(ticket: str) -> Updates:
            debate_id = debate_of(ticket)
            text = await app.export(debate_id, cast(ExportFormat, format))
            name = f"debate-{debate_id[:8]}.{format}"
            return {stage.outbox: outgoing(text, name, kind)}

        return explained(stage.notice, handle)

    outputs = [stage.notice, stage.outbox]
    stage.copy.click(export("md", "copy"), stage.ticket, outputs, **QUICK)
    for format, button in stage.exports.items():
        button.click(export(format, "file"), stage.ticket, outputs, **QUICK)


def outgoing(text: str, name: str, kind: str) -> str:
    """A text for page.js to copy or to save under that name; the mark makes each a new one."""
    return f'<pre class="outgoing {kind} {new_id()}" title="{name}">{escape(text)}</pre>'


async def reopen(app: DebateApp, tables: list[Table], debate_id: str) -> tuple[Mode, Updates]:
    """The table of a debate from the address bar, and what shows it there.

    An id that nobody knows ends in words at the last table.
    """
    try:
        debate = await app.debate(debate_id)
    except RebuttalError as error:
        last = tables[-1]
        return last.mode, {last.setup.notice: trouble(error.message, error.hint)}
    table = next(t for t in tables if t.mode.holds(debate))
    return table.mode, show(table, debate)

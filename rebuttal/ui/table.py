"""One table: the form, the stage, and what leads from one to the other. Every mode uses it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from rebuttal.app import DebateApp, ExportFormat
from rebuttal.errors import NotFound, RebuttalError
from rebuttal.records import Debate, Visitor, new_id
from rebuttal.ui import seating
from rebuttal.ui.entries import Note, Nothing, Resume, Start, Ticket
from rebuttal.ui.mode import Mode
from rebuttal.ui.notice import QUICK, Updates, explained
from rebuttal.ui.own_key import keys_at
from rebuttal.ui.render import heading, refusal, remark
from rebuttal.ui.setup import Setup, build_setup, wire_setup
from rebuttal.ui.stage import Stage, build_stage, new_ticket, wire_stage


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
        form = [self.setup.notice, self.setup.own_key.key, self.request]
        return [*form, self.stage.ticket, *self.stage.words]


def build_table(app: DebateApp, mode: Mode) -> Table:
    """The components of one tab."""
    setup = build_setup(app, mode)
    stage = build_stage(app, mode)
    return Table(mode, setup, stage, gr.Textbox(visible=False, label="request"))


def show(table: Table, debate: Debate, owners: bool) -> Updates:
    """The stage with that debate, watched from now on."""
    return {
        table.setup.notice: "",
        table.setup.own_key.key: "",
        table.request: new_id(),
        **dict.fromkeys(table.stage.words, ""),
        table.stage.heading: heading(debate, {}, None, owners),
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
    _wire_words(app, table)
    _wire_exports(app, table.stage)


def _wire_start(app: DebateApp, table: Table, watching: list[Any]) -> None:
    form = table.setup

    async def start(asked: Start, visitor: Visitor) -> Updates:
        debate_id = await app.start(
            asked.topic,
            seating.seats(app.catalog, asked.taken),
            rounds=asked.rounds,
            language=asked.language or "English",
            request=asked.request or None,
            keys=keys_at(app.settings, asked, asked.endpoints(app.catalog)),
            visitor=visitor,
        )
        debate = await app.debate(debate_id, visitor=visitor)
        return show(table, debate, app.settings.owners)

    async def new(asked: Nothing, visitor: Visitor) -> Updates:
        return clear(table)

    own = [form.own_key.endpoint, form.own_key.key]
    sent = [form.topic, form.seats, *own, form.rounds, form.language, table.request, *form.fields]
    gr.on(
        [form.start.click, form.topic.submit],
        explained(app, form.notice, Start, start),
        sent,
        table.opened,
        trigger_mode="once",
        **QUICK,
    )
    left = table.stage.new.click(None, cancels=watching, api_visibility="private")
    cleared = explained(app, table.stage.notice, Nothing, new)
    left.then(cleared, None, table.opened, **QUICK)


def _wire_controls(app: DebateApp, table: Table) -> None:
    stage = table.stage

    async def more(asked: Ticket, visitor: Visitor) -> Updates:
        await app.say(asked.debate_id, "", 1, visitor=visitor)
        return {stage.ticket: new_ticket(asked.debate_id)}

    async def regenerate(asked: Ticket, visitor: Visitor) -> Updates:
        await app.regenerate(asked.debate_id, visitor=visitor)
        return {stage.ticket: new_ticket(asked.debate_id)}

    async def stop(asked: Ticket, visitor: Visitor) -> Updates:
        await app.stop(asked.debate_id, visitor=visitor)
        return {}

    async def pause(asked: Ticket, visitor: Visitor) -> Updates:
        await app.pause(asked.debate_id, visitor=visitor)
        return {stage.pause: gr.update(interactive=False)}

    for button, handler, changed in (
        (stage.more, more, stage.ticket),
        (stage.regenerate, regenerate, stage.ticket),
        (stage.stop, stop, None),
        (stage.pause, pause, stage.pause),
    ):
        handled = explained(app, stage.notice, Ticket, handler)
        outputs = [stage.notice, changed] if changed else [stage.notice]
        button.click(handled, stage.ticket, outputs, **QUICK)


def _wire_words(app: DebateApp, table: Table) -> None:
    """A note to those who debate, and going on with a key of one's own."""
    stage, own = table.stage, table.stage.own_key

    async def say(asked: Note, visitor: Visitor) -> Updates:
        waits = await app.state(asked.debate_id, visitor=visitor) == "running"
        await app.say(asked.debate_id, asked.note, table.mode.reply_rounds, visitor=visitor)
        told = remark("It is heard when this turn ends.") if waits else ""
        return {stage.note: "", stage.ticket: new_ticket(asked.debate_id), stage.notice: told}

    async def resume(asked: Resume, visitor: Visitor) -> Updates:
        debate = await app.debate(asked.debate_id, visitor=visitor)
        keys = keys_at(app.settings, asked, debate.own_keys)
        await app.resume(asked.debate_id, keys=keys, visitor=visitor)
        return {stage.ticket: new_ticket(asked.debate_id), stage.own_key.key: ""}

    gr.on(
        [stage.resume.click, own.key.submit],
        explained(app, stage.notice, Resume, resume),
        [stage.ticket, own.endpoint, own.key],
        [stage.notice, stage.ticket, own.key],
        **QUICK,
    )
    gr.on(
        [stage.send.click, stage.note.submit],
        explained(app, stage.notice, Note, say),
        [stage.ticket, stage.note],
        [stage.notice, stage.ticket, stage.note],
        **QUICK,
    )


def _wire_exports(app: DebateApp, stage: Stage) -> None:
    def export(format: ExportFormat, kind: str) -> Callable[..., Awaitable[Updates]]:
        async def handle(asked: Ticket, visitor: Visitor) -> Updates:
            text = await app.export(asked.debate_id, format, visitor=visitor)
            name = f"debate-{asked.debate_id[:8]}.{format}"
            return {stage.outbox: outgoing(text, name, kind)}

        return explained(app, stage.notice, Ticket, handle)

    outputs = [stage.notice, stage.outbox]
    stage.copy.click(export("md", "copy"), stage.ticket, outputs, **QUICK)
    for format, button in stage.exports.items():
        button.click(export(format, "file"), stage.ticket, outputs, **QUICK)


def outgoing(text: str, name: str, kind: str) -> str:
    """A text for page.js to copy or to save under that name; the mark makes each a new one."""
    return f'<pre class="outgoing {kind} {new_id()}" title="{name}">{escape(text)}</pre>'


async def reopen(
    app: DebateApp, tables: list[Table], debate_id: str, visitor: Visitor
) -> tuple[Mode, Updates]:
    """The table of a debate from the address bar, and what shows it there.

    An id that nobody knows, or that is not the visitor's, ends in words at the last table.
    """
    try:
        debate = await app.debate(debate_id, visitor=visitor)
    except RebuttalError as error:
        if isinstance(error, NotFound) and app.settings.owners:
            other = "user" if visitor.name else "browser"
            error.hint = f"It may belong to another {other}."
        last = tables[-1]
        return last.mode, {last.setup.notice: refusal(error)}
    table = next(t for t in tables if t.mode.holds(debate))
    return table.mode, show(table, debate, app.settings.owners)

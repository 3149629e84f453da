"""The debate itself: heading, settled transcript, the turn being spoken, and what one can do."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.errors import RebuttalError
from rebuttal.events import (
    DebateEvent,
    DebateFinished,
    DebatePaused,
    DebateRewound,
    TurnFinished,
    TurnStarted,
)
from rebuttal.records import new_id
from rebuttal.ui.mode import Mode
from rebuttal.ui.notice import QUICK, WATCHING, Updates, notice
from rebuttal.ui.render import Transcript, heading, trouble
from rebuttal.ui.spoken import LiveTurn


@dataclass(frozen=True, slots=True)
class Stage:
    """The components of a running or finished debate."""

    heading: gr.Markdown
    transcript: gr.Markdown
    live: gr.Markdown
    announcer: gr.Markdown
    """Tells those who listen who has spoken; page.js makes it a live region."""
    notice: gr.Markdown
    status: gr.Markdown
    stop: gr.Button
    pause: gr.Button
    resume: gr.Button
    more: gr.Button
    regenerate: gr.Button
    note: gr.Textbox
    send: gr.Button
    streaming: gr.Checkbox
    copy: gr.Button
    exports: dict[str, gr.Button]
    new: gr.Button
    outbox: gr.Markdown
    """A text on its way to the clipboard or into a file; page.js takes it from here."""
    look: gr.Button
    """Watches again; page.js presses it when somebody comes back to a debate that rests."""
    ticket: gr.Textbox
    """The debate's id, and a mark that makes each order to watch it a new one."""

    @property
    def words(self) -> list[gr.Markdown]:
        """What is empty at a stage without a debate."""
        return [self.heading, self.transcript, self.live, self.status, self.notice]


def build_stage(mode: Mode) -> Stage:
    """The stage; page.css shows it, and hides the form, as soon as it has a heading."""
    with gr.Column(elem_classes="stage"):
        said = {
            "heading": gr.Markdown(elem_classes="heading", container=False),
            "transcript": _words("settled"),
            "live": _words("live"),
            "announcer": gr.Markdown(elem_classes="announcer", container=False),
        }
        with gr.Column(elem_classes="dock"):
            problem = notice()
            dock = {**_controls(mode), **_note(mode), **_tools(mode)}
        outbox = gr.Markdown(elem_classes="outbox", container=False)
        look = gr.Button("Look again", visible="hidden", elem_classes="look")
    ticket = gr.Textbox(visible="hidden", label="debate")
    return Stage(**said, **dock, notice=problem, outbox=outbox, look=look, ticket=ticket)


def wire_stage(app: DebateApp, stage: Stage) -> list[Any]:
    """Watching: two listeners, so that what is settled is not sent again with every word.

    Returns both, for whoever has to cancel them.
    """

    async def settle(ticket: str) -> AsyncGenerator[Updates, None]:
        if not debate_of(ticket):
            # What a cancelled listener sent last may come after the stage was cleared.
            yield {stage.heading: "", stage.transcript: ""}
            return
        try:
            async with aclosing(_settled(app, stage, debate_of(ticket))) as updates:
                async for update in updates:
                    yield update
        except RebuttalError as error:
            yield {stage.notice: trouble(error.message, error.hint)}

    async def speak(ticket: str, streaming: bool) -> AsyncGenerator[tuple[str, str], None]:
        if not debate_of(ticket):
            yield "", ""
            return
        try:
            async with aclosing(_spoken(app, debate_of(ticket), streaming)) as updates:
                async for update in updates:
                    yield update
        except RebuttalError:
            yield "", ""

    async def renew(ticket: str) -> str:
        return new_ticket(debate_of(ticket)) if debate_of(ticket) else ""

    changing = [stage.heading, stage.transcript, stage.announcer, stage.notice, *_buttons(stage)]
    # Listeners of one event run one after the other in the browser; those of a ``then`` together.
    ordered = stage.ticket.change(None, api_visibility="private")
    settling = ordered.then(settle, stage.ticket, changing, **WATCHING)
    heard = [stage.ticket, stage.streaming]
    speaking = ordered.then(speak, heard, [stage.live, stage.status], **WATCHING)
    silenced = stage.streaming.change(None, cancels=[speaking], api_visibility="private")
    stage.look.click(renew, stage.ticket, stage.ticket, **QUICK)
    silenced.then(renew, stage.ticket, stage.ticket, **QUICK)
    return [settling, speaking]


def new_ticket(debate_id: str) -> str:
    """An order to watch that debate, different from every earlier one."""
    return f"{debate_id} {new_id()}"


def debate_of(ticket: str) -> str:
    """The id of the debate that a ticket is for, or empty."""
    return ticket.partition(" ")[0] if isinstance(ticket, str) else ""


async def _settled(app: DebateApp, stage: Stage, debate_id: str) -> AsyncGenerator[Updates, None]:
    """What changes once or twice a turn; ends when the debate rests."""
    debate = await app.debate(debate_id)
    transcript = Transcript(debate)
    meters: dict[str, TurnStarted] = {}
    speaking, rest = "", "running"
    async with aclosing(app.watch(debate_id)) as batches:
        async for batch in batches:
            changed = False
            for event in batch:
                if isinstance(event, DebateRewound):
                    transcript.restart(await app.transcript(debate_id))
                    changed = True
                if isinstance(event, TurnStarted):
                    meters[event.seat] = event
                changed = transcript.take(event) or changed
                speaking, rest = _standing(event, speaking, rest)
                changed = changed or isinstance(event, TurnStarted | DebateFinished | DebatePaused)
            if changed:
                yield {
                    stage.heading: heading(debate, meters, speaking),
                    stage.transcript: transcript.markdown(),
                    stage.announcer: transcript.announcement,
                    **_shown(stage, rest, transcript.can_regenerate),
                }
            if rest != "running":
                return


def _standing(event: DebateEvent, speaking: str, rest: str) -> tuple[str, str]:
    """Who speaks and whether the debate runs, after the event."""
    if isinstance(event, TurnStarted):
        return event.seat, "running"
    if isinstance(event, DebateFinished):
        return "", "finished"
    if isinstance(event, DebatePaused):
        return "", "paused"
    return ("" if isinstance(event, TurnFinished) else speaking), rest


async def _spoken(
    app: DebateApp, debate_id: str, streaming: bool
) -> AsyncGenerator[tuple[str, str], None]:
    """The live turn and the status line, up to ten times a second; ends when the debate rests."""
    live = LiveTurn(await app.debate(debate_id), streaming)
    shown = ("", "")
    async with aclosing(app.watch(debate_id)) as batches:
        async for batch in batches:
            for event in batch:
                live.take(event, time.monotonic())
                if isinstance(event, DebateRewound):
                    live.restart(await app.transcript(debate_id))
            live.caught_up()
            news = live.markdown(), live.status(time.monotonic())
            if news != shown:
                shown = news
                yield news
            if live.resting:
                return


def _shown(stage: Stage, rest: str, can_regenerate: bool) -> Updates:
    """The buttons that make sense now."""
    running = rest == "running"
    visible = {
        stage.stop: running,
        stage.pause: running,
        stage.resume: rest == "paused",
        stage.more: rest == "finished",
        stage.regenerate: not running and can_regenerate,
    }
    return {button: gr.update(visible=shown, interactive=True) for button, shown in visible.items()}


def _buttons(stage: Stage) -> list[gr.Button]:
    return [stage.stop, stage.pause, stage.resume, stage.more, stage.regenerate]


def _controls(mode: Mode) -> dict[str, Any]:
    with gr.Row(elem_classes="dock-row"):
        return {
            "status": gr.Markdown(elem_classes="status-line", container=False),
            "pause": gr.Button("Pause", size="sm", visible=False),
            "stop": gr.Button("Stop", size="sm", visible=False),
            "regenerate": gr.Button("Regenerate last turn", size="sm", visible=False),
            "more": gr.Button(mode.again, size="sm", visible=False),
            "resume": gr.Button("Resume", size="sm", variant="primary", visible=False),
        }


def _note(mode: Mode) -> dict[str, Any]:
    with gr.Row(elem_classes="dock-row"):
        note = gr.Textbox(
            label=mode.reply,
            placeholder=mode.reply,
            show_label=False,
            max_lines=4,
            elem_classes="note-field",
        )
        return {"note": note, "send": gr.Button("Send", size="sm", elem_classes="send")}


def _tools(mode: Mode) -> dict[str, Any]:
    names = {"md": "Markdown", "txt": "Text", "json": "JSON"}
    with gr.Row(elem_classes="tools"):
        return {
            "streaming": gr.Checkbox(True, label="Word by word", container=False),
            "copy": gr.Button("Copy", size="sm"),
            "exports": {key: gr.Button(name, size="sm") for key, name in names.items()},
            "new": gr.Button(f"New {mode.title.lower()}", size="sm"),
        }


def _words(name: str) -> gr.Markdown:
    return gr.Markdown(elem_classes=name, container=False, latex_delimiters=[], line_breaks=True)

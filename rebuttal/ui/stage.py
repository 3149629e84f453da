"""The debate itself: heading, settled transcript, the turn being spoken, and what one can do."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import gradio as gr

from rebuttal.app import DebateApp, ExportFormat
from rebuttal.errors import NotFound
from rebuttal.events import (
    DebateEvent,
    DebateFinished,
    DebatePaused,
    DebateRewound,
    DebateWaiting,
    TurnFinished,
    TurnStarted,
)
from rebuttal.records import Debate, Visitor, new_id
from rebuttal.ui.branching import descent
from rebuttal.ui.entries import Hear, Look
from rebuttal.ui.mode import Mode
from rebuttal.ui.notice import QUICK, WATCHING, Updates, explained, notice, streamed
from rebuttal.ui.own_key import KeyFields, build_key_fields, wire_key_fields
from rebuttal.ui.render import heading, refusal
from rebuttal.ui.spoken import LiveTurn
from rebuttal.ui.transcript import Transcript

TELLING = (DebateWaiting, TurnStarted, DebateFinished, DebatePaused)
"""Events after which other buttons make sense, or another seat is marked."""


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
    own_key: KeyFields
    """To bring a key again: it is kept in memory alone, and not for long."""
    note: gr.Textbox
    send: gr.Button
    streaming: gr.Checkbox
    copy: gr.Button
    exports: dict[ExportFormat, gr.Button]
    tree: gr.Button
    again: gr.Button
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


def build_stage(app: DebateApp, mode: Mode) -> Stage:
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
            controls = _controls(mode)
            own_key = build_key_fields(app, "Bring your key again", visible=False)
            dock = {**controls, "own_key": own_key, **_note(mode), **_tools(mode)}
        outbox = gr.Markdown(elem_classes="outbox", container=False)
        look = gr.Button("Look again", visible="hidden", elem_classes="look")
    ticket = gr.Textbox(visible="hidden", label="debate")
    return Stage(**said, **dock, notice=problem, outbox=outbox, look=look, ticket=ticket)


def wire_stage(app: DebateApp, stage: Stage) -> list[Any]:
    """Watching: two listeners, so that what is settled is not sent again with every word.

    Returns both, for whoever has to cancel them.
    """

    async def settle(asked: Look, visitor: Visitor) -> AsyncGenerator[Updates, None]:
        if not asked.debate_id:
            # What a cancelled listener sent last may come after the stage was cleared.
            yield {stage.heading: "", stage.transcript: ""}
            return
        async with aclosing(_settled(app, stage, asked.debate_id, visitor)) as updates:
            async for update in updates:
                yield update

    async def speak(asked: Hear, visitor: Visitor) -> AsyncGenerator[tuple[str, str], None]:
        if not asked.debate_id:
            yield "", ""
            return
        async with aclosing(_spoken(app, asked, visitor)) as updates:
            async for update in updates:
                yield update

    async def renew(asked: Look, visitor: Visitor) -> Updates:
        return {stage.ticket: new_ticket(asked.debate_id) if asked.debate_id else ""}

    settler = streamed(app, Look, settle, lambda error: {stage.notice: refusal(error)})
    speaker = streamed(app, Hear, speak, lambda error: ("", ""))
    renewer = explained(app, stage.notice, Look, renew)
    wire_key_fields(app, stage.own_key, stage.notice)
    changing = [stage.heading, stage.transcript, stage.announcer, stage.notice, *_buttons(stage)]
    changing += [stage.own_key.box, stage.own_key.endpoint]
    # Listeners of one event run one after the other in the browser; those of a ``then`` together.
    ordered = stage.ticket.change(None, api_visibility="private")
    settling = ordered.then(settler, stage.ticket, changing, **WATCHING)
    heard = [stage.ticket, stage.streaming]
    speaking = ordered.then(speaker, heard, [stage.live, stage.status], **WATCHING)
    silenced = stage.streaming.change(None, cancels=[speaking], api_visibility="private")
    renewed = [stage.notice, stage.ticket]
    stage.look.click(renewer, stage.ticket, renewed, **QUICK)
    silenced.then(renewer, stage.ticket, renewed, **QUICK)
    return [settling, speaking]


def new_ticket(debate_id: str) -> str:
    """An order to watch that debate, different from every earlier one."""
    return f"{debate_id} {new_id()}"


async def _settled(
    app: DebateApp, stage: Stage, debate_id: str, visitor: Visitor
) -> AsyncGenerator[Updates, None]:
    """What changes once or twice a turn; ends when the debate rests."""
    debate = await app.origin(debate_id, visitor=visitor)
    transcript = Transcript(debate, await app.tree(debate_id, visitor=visitor))
    lineage = descent(debate, await _earlier(app, debate, visitor))
    meters: dict[str, TurnStarted] = {}
    speaking, rest = "", "running"
    async with aclosing(app.watch(debate_id, words=False, visitor=visitor)) as batches:
        async for batch in batches:
            changed = False
            for event in batch:
                if isinstance(event, DebateRewound):
                    transcript.rewind(event.tip, await app.tree(debate_id, visitor=visitor))
                    changed = True
                if isinstance(event, TurnStarted):
                    meters[event.seat] = event
                changed = transcript.take(event) or changed
                speaking, rest = _standing(event, speaking, rest)
                changed = changed or isinstance(event, TELLING)
            if changed:
                yield {
                    stage.heading: heading(
                        transcript.table,
                        meters,
                        speaking,
                        app.settings.owners,
                        looks=transcript.voices,
                        descent=lineage,
                    ),
                    stage.transcript: transcript.markdown(),
                    stage.announcer: transcript.announcement,
                    **_shown(stage, rest, transcript.can_regenerate),
                    **_key_wanted(stage, debate, rest, app.settings.own_keys),
                }
            if rest != "running":
                return


async def _earlier(app: DebateApp, debate: Debate, visitor: Visitor) -> Debate | None:
    """The debate that this one runs again, if it is still there for the visitor."""
    if debate.rerun_of is None:
        return None
    try:
        return await app.origin(debate.rerun_of, visitor=visitor)
    except NotFound:
        return None


def _standing(event: DebateEvent, speaking: str, rest: str) -> tuple[str, str]:
    """Who speaks and whether the debate runs, after the event."""
    if isinstance(event, TurnStarted):
        return event.seat, "running"
    if isinstance(event, DebateWaiting):
        return "", "running"
    if isinstance(event, DebateFinished):
        return "", "finished"
    if isinstance(event, DebatePaused):
        return "", "paused"
    return ("" if isinstance(event, TurnFinished) else speaking), rest


async def _spoken(
    app: DebateApp, asked: Hear, visitor: Visitor
) -> AsyncGenerator[tuple[str, str], None]:
    """The live turn and the status line, as watchers are told; ends when the debate rests."""
    debate_id = asked.debate_id
    origin = await app.origin(debate_id, visitor=visitor)
    live = LiveTurn(origin, asked.streaming, await app.tree(debate_id, visitor=visitor))
    shown = ("", "")
    async with aclosing(app.watch(debate_id, again=True, visitor=visitor)) as batches:
        async for batch in batches:
            for event in batch:
                live.take(event, time.monotonic())
                if isinstance(event, DebateRewound):
                    live.rewind(event.tip, await app.tree(debate_id, visitor=visitor))
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


def _key_wanted(stage: Stage, debate: Debate, rest: str, own_keys: bool) -> Updates:
    """Where a debate on a visitor's own key waits, the key may be brought again."""
    if not debate.own_keys:
        return {}
    choices = [(name, name) for name in debate.own_keys]
    return {
        stage.own_key.box: gr.update(visible=own_keys and rest == "paused"),
        stage.own_key.endpoint: gr.update(choices=choices, value=choices[0][1]),
    }


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
    names: dict[ExportFormat, str] = {
        "md": "Markdown",
        "txt": "Text",
        "json": "JSON",
        "html": "Web page",
    }
    with gr.Row(elem_classes="tools"):
        return {
            "streaming": gr.Checkbox(True, label="Word by word", container=False),
            "copy": gr.Button("Copy", size="sm"),
            "exports": {key: gr.Button(name, size="sm") for key, name in names.items()},
            "tree": gr.Button("Branches", size="sm"),
            "again": gr.Button("Run again", size="sm"),
            "new": gr.Button(f"New {mode.title.lower()}", size="sm"),
        }


def _words(name: str) -> gr.Markdown:
    return gr.Markdown(elem_classes=name, container=False, latex_delimiters=[], line_breaks=True)

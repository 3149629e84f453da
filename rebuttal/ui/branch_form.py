"""The sheets in which a turn is edited, a debate goes on with another table, or runs again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.branches import gist
from rebuttal.languages import language_choices
from rebuttal.line import line_to, rounds_left, seated
from rebuttal.markdown import safe_line
from rebuttal.records import Debate, Debater, ModelState, Turn
from rebuttal.ui import seating
from rebuttal.ui.notice import Updates, notice
from rebuttal.ui.own_key import KeyFields, build_key_fields
from rebuttal.wish import MAX_SEATS


@dataclass(frozen=True, slots=True)
class ChairFields:
    """One seat of the form."""

    box: gr.Column
    persona: gr.Dropdown
    model: gr.Dropdown
    stance: gr.Textbox

    @property
    def fields(self) -> list[Any]:
        """In the order of ``branch_entries.Chair``."""
        return [self.persona, self.model, self.stance]


@dataclass(frozen=True, slots=True)
class EditSheet:
    """Where a turn is put into other words."""

    sheet: gr.Column
    title: gr.Markdown
    place: gr.Textbox
    """The debate and the turn, by their ids."""
    words: gr.Textbox
    notice: gr.Markdown
    go: gr.Button
    leave: gr.Button

    @property
    def shown(self) -> list[Any]:
        """What opening and closing changes."""
        return [self.sheet, self.title, self.place, self.words, self.notice]


@dataclass(frozen=True, slots=True)
class BranchForm:
    """Another table for what follows a turn, or for another run."""

    sheet: gr.Column
    title: gr.Markdown
    place: gr.Textbox
    topic: gr.Textbox
    seats: gr.Slider
    chairs: list[ChairFields]
    word: gr.Textbox
    rounds: gr.Slider
    language: gr.Dropdown
    seed: gr.Textbox
    own_key: KeyFields
    notice: gr.Markdown
    go: gr.Button
    again: gr.Button
    leave: gr.Button

    @property
    def fields(self) -> list[Any]:
        """Every field of every chair, one after the other."""
        return [field for chair in self.chairs for field in chair.fields]

    @property
    def boxes(self) -> list[Any]:
        """What comes and goes with the number of seats."""
        return [chair.box for chair in self.chairs]

    @property
    def shown(self) -> list[Any]:
        """What opening and closing changes."""
        return [
            *(self.sheet, self.title, self.place, self.topic, self.seats, self.word, self.rounds),
            *(self.language, self.seed, self.own_key.box, self.own_key.key, self.notice),
            *(self.go, self.again, *self.fields, *self.boxes),
        ]


def build_edit_sheet() -> EditSheet:
    """The sheet, closed."""
    with gr.Column(elem_classes="sheet edit-sheet", visible=False) as sheet:
        title = gr.Markdown(elem_classes="sheet-title", container=False)
        words = gr.Textbox(label="In other words", lines=6, max_lines=16)
        problem = notice()
        with gr.Row(elem_classes="sheet-foot"):
            go = gr.Button("Continue from these words", variant="primary", elem_classes="go")
            leave = gr.Button("Cancel", elem_classes="leave")
    # Outside of the sheet: what is hidden within is shown when the sheet opens again.
    place = gr.Textbox(visible="hidden", label="turn")
    return EditSheet(sheet, title, place, words, problem, go, leave)


def build_branch_form(app: DebateApp) -> BranchForm:
    """The sheet, closed."""
    most = app.settings.max_rounds
    with gr.Column(elem_classes="sheet branch-sheet", visible=False) as sheet:
        title = gr.Markdown(elem_classes="sheet-title", container=False)
        topic = gr.Textbox(label="Topic", max_lines=4)
        seats = gr.Slider(1, MAX_SEATS, step=1, label="Debaters")
        with gr.Row(elem_classes="chairs"):
            chairs = [_chair(app, number) for number in range(MAX_SEATS)]
        word = gr.Textbox(label="A word of yours to the table", placeholder="Nothing", max_lines=4)
        with gr.Row(elem_classes="sheet-options"):
            rounds = gr.Slider(1, most, step=1, label="Rounds")
            language = gr.Dropdown(
                language_choices(), label="Language", allow_custom_value=True, filterable=True
            )
            seed = gr.Textbox(label="Seed", placeholder="None", max_lines=1)
        own_key = build_key_fields(app, "Use a key of your own", visible=False)
        problem = notice()
        with gr.Row(elem_classes="sheet-foot"):
            go = gr.Button("Continue from here", variant="primary", elem_classes="go")
            again = gr.Button("Run again", variant="primary", elem_classes="go")
            leave = gr.Button("Cancel", elem_classes="leave")
    # Outside of the sheet: what is hidden within is shown when the sheet opens again.
    place = gr.Textbox(visible="hidden", label="turn")
    return BranchForm(
        *(sheet, title, place, topic, seats, chairs, word, rounds, language, seed),
        *(own_key, problem, go, again, leave),
    )


def _chair(app: DebateApp, number: int) -> ChairFields:
    labels = list(app.catalog.models)
    with gr.Column(elem_classes="chair", visible=False) as box:
        persona = gr.Dropdown(
            seating.persona_choices(app.catalog),
            value=seating.seat_persona(app.catalog, number),
            label=f"Seat {number + 1}",
            filterable=True,
            elem_classes="persona-field",
        )
        model = gr.Dropdown(
            [(label, label) for label in labels],
            value=labels[0] if labels else None,
            label="Through the model",
            filterable=True,
        )
        stance = gr.Textbox(label="Argues", placeholder="as before", max_lines=3, max_length=500)
    return ChairFields(box, persona, model, stance)


def offer(form: BranchForm, states: Sequence[ModelState]) -> Updates:
    """The lists of models as they are now."""
    choices = seating.model_choices(states)
    return {chair.model: gr.update(choices=choices) for chair in form.chairs}


# --- opened for something -------------------------------------------------------------------------


def open_edit(sheet: EditSheet, debate_id: str, turn: Turn, name: str) -> Updates:
    """The sheet with the words of that turn."""
    told = "What was said stays on a branch of its own."
    return {
        sheet.sheet: gr.update(visible=True),
        sheet.title: f"<h2>Put {_whose(name)} into other words</h2><p>{told}</p>",
        sheet.place: f"{debate_id} {turn.id}",
        sheet.words: turn.text,
        sheet.notice: "",
    }


def _whose(name: str) -> str:
    return f"{safe_line(name)}’s turn" if name else "your words"


def open_branch(form: BranchForm, origin: Debate, tree: Sequence[Turn], turn: Turn) -> Updates:
    """The form with the table and the rounds as they are behind that turn."""
    line = line_to(tree, turn.id)
    told = f"After: “{safe_line(gist(turn))}” What followed stays on a branch of its own."
    return {
        form.title: f"<h2>Continue from here with…</h2><p>{told}</p>",
        form.place: f"{origin.id} {turn.id}",
        form.topic: gr.update(value=origin.topic, visible=False),
        form.language: gr.update(value=origin.language, visible=False),
        form.seed: gr.update(value="", visible=False),
        form.word: gr.update(value="", visible=True),
        form.rounds: max(rounds_left(origin, line), 1),
        form.go: gr.update(visible=True),
        form.again: gr.update(visible=False),
        form.own_key.box: gr.update(visible=False),
        **_opened(form, seated(origin, line).debaters, may_change=True),
    }


def open_again(form: BranchForm, origin: Debate, root: str, own_keys: bool) -> Updates:
    """The form with everything as the debate began."""
    told = "As it was, or with something changed. Both can then be compared turn by turn."
    seed = "" if origin.seed is None else str(origin.seed)
    return {
        form.title: f"<h2>Run this debate again</h2><p>{told}</p>",
        form.place: f"{origin.id} {root}",
        form.topic: gr.update(value=origin.topic, visible=True),
        form.language: gr.update(value=origin.language, visible=True),
        form.seed: gr.update(value=seed, visible=True),
        form.word: gr.update(value="", visible=False),
        form.rounds: origin.rounds,
        form.go: gr.update(visible=False),
        form.again: gr.update(visible=True),
        form.own_key.box: gr.update(visible=own_keys),
        **_opened(form, origin.debaters, may_change=False),
    }


def _opened(form: BranchForm, table: Sequence[Debater], may_change: bool) -> Updates:
    """The form with that table; ``may_change``: how many sit at it."""
    updates: Updates = {
        form.sheet: gr.update(visible=True),
        form.notice: "",
        form.own_key.key: "",
        form.seats: gr.update(value=len(table), visible=may_change),
        **visible_chairs(form, len(table)),
    }
    for chair, one in zip(form.chairs, table, strict=False):
        updates |= {
            chair.persona: one.persona.key,
            chair.model: one.model,
            chair.stance: one.stance or "",
        }
    return updates


def visible_chairs(form: BranchForm, seats: int) -> Updates:
    """As many chairs as somebody sits on."""
    return {box: gr.update(visible=at < seats) for at, box in enumerate(form.boxes)}

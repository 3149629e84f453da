"""The form before a debate: topic, seats, rounds and language, examples, and the start button."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.languages import language_choices
from rebuttal.records import ModelState, Visitor
from rebuttal.ui import seating
from rebuttal.ui.entries import Cards, ChosenModel, ChosenPersona, Form, Place
from rebuttal.ui.examples import Example
from rebuttal.ui.mode import Mode
from rebuttal.ui.notice import QUICK, Updates, explained, notice
from rebuttal.ui.own_key import KeyFields, build_key_fields, wire_key_fields
from rebuttal.ui.panels import PanelBox, build_panel_box, wire_panel_box
from rebuttal.ui.render import remark

ORDINALS = ("First", "Second", "Third", "Fourth", "Fifth", "Sixth")


@dataclass(frozen=True, slots=True)
class SeatCard:
    """The fields of one seat, in a card."""

    box: gr.Column
    persona: gr.Dropdown
    model: gr.Dropdown
    stance: gr.Textbox
    instructions: gr.Textbox
    temperature: gr.Slider
    remove: gr.Button

    @property
    def fields(self) -> list[Any]:
        """In the order of ``entries.Place``."""
        return [self.persona, self.model, self.stance, self.instructions, self.temperature]


@dataclass(frozen=True, slots=True)
class Setup:
    """The form's components."""

    topic: gr.Textbox
    cards: list[SeatCard]
    seats: gr.Number
    """How many of the cards are taken."""
    rounds: gr.Slider
    language: gr.Dropdown
    own_key: KeyFields
    panel: PanelBox | None
    add: gr.Button
    surprise: gr.Button
    start: gr.Button
    examples: list[gr.Button]
    notice: gr.Markdown

    @property
    def fields(self) -> list[Any]:
        """Every field of every card, one after the other."""
        return [field for card in self.cards for field in card.fields]


def build_setup(app: DebateApp, mode: Mode) -> Setup:
    """The form of a table, filled with what the catalog offers."""
    with gr.Column(elem_classes="setup"):
        topic = gr.Textbox(
            label=mode.question,
            placeholder=mode.placeholder,
            lines=1,
            max_lines=4,
            elem_classes="topic-field",
        )
        with gr.Row(elem_classes="examples"):
            examples = [
                gr.Button(example.topic, size="sm", elem_classes="chip")
                for example in mode.examples
            ]
            surprise = gr.Button("Surprise me", size="sm", elem_classes="chip surprise")
        with gr.Row(elem_classes="cards"):
            cards = [_card(app, mode, number) for number in range(mode.most_seats)]
        seats = gr.Number(mode.least_seats, visible=False, label="Seats")
        options = _options(app, mode)
        own_key = build_key_fields(app, "Use a key of your own", visible=True)
        panel = build_panel_box(app) if mode.chooses_rounds else None
        problem = notice()
        start = gr.Button(mode.start, variant="primary", elem_classes="start")
    return Setup(
        topic=topic,
        cards=cards,
        seats=seats,
        **options,
        own_key=own_key,
        panel=panel,
        surprise=surprise,
        start=start,
        examples=examples,
        notice=problem,
    )


def wire_setup(app: DebateApp, mode: Mode, form: Setup) -> None:
    """Everything in the form but its start."""
    fields, cards = form.fields, form.cards
    everything = [form.notice, form.topic, form.seats, form.add, *fields]
    everything += [part for card in cards for part in (card.box, card.remove)]

    def fill(example: Example, models: list[str]) -> Updates:
        filled = seating.place_example(app.catalog, example, models)
        return {form.topic: example.topic, **arrange(app, mode, form, example.topic, filled)}

    async def surprise(asked: Form, visitor: Visitor) -> Updates:
        models = [place.model for place in asked.taken]
        return fill(seating.surprise(app.catalog, models, random.Random()), models)

    async def add(asked: Form, visitor: Visitor) -> Updates:
        taken = asked.places[: min(asked.seats + 1, mode.most_seats)]
        return arrange(app, mode, form, asked.topic, taken)

    async def hint(asked: Form, visitor: Visitor) -> Updates:
        return _hints(form, asked.topic, asked.seats)

    whole = [form.topic, form.seats, *fields]
    form.surprise.click(explained(app, form.notice, Form, surprise), whole, everything, **QUICK)
    form.add.click(explained(app, form.notice, Form, add), whole, everything, **QUICK)
    stances = [form.notice, *(card.stance for card in cards)]
    form.topic.blur(explained(app, form.notice, Form, hint), whole, stances, **QUICK)
    for button, example in zip(form.examples, mode.examples, strict=True):

        async def take(asked: Cards, visitor: Visitor, example: Example = example) -> Updates:
            return fill(example, [place.model for place in asked.places])

        button.click(explained(app, form.notice, Cards, take), fields, everything, **QUICK)
    for number, card in enumerate(cards):
        _wire_card(app, mode, form, number, everything)
        _wire_choices(app, form, card)
    wire_key_fields(app, form.own_key, form.notice)
    if form.panel:
        wire_panel_box(app, form.panel, whole, [form.rounds, form.language])


def arrange(app: DebateApp, mode: Mode, form: Setup, topic: str, taken: Sequence[Place]) -> Updates:
    """The cards showing these seats and no others."""
    updates: Updates = {
        form.seats: len(taken),
        form.add: gr.update(visible=mode.least_seats <= len(taken) < mode.most_seats),
    }
    for number, card in enumerate(form.cards):
        updates[card.box] = gr.update(visible=number < len(taken))
        updates[card.remove] = gr.update(visible=len(taken) > mode.least_seats)
        if number < len(taken):
            place = taken[number]
            hint = seating.stance_hint(topic, len(taken), number)
            updates |= {
                card.persona: place.persona,
                card.model: place.model,
                card.stance: gr.update(value=place.stance, placeholder=hint),
                card.instructions: gr.update(
                    value=place.instructions,
                    placeholder=_instructions(app, place.persona),
                ),
                card.temperature: place.temperature,
            }
    return updates


def _hints(form: Setup, topic: str, seats: int) -> Updates:
    """What each seat argues while its stance is empty."""
    return {
        card.stance: gr.update(placeholder=seating.stance_hint(topic, seats, number))
        for number, card in enumerate(form.cards[:seats])
    }


def offer_models(form: Setup, states: Sequence[ModelState], seated: str | None = None) -> Updates:
    """The model lists as they are now.

    Where ``seated`` is what each seat began with and cannot be used, it gives way to the best.
    Else no value is sent: somebody may have chosen meanwhile.
    """
    update: dict[str, Any] = {"choices": seating.model_choices(states)}
    if seated is not None and (best := seating.best_model(states, seated)) != seated:
        update["value"] = best
    return {card.model: gr.update(**update) for card in form.cards}


def _options(app: DebateApp, mode: Mode) -> dict[str, Any]:
    most = app.settings.max_rounds
    with gr.Row(elem_classes="options"):
        rounds = gr.Slider(
            1,
            max(most, 2),
            value=min(mode.rounds, most),
            step=1,
            label="Rounds",
            visible=mode.chooses_rounds,
        )
        language = gr.Dropdown(
            language_choices(),
            value="English",
            label="Language",
            allow_custom_value=True,
            filterable=True,
        )
        grows = mode.most_seats > mode.least_seats
        add = gr.Button("Add a debater", elem_classes="quiet", visible=grows)
    return {"rounds": rounds, "language": language, "add": add}


def _card(app: DebateApp, mode: Mode, number: int) -> SeatCard:
    persona = app.catalog.persona(seating.seat_persona(app.catalog, number))
    labels = list(app.catalog.models)
    with gr.Column(elem_classes="card", visible=number < mode.least_seats) as box:
        with gr.Row(elem_classes="who-row"):
            who = gr.Dropdown(
                seating.persona_choices(app.catalog),
                value=persona.key,
                label=f"{ORDINALS[number]} debater" if mode.most_seats > 1 else "Who answers",
                filterable=True,
                elem_classes="persona-field",
            )
            remove = gr.Button("Remove", size="sm", elem_classes="remove", visible=False)
        model = gr.Dropdown(
            [(label, label) for label in labels],
            value=labels[0] if labels else None,
            label="Speaks through",
            filterable=True,
        )
        stance = gr.Textbox(
            label="Stance",
            placeholder=seating.stance_hint("", mode.most_seats, number),
            max_lines=3,
            max_length=500,
            visible=mode.most_seats > 1,
        )
        with gr.Accordion("Fine print", open=False, elem_classes="fine-print"):
            instructions = gr.Textbox(
                label="In your own words, instead of the persona's instructions",
                placeholder=_instructions(app, persona.key),
                lines=2,
                max_lines=6,
                max_length=4000,
            )
            temperature = gr.Slider(
                0,
                2,
                value=seating.persona_temperature(persona),
                step=0.05,
                label="Temperature",
            )
    return SeatCard(box, who, model, stance, instructions, temperature, remove)


def _instructions(app: DebateApp, persona: str) -> str:
    return " ".join(app.catalog.persona(persona).instructions.split())


def _wire_card(app: DebateApp, mode: Mode, form: Setup, number: int, everything: list[Any]) -> None:
    async def remove(asked: Form, visitor: Visitor) -> Updates:
        taken = asked.taken
        if len(taken) > mode.least_seats:
            taken = taken[:number] + taken[number + 1 :]
        return arrange(app, mode, form, asked.topic, taken)

    whole = [form.topic, form.seats, *form.fields]
    removed = explained(app, form.notice, Form, remove)
    form.cards[number].remove.click(removed, whole, everything, **QUICK)


def _wire_choices(app: DebateApp, form: Setup, card: SeatCard) -> None:
    async def choose_persona(asked: ChosenPersona, visitor: Visitor) -> Updates:
        return {
            card.temperature: seating.persona_temperature(app.catalog.persona(asked.persona)),
            card.instructions: gr.update(placeholder=_instructions(app, asked.persona)),
        }

    async def choose_model(asked: ChosenModel, visitor: Visitor) -> Updates:
        reason = seating.explain_model(await app.models(visitor=visitor), asked.model)
        return {form.notice: remark(reason) if reason else ""}

    outputs = [form.notice, card.temperature, card.instructions]
    chosen = explained(app, form.notice, ChosenPersona, choose_persona)
    card.persona.input(chosen, card.persona, outputs, **QUICK)
    explain = explained(app, form.notice, ChosenModel, choose_model)
    card.model.input(explain, card.model, form.notice, **QUICK)

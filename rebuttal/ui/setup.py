"""The form before a debate: topic, seats, rounds and language, examples, and the start button."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.records import ModelState
from rebuttal.ui import seating
from rebuttal.ui.examples import Example
from rebuttal.ui.languages import language_choices
from rebuttal.ui.mode import Mode
from rebuttal.ui.notice import QUICK, Updates, explained, notice
from rebuttal.ui.render import remark
from rebuttal.ui.seating import Place

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
        """In the order of ``seating.Place``."""
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
        problem = notice()
        start = gr.Button(mode.start, variant="primary", elem_classes="start")
    return Setup(
        topic=topic,
        cards=cards,
        seats=seats,
        **options,
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

    async def surprise(_: str, seats: int, *values: Any) -> Updates:
        models = [place.model for place in seating.places(values)[: int(seats)]]
        return fill(seating.surprise(app.catalog, models, random.Random()), models)

    async def add(topic: str, seats: int, *values: Any) -> Updates:
        taken = seating.places(values)[: min(int(seats) + 1, mode.most_seats)]
        return arrange(app, mode, form, topic, taken)

    async def hint(topic: str, seats: int, *_: Any) -> Updates:
        return _hints(form, topic, int(seats))

    whole = [form.topic, form.seats, *fields]
    form.surprise.click(explained(form.notice, surprise), whole, everything, **QUICK)
    form.add.click(explained(form.notice, add), whole, everything, **QUICK)
    stances = [form.notice, *(card.stance for card in cards)]
    form.topic.blur(explained(form.notice, hint), [form.topic, form.seats], stances, **QUICK)
    for button, example in zip(form.examples, mode.examples, strict=True):

        async def take(*values: Any, example: Example = example) -> Updates:
            return fill(example, [place.model for place in seating.places(values)])

        button.click(explained(form.notice, take), fields, everything, **QUICK)
    for number, card in enumerate(cards):
        _wire_card(app, mode, form, number, everything)
        _wire_choices(app, form, card)


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


def offer_models(form: Setup, states: Sequence[ModelState], choose: bool = False) -> Updates:
    """The model lists as they are now; with ``choose`` each seat gets the best model."""
    update: dict[str, Any] = {"choices": seating.model_choices(states)}
    if choose:
        update["value"] = seating.best_model(states)
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
    async def remove(topic: str, seats: int, *values: Any) -> Updates:
        taken = seating.places(values)[: int(seats)]
        if len(taken) > mode.least_seats:
            del taken[number]
        return arrange(app, mode, form, topic, taken)

    whole = [form.topic, form.seats, *form.fields]
    form.cards[number].remove.click(explained(form.notice, remove), whole, everything, **QUICK)


def _wire_choices(app: DebateApp, form: Setup, card: SeatCard) -> None:
    async def choose_persona(key: str) -> Updates:
        return {
            card.temperature: seating.persona_temperature(app.catalog.persona(key)),
            card.instructions: gr.update(placeholder=_instructions(app, key)),
        }

    async def choose_model(label: str) -> Updates:
        reason = seating.explain_model(await app.models(), label)
        return {form.notice: remark(reason) if reason else ""}

    outputs = [form.notice, card.temperature, card.instructions]
    card.persona.input(explained(form.notice, choose_persona), card.persona, outputs, **QUICK)
    card.model.input(explained(form.notice, choose_model), card.model, form.notice, **QUICK)

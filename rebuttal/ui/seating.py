"""What the form says -> seats, and what the form offers: personas and models to choose from."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from rebuttal.catalog import Catalog
from rebuttal.prompts import default_stances
from rebuttal.records import ModelState, Persona, Seat
from rebuttal.ui.entries import PLAIN_TEMPERATURE, Place
from rebuttal.ui.examples import SURPRISES, Example
from rebuttal.ui.shelf import short_reason

PAIRS = ("philosopher", "cynic", "rational", "adversary", "idealist", "snarky")
"""Who is offered first: neighbours disagree."""


def seats(catalog: Catalog, places: Sequence[Place]) -> list[Seat]:
    """What to ask the app for: what was left as the persona has it is not said."""
    return [
        Seat(
            persona=place.persona,
            model=place.model,
            stance=place.stance.strip() or None,
            instructions=place.instructions.strip() or None,
            temperature=_own_temperature(catalog.persona(place.persona), place.temperature),
        )
        for place in places
    ]


def persona_temperature(persona: Persona) -> float:
    """Where the slider stands for that persona."""
    return PLAIN_TEMPERATURE if persona.temperature is None else persona.temperature


def _own_temperature(persona: Persona, chosen: float) -> float | None:
    return None if abs(chosen - persona_temperature(persona)) < 0.001 else chosen


def persona_choices(catalog: Catalog) -> list[tuple[str, str]]:
    """What the dropdown shows, and the key it stands for."""
    return [
        (f"{persona.emoji or ''} {persona.name}".strip(), key)
        for key, persona in catalog.personas.items()
    ]


def model_choices(states: Iterable[ModelState]) -> list[tuple[str, str]]:
    """Usable models first; the others with the reason why not."""
    ordered = sorted(states, key=lambda state: not state.usable)
    return [(_model_label(state), state.label) for state in ordered]


def explain_model(states: Iterable[ModelState], label: str) -> str:
    """Why that model cannot be used now, or what happens first; empty when all is well."""
    state = next((state for state in states if state.label == label), None)
    if state is None:
        return f"No model is called {label!r}."
    return f"{label}: {state.reason}" if state.reason else ""


def best_model(states: Sequence[ModelState], wished: str = "") -> str:
    """The wished model where it can be used, else the first that can, else the first at all."""
    usable = [state.label for state in states if state.usable]
    if wished in usable or not states:
        return wished
    return usable[0] if usable else states[0].label


def seat_persona(catalog: Catalog, number: int) -> str:
    """Whom to offer at the seat of that number, from 0: a pair that disagrees comes first."""
    known = [key for key in PAIRS if key in catalog.personas]
    order = known + [key for key in catalog.personas if key not in known]
    return order[number % len(order)]


def stance_hint(topic: str, seats: int, number: int) -> str:
    """The position that a seat takes when its field stays empty."""
    stance = default_stances(topic, seats)[number] if number < seats else None
    return stance or "its own view"


def place_example(catalog: Catalog, example: Example, models: Sequence[str]) -> list[Place]:
    """The example's seats at the models that the seats have now; unknown personas give way."""
    found = []
    for number, (key, stance) in enumerate(example.seats):
        persona = catalog.personas.get(key) or catalog.persona(seat_persona(catalog, number))
        model = models[number % len(models)]
        warmth = persona_temperature(persona)
        place = Place(persona=persona.key, model=model, stance=stance, temperature=warmth)
        found.append(place)
    return found


def surprise(catalog: Catalog, models: Sequence[str], chance: random.Random) -> Example:
    """A topic and as many different personas as there are ``models``."""
    keys = list(catalog.personas)
    chosen = chance.sample(keys, len(models)) if len(models) <= len(keys) else keys
    return Example(chance.choice(SURPRISES), tuple((key, "") for key in chosen))


def _model_label(state: ModelState) -> str:
    if state.label.startswith(f"{state.endpoint}/"):
        name = f"{state.label.removeprefix(state.endpoint + '/')} · {state.endpoint}"
    else:
        more = f" and {len(state.endpoints) - 1} more" if state.endpoints else ""
        name = f"{state.label} · {state.endpoint}{more}"
    return f"{name} ({short_reason(state.reason)})" if state.reason else name

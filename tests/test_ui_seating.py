"""From the form's fields to seats, and what the form offers."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import gradio as gr
import pytest

from rebuttal.app import DebateApp
from rebuttal.catalog import Catalog, load_catalog
from rebuttal.providers.base import Progress
from rebuttal.records import EndpointState, ModelState, Seat
from rebuttal.settings import HOME, load_settings
from rebuttal.ui import seating, shelf
from rebuttal.ui.entries import Place
from rebuttal.ui.mode import MODES
from rebuttal.ui.setup import build_setup, offer_models
from tests.debates import NOON


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(HOME / "models.yaml", HOME / "personas")


def state(label: str, usable: bool = True, reason: str = "", **fields: object) -> ModelState:
    fields = {"endpoint": "Ollama", "model": label.lower(), **fields}
    return ModelState(label=label, usable=usable, reason=reason, **fields)  # type: ignore[arg-type]


def test_fields_become_seats_and_empty_ones_say_nothing(catalog: Catalog) -> None:
    usual = seating.persona_temperature(catalog.persona("cynic"))
    left_alone = Place(persona="cynic", model="SmolLM2", stance=" ", temperature=usual)
    filled_in = Place(
        persona="polite", model="Mistral", stance="for", instructions="Be brief.", temperature=1
    )
    assert seating.seats(catalog, [left_alone, filled_in]) == [
        Seat(persona="cynic", model="SmolLM2"),
        Seat(
            persona="polite", model="Mistral", stance="for", instructions="Be brief.", temperature=1
        ),
    ]


def test_what_cannot_be_used_is_offered_last_and_says_why() -> None:
    states = [
        state("Mistral", False, "not pulled; pull it on the Models tab"),
        state("SmolLM2", endpoint="Built-in"),
        state("Ollama/qwen:1b"),
    ]
    assert seating.model_choices(states) == [
        ("SmolLM2 · Built-in", "SmolLM2"),
        ("qwen:1b · Ollama", "Ollama/qwen:1b"),
        ("Mistral · Ollama (not pulled)", "Mistral"),
    ]
    assert "pull it on the Models tab" in seating.explain_model(states, "Mistral")
    assert seating.explain_model(states, "SmolLM2") == ""


def test_the_best_model_is_one_that_can_be_used() -> None:
    states = [state("A", False, "gone"), state("B"), state("C")]
    assert seating.best_model(states) == "B"
    assert seating.best_model(states, "C") == "C"
    assert seating.best_model(states, "A") == "B"
    assert seating.best_model(states[:1]) == "A"


async def test_filling_the_lists_takes_back_no_choice_that_was_made_meanwhile(
    tmp_path: Path,
) -> None:
    with gr.Blocks(analytics_enabled=False):
        form = build_setup(DebateApp(load_settings(data=tmp_path)), MODES[-1])
    for first_is_usable in (True, False):
        states = [state("A", first_is_usable), state("B")]
        updates = offer_models(form, states, seated="A")
        assert {update.get("value") for update in updates.values()} == (
            {None} if first_is_usable else {"B"}
        )


def test_six_seats_begin_with_six_personas(catalog: Catalog) -> None:
    assert len({seating.seat_persona(catalog, number) for number in range(6)}) == 6


def test_every_example_can_be_seated(catalog: Catalog) -> None:
    for mode in MODES:
        for example in mode.examples:
            assert mode.least_seats <= len(example.seats) <= mode.most_seats
            assert all(key in catalog.personas for key, _ in example.seats)
            placed = seating.place_example(catalog, example, ["SmolLM2"])
            assert len(seating.seats(catalog, placed)) == len(example.seats)


def test_a_surprise_seats_different_personas(catalog: Catalog) -> None:
    example = seating.surprise(catalog, ["SmolLM2"] * 4, random.Random(1))
    assert len({key for key, _ in example.seats}) == 4
    assert example == seating.surprise(catalog, ["SmolLM2"] * 4, random.Random(1))


def test_an_empty_stance_shows_the_one_that_will_be_taken() -> None:
    assert seating.stance_hint("Tabs or spaces?", 2, 1) == "spaces"
    assert seating.stance_hint("", 2, 0) == "for"


def test_the_shelf_escapes_what_servers_say() -> None:
    rude = state("<b>x</b>", False, "<i>why</i>", size=98_362_432, context=4096)
    shown = shelf.models_table([rude]) + shelf.endpoints_table(
        [EndpointState(name="<u>E</u>", address="http://<a>", usable=False, reason="<s>no</s>")],
        NOON,
    )
    assert not any(tag in shown for tag in ("<b>", "<i>", "<u>", "<a>", "<s>"))
    assert "98 MB" in shown
    assert "4,096" in shown


@pytest.mark.parametrize(
    ("reason", "short"),
    [
        ("'Ollama' at http://localhost:11434/v1: connection refused.   Is it on?", "not running"),
        ("no key; set OPENAI_API_KEY in the environment", "no key"),
        ("not pulled; pull it on the Models tab", "not pulled"),
        ("98 MB to fetch at first use", "98 MB to fetch at first use"),
        ("", ""),
    ],
)
def test_a_list_shows_only_the_gist_of_a_reason(reason: str, short: str) -> None:
    assert shelf.short_reason(reason) == short


def test_a_download_shows_how_far_it_is() -> None:
    shown = shelf.progress_bar("SmolLM2", Progress("fetching", 34_000_000, 98_000_000))
    assert 'value="0.347"' in shown
    assert "34 MB of 98 MB" in shown


def test_addresses_have_no_column_where_none_is_told() -> None:
    told = EndpointState(name="E", address="http://e.example", usable=True)
    assert "Address" in shelf.endpoints_table([told], NOON)
    untold = told.model_copy(update={"address": ""})
    assert "Address" not in shelf.endpoints_table([untold], NOON)


def test_the_shelf_tells_who_is_busy_and_who_rests_for_how_long() -> None:
    busy = EndpointState(name="North", address="http://n", usable=True, busy=1)
    resting = EndpointState(
        name="South",
        address="http://s",
        usable=False,
        reason="'m' at http://s: connection refused.   Is it on?",
        busy=0,
        failures=3,
        rests_until=NOON + timedelta(seconds=17.6),
    )
    shown = shelf.endpoints_table([busy, resting], NOON)
    assert "ready, 1 request in progress" in shown
    assert "rests for 18 s after 3 failures: connection refused." in shown
    later = resting.model_copy(update={"rests_until": NOON + timedelta(minutes=5)})
    assert "rests for 5 min after" in shelf.endpoints_table([later], NOON)


def test_a_model_with_several_endpoints_shows_them() -> None:
    llama = state("Llama", reason="not through South now", endpoints=("Ollama", "South"))
    shown = shelf.models_table([llama])
    assert "<td>Ollama, South</td>" in shown
    assert "ready, not through South now" in shown
    assert seating.model_choices([llama]) == [
        ("Llama · Ollama and 1 more (not through South now)", "Llama")
    ]

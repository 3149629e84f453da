"""What visitors are told of models, endpoints and errors, by what the settings let them see."""

from __future__ import annotations

from pathlib import Path

from rebuttal.catalog import Catalog, load_catalog
from rebuttal.events import DebatePaused
from rebuttal.records import OPERATOR, EndpointState, ModelState, Visitor
from rebuttal.rights import Rights
from rebuttal.settings import HOME, load_settings

ANN = Visitor(owner="c:ann")
DOWN = "'Ollama' at http://10.0.0.5:11434/v1: connection refused"
STATES = (
    ModelState(label="SmolLM2", endpoint="Built-in", model="x", usable=True),
    ModelState(label="Mistral", endpoint="Ollama", model="x", usable=False, reason=DOWN),
    ModelState(label="Claude Haiku", endpoint="Anthropic", model="x", usable=False, reason="key"),
    ModelState(label="Ollama/secret", endpoint="Ollama", model="secret", usable=True),
)
PLACES = (
    EndpointState(name="Built-in", address="inside", usable=True),
    EndpointState(name="Ollama", address="http://10.0.0.5", usable=False, reason=DOWN),
    EndpointState(name="OpenAI", address="https://api", usable=False, reason="no key"),
)


def rights(profile: str, **settings: object) -> Rights:
    catalog: Catalog = load_catalog(HOME / "models.yaml", HOME / "personas")
    return Rights(load_settings(profile=profile, data=Path("x"), **settings), lambda: catalog)


def test_strangers_see_what_they_can_use_and_what_a_key_of_their_own_would_open() -> None:
    public = rights("public")
    assert [(s.label, s.reason) for s in public.models(ANN, STATES)] == [
        ("SmolLM2", ""),
        ("Claude Haiku", "needs a key of your own"),
    ]
    assert [(s.name, s.address, s.reason) for s in public.endpoints(ANN, PLACES)] == [
        ("Built-in", "", ""),
        ("OpenAI", "", "needs a key of your own"),
    ]
    without = rights("public", own_keys=False)
    assert [s.label for s in without.models(ANN, STATES)] == ["SmolLM2"]


def test_the_operator_and_the_people_of_a_house_see_everything() -> None:
    for profile, visitor in (("public", OPERATOR), ("lan", ANN), ("local", OPERATOR)):
        assert rights(profile).models(visitor, STATES) == STATES
        assert rights(profile).endpoints(visitor, PLACES) == PLACES


def test_an_error_names_the_endpoint_and_not_its_address_to_strangers() -> None:
    away = "http://localhost:11434/v1"
    event = DebatePaused(reason="error", message=f"'Mistral' at {away}: connection refused.")
    assert away in str(rights("lan").event(ANN, event))
    assert away not in str(rights("public").event(ANN, event))

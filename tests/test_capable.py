"""The main job on larger models: a GGUF of about 1.5B, and a real Ollama server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rebuttal.app import DebateApp
from rebuttal.events import DebateFinished, TurnDelta
from rebuttal.records import Seat, Turn
from rebuttal.settings import Settings, load_settings
from rebuttal.speech import concedes, copied_share, count_sentences
from tests.debates import watch_to_rest

SHIPPED = (Path(__file__).resolve().parent.parent / "models.yaml").read_text()
GGUF = os.environ.get("REBUTTAL_TEST_GGUF", "")
OLLAMA = os.environ.get("REBUTTAL_TEST_OLLAMA", "http://localhost:11434")
OLLAMA_MODEL = os.environ.get("REBUTTAL_TEST_OLLAMA_MODEL", "llama3.2:1b")


async def argue(settings: Settings, model: str) -> tuple[Turn, ...]:
    """Two rounds of two debaters on that model."""
    async with DebateApp(settings) as app:
        seats = [Seat(persona="cynic", model=model), Seat(persona="philosopher", model=model)]
        debate_id = await app.start("Should zoos be closed?", seats, rounds=2, seed=3)
        seen = await watch_to_rest(app, debate_id)
        assert isinstance(seen[-1], DebateFinished), seen[-1]
        assert sum(isinstance(event, TurnDelta) for event in seen) > 4
        return await app.transcript(debate_id)


def assert_worth_reading(turns: tuple[Turn, ...]) -> None:
    assert [turn.speaker for turn in turns] == ["user", "seat1", "seat2", "seat1", "seat2"]
    texts = [turn.text for turn in turns[1:]]
    for number, text in enumerate(texts):
        assert 1 <= count_sentences(text) <= 4
        assert copied_share(text, texts[:number]) <= 0.8
        assert not concedes(text)
        assert "Cynic:" not in text
        assert "[Philosopher]" not in text


@pytest.mark.gguf
@pytest.mark.skipif(not GGUF, reason="set REBUTTAL_TEST_GGUF to the file of a model of about 1.5B")
async def test_a_capable_model_argues_inside_the_app(tmp_path: Path) -> None:
    models = tmp_path / "models.yaml"
    models.write_text(
        "endpoints:\n  Built-in: {api: embedded, extra: {dry_multiplier: 0.8}}\n"
        "models:\n  Capable:\n    endpoint: Built-in\n    model: capable\n    context: 4096\n"
        f'    weights: {{path: "{GGUF}"}}\n'
    )
    turns = await argue(load_settings(models=models, data=tmp_path), "Capable")
    assert_worth_reading(turns)
    evaluated = [turn.usage.evaluated_tokens for turn in turns if turn.usage]
    assert evaluated[2] is not None
    assert evaluated[0] is not None
    assert evaluated[2] < evaluated[0], "the second view of a seat reuses its first"


@pytest.mark.ollama
async def test_a_real_ollama_server_argues(tmp_path: Path) -> None:
    models = tmp_path / "models.yaml"
    models.write_text(SHIPPED.replace("http://localhost:11434", OLLAMA))
    settings = load_settings(models=models, data=tmp_path, first_token_within=300, turn_within=600)
    async with DebateApp(settings) as app:
        found = {state.label for state in await app.models() if state.usable}
    label = f"Ollama/{OLLAMA_MODEL}"
    if label not in found:
        pytest.skip(f"no Ollama with {OLLAMA_MODEL} at {OLLAMA}; see docs/testing.md")
    assert_worth_reading(await argue(settings, label))

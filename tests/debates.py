"""Debates and turns for tests, built in one line each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from rebuttal.app import DebateApp
from rebuttal.events import DebateEvent, DebateFinished, DebatePaused
from rebuttal.providers.base import ChatModel
from rebuttal.records import USER, Debate, Debater, Persona, Seat, Turn
from rebuttal.settings import load_settings

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CYNIC_AND_RATIONAL = (
    Seat(persona="cynic", model="Scripted"),
    Seat(persona="rational", model="Scripted"),
)


def debater(seat: str, name: str, stance: str | None = None, model: str = "Scripted") -> Debater:
    """A debater with a persona of its name."""
    persona = Persona(
        key=name.lower().replace(" ", "-"), name=name, instructions=f"You are {name.lower()}."
    )
    return Debater(seat=seat, name=name, persona=persona, model=model, stance=stance)


def debate(
    *debaters: Debater, topic: str = "Should cats vote?", language: str = "English"
) -> Debate:
    """A debate of these, Cynic (for) and Rational (against) where none is given."""
    return Debate(
        id="debate",
        topic=topic,
        debaters=debaters or (debater("a", "Cynic", "for"), debater("b", "Rational", "against")),
        rounds=3,
        language=language,
        tip="t0",
        created_at=NOON,
    )


def turns(*said: tuple[str, str], topic: str = "Should cats vote?", rounds: int = 3) -> list[Turn]:
    """The topic and what followed as (speaker, text)."""
    lines = [(USER, topic), *said]
    return [
        Turn(
            id=f"t{number}",
            parent_id=f"t{number - 1}" if number else None,
            speaker=speaker,
            text=text,
            rounds=0 if number else rounds,
            created_at=NOON,
        )
        for number, (speaker, text) in enumerate(lines)
    ]


@asynccontextmanager
async def scripted_app(
    folder: Path, model: ChatModel, **settings: object
) -> AsyncIterator[DebateApp]:
    """An app whose model ``Scripted`` is the one given, with a real store in ``folder``."""
    chosen = load_settings(data=folder, cache=folder / "cache", offline=True, **settings)
    async with DebateApp(chosen, chat_models={"Scripted": model}) as app:
        yield app


async def watch_to_rest(
    app: DebateApp, debate_id: str, after: str | None = None
) -> list[DebateEvent]:
    """Everything a watcher sees until the debate finishes or waits."""
    seen: list[DebateEvent] = []
    batches = app.watch(debate_id, after)
    try:
        async for batch in batches:
            seen += batch
            if seen and isinstance(seen[-1], DebateFinished | DebatePaused):
                return seen
    finally:
        await batches.aclose()
    return seen

"""A debate whose requests are written down: what was asked, and what the server counted."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from rebuttal.app import DebateApp
from rebuttal.catalog import load_catalog
from rebuttal.events import DebateFinished, DebatePaused
from rebuttal.models import Models
from rebuttal.providers.base import ChatModel, Chunk, Message, Options
from rebuttal.records import Seat, Turn, Usage
from rebuttal.settings import Settings

TOPIC = "Should cities ban private cars?"
PERSONAS = ("philosopher", "cynic")
SEED = 7


@dataclass(frozen=True)
class Request:
    """One request: what it sent, and the text and the tokens that came back."""

    messages: tuple[Message, ...]
    options: Options
    text: str
    usage: Usage

    @property
    def seat(self) -> str:
        """Which debater asks, by the instructions that only it has."""
        return self.messages[0].content


class RecordingModel:
    """A ChatModel that passes everything on to another one and remembers it."""

    def __init__(self, chat: ChatModel) -> None:
        self._chat = chat
        self.requests: list[Request] = []

    async def context(self) -> int:
        """The other one's."""
        return await self._chat.context()

    async def stream(
        self, messages: Sequence[Message], options: Options
    ) -> AsyncGenerator[Chunk, None]:
        """See ChatModel. What was read before the reader left counts."""
        said: list[str] = []
        usage = Usage()
        try:
            async with aclosing(self._chat.stream(messages, options)) as chunks:
                async for chunk in chunks:
                    said.append(chunk.text)
                    usage = chunk.usage or usage
                    yield chunk
        finally:
            self.requests.append(Request(tuple(messages), options, "".join(said), usage))


async def record(
    settings: Settings, label: str, rounds: int
) -> tuple[list[Request], tuple[Turn, ...]]:
    """Play the debate through DebateApp: its requests, those asked again included, and its turns.

    Raises RuntimeError for a debate that does not reach its end.
    """
    models = Models(settings, load_catalog(settings.models, settings.personas))
    chat = RecordingModel(models.get(label)[0])
    seats = [Seat(persona=persona, model=label) for persona in PERSONAS]
    try:
        async with DebateApp(settings, chat_models={label: chat}) as app:
            debate_id = await app.start(TOPIC, seats, rounds=rounds, seed=SEED)
            async with aclosing(app.watch(debate_id)) as batches:
                async for batch in batches:
                    if batch and isinstance(batch[-1], DebatePaused):
                        raise RuntimeError(f"the debate paused: {batch[-1].message}")
                    if batch and isinstance(batch[-1], DebateFinished):
                        break
            turns = await app.transcript(debate_id)
    finally:
        await models.close()
    return chat.requests, tuple(turn for turn in turns if not turn.from_user)


def catalog_settings(models: Path | None) -> dict[str, object]:
    """The override for another models.yaml."""
    return {} if models is None else {"models": models}

"""A model that lives inside the app, as debates use it: loaded when it is first needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractContextManager, aclosing
from typing import Protocol

from rebuttal.catalog import Endpoint, Model
from rebuttal.errors import BrokenAnswer, ModelError, ServerFailed, Unreachable
from rebuttal.providers.base import Chunk, Footprint, Limits, Message, Options, Progress
from rebuttal.providers.llama_cpp_place import SLOTS, Place, wanted
from rebuttal.providers.weights import WeightsCache

_WAIT = 0.5


class Memory(Protocol):
    """Where models are loaded: an Engine, which says what each of these does."""

    weights: WeightsCache
    limits: Limits

    def knows(self, model: Model) -> bool: ...

    async def context(self, model: Model) -> int: ...

    def hold(self, model: Model) -> AbstractContextManager[Place]: ...

    def footprint(self, model: Model) -> Footprint: ...


class EmbeddedModel:
    """A ChatModel whose server is started when it is first needed."""

    def __init__(self, engine: Memory, endpoint: Endpoint, model: Model) -> None:
        self._engine = engine
        self._endpoint = endpoint
        self._model = model

    async def context(self) -> int:
        """Tokens of one request, known without loading once the file is there."""
        return await self._engine.context(self._model)

    async def stream(
        self, messages: Sequence[Message], options: Options
    ) -> AsyncGenerator[Chunk, None]:
        """Speak; see ChatModel. Fetching, loading and waiting for a turn come as ``waiting``.

        Raises WeightsError as well.
        """
        async with aclosing(self._fetched()) as steps:
            async for step in steps:
                yield Chunk(waiting=step.text, fraction=step.fraction)
        with self._engine.hold(self._model) as place:
            async with aclosing(_ready(place)) as steps:
                async for step in steps:
                    yield Chunk(waiting=step.text)
                    # Meanwhile, and not in the event loop: it takes a third of a second.
                    await asyncio.to_thread(_import_client)
            if place.slots.locked():
                speaks = f"{place.label} speaks in {SLOTS} other debates; this turn is next"
                yield Chunk(waiting=speaks)
            async with place.slots, aclosing(self._spoken(place, messages, options)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def load(self) -> AsyncGenerator[Progress, None]:
        """Be fetched and in memory, as before a first turn. Raises what ``stream`` raises."""
        async with aclosing(self._fetched()) as steps:
            async for step in steps:
                yield step
        with self._engine.hold(self._model) as place:
            async with aclosing(_ready(place)) as steps:
                async for step in steps:
                    yield step
        yield Progress(f"{self._model.label} is in memory")

    async def footprint(self) -> Footprint:
        """As the process of its server holds it; how much of a GPU, nobody tells."""
        return self._engine.footprint(self._model)

    async def _fetched(self) -> AsyncGenerator[Progress, None]:
        """Bring the file here, unless the model is in memory already."""
        weights, file = self._engine.weights, wanted(self._model)[0]
        if not self._engine.knows(self._model) and await weights.verified(file) is None:
            async with aclosing(weights.fetch(file)) as steps:
                async for step in steps:
                    yield step

    async def _spoken(
        self, place: Place, messages: Sequence[Message], options: Options
    ) -> AsyncGenerator[Chunk, None]:
        from rebuttal.providers.openai_compatible import OpenAICompatible

        server = place.server
        assert server
        speaker = OpenAICompatible(
            self._endpoint, self._model, server.key, self._engine.limits, address=server.address
        )
        try:
            async with aclosing(speaker.stream(messages, options)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except ModelError as exc:
            broke = isinstance(exc, Unreachable | ServerFailed | BrokenAnswer)
            if not broke or not await server.died():
                raise
            raise ServerFailed(
                f"the engine of {self._model.label!r} broke down", "Resume loads it again."
            ) from exc


async def _ready(place: Place) -> AsyncGenerator[Progress, None]:
    """Say what is waited for until the model is in memory. Raises what the loading raised."""
    said = ""
    assert place.loading
    while not place.loading.done():
        if place.stage != said:
            said = place.stage
            yield Progress(said)
        await asyncio.wait({place.loading}, timeout=_WAIT)
    if place.loading.cancelled():
        raise ModelError(f"{place.label!r} was unloaded meanwhile", "Resume loads it again.")
    place.loading.result()


def _import_client() -> None:
    """Load what speaks with the server."""
    import rebuttal.providers.openai_compatible  # noqa: F401

"""The embedded models: which are in memory, who uses them, and who makes room for whom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

import psutil

from rebuttal.catalog import Endpoint, Model, Weights
from rebuttal.errors import (
    BrokenAnswer,
    InvalidInput,
    ModelError,
    RebuttalError,
    ServerFailed,
    Unreachable,
    WeightsError,
)
from rebuttal.providers.base import Chunk, Limits, Message, Options
from rebuttal.providers.gguf import read_header
from rebuttal.providers.llama_cpp_place import (
    MOST_CONTEXT,
    SLOTS,
    Place,
    context_of,
    estimate,
)
from rebuttal.providers.llama_cpp_process import LlamaServer, start_server
from rebuttal.providers.openai_compatible import OpenAICompatible
from rebuttal.providers.weights import WeightsCache
from rebuttal.records import now

_WAIT = 0.5


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory. ``context`` is tokens."""

    bytes: int
    context: int
    since: datetime


_Wish = tuple[Weights, int | None]


class Engine:
    """All embedded models of this process, within ``memory_mib`` (without it, half the machine).

    A model is loaded when first used, once for all who want it, and unloaded on demand, after
    ``unload_after`` idle seconds, or when another one needs its room; never while it speaks.
    """

    def __init__(
        self,
        weights: WeightsCache,
        limits: Limits,
        *,
        memory_mib: int | None,
        unload_after: float,
    ) -> None:
        self.weights = weights
        self.limits = limits
        self._budget = (memory_mib << 20) if memory_mib else psutil.virtual_memory().total // 2
        self._unload_after = unload_after
        self._places: dict[_Wish, Place] = {}
        self._released = asyncio.Event()
        self._timer: asyncio.Task[None] | None = None

    def chat_model(self, endpoint: Endpoint, model: Model) -> EmbeddedModel:
        """What speaks for ``model``. Nothing is loaded yet."""
        return EmbeddedModel(self, endpoint, model)

    def loaded(self) -> dict[str, LoadedModel]:
        """The models in memory, by label."""
        return {
            label: LoadedModel(place.server.memory, place.context, place.since)
            for place in self._places.values()
            if place.server and place.server.alive
            for label in sorted(place.labels)
        }

    async def unload(self, label: str) -> None:
        """Free the memory of that model. Raises InvalidInput while it speaks."""
        for wish, place in list(self._places.items()):
            if label in place.labels:
                if place.uses:
                    raise InvalidInput(f"{label!r} is in use.", "Stop its debate first.")
                await self._drop(wish)

    async def close(self) -> None:
        """Unload everything, whoever uses it."""
        if self._timer:
            self._timer.cancel()
        await asyncio.gather(*(self._drop(wish) for wish in list(self._places)))

    # --- for EmbeddedModel ------------------------------------------------------------------------

    def knows(self, model: Model) -> bool:
        """Whether the model is in memory or being loaded."""
        place = self._places.get(_wish(model))
        return place is not None and (place.server is None or place.server.alive)

    async def context(self, model: Model) -> int:
        """Tokens of one request, by the server, else by the file, else by the catalog."""
        place = self._places.get(_wish(model))
        if place and place.context:
            return place.context
        with suppress(RebuttalError):
            file = self.weights.find(_wish(model)[0])
            if file:
                return context_of(model, read_header(file))
        return model.context or MOST_CONTEXT

    @contextmanager
    def hold(self, model: Model) -> Iterator[Place]:
        """The model's place, loading or loaded; it stays as long as it is held."""
        wish = _wish(model)
        place = self._places.get(wish)
        if place and place.server and not place.server.alive:
            place.server.bury()
            place = None
        if place is None:
            place = self._places[wish] = Place(model.label, stage=f"loading {model.label}")
            place.loading = asyncio.create_task(self._load(wish, place, model))
            # Nobody may be left to hear of a failure.
            place.loading.add_done_callback(lambda task: task.cancelled() or task.exception())
        place.labels.add(model.label)
        place.uses += 1
        try:
            yield place
        finally:
            place.uses -= 1
            place.last_used = time.monotonic()
            self._released.set()

    async def _load(self, wish: _Wish, place: Place, model: Model) -> LlamaServer:
        try:
            file = await self.weights.verified(wish[0])
            if file is None:
                raise WeightsError(f"the weights of {model.label!r} went missing", "Try again.")
            header = read_header(file)
            context = context_of(model, header)
            place.bytes = estimate(file, header, context)
            await self._make_room(place)
            place.stage = f"loading {model.label}"
            server = await start_server(file, model.model, context, SLOTS)
        except BaseException:
            if self._places.get(wish) is place:
                del self._places[wish]
            self._released.set()
            raise
        place.server, place.context, place.since = server, context, now()
        place.bytes, place.last_used = server.memory, time.monotonic()
        if self._timer is None or self._timer.done():
            self._timer = asyncio.create_task(self._unload_idle())
        return server

    async def _make_room(self, place: Place) -> None:
        """Unload idle models, the longest unused first; wait for those in use.

        Raises ModelError for a model that would not even fit alone.
        """
        if place.bytes > self._budget:
            raise ModelError(
                f"{place.label!r} needs about {_mib(place.bytes)}, and embedded models may take "
                f"{_mib(self._budget)} together",
                "Raise REBUTTAL_MEMORY_MIB, lower its context in models.yaml, or take a smaller "
                "model.",
            )
        while True:
            self._released.clear()
            others = {w: p for w, p in self._places.items() if p.admitted}
            if place.bytes + sum(other.bytes for other in others.values()) <= self._budget:
                place.admitted = True
                return
            idle = [wish for wish, other in others.items() if other.idle]
            if idle:
                await self._drop(min(idle, key=lambda wish: others[wish].last_used))
                continue
            names = ", ".join(other.label for other in others.values())
            place.stage = f"waiting for memory that {names} has in use"
            await self._released.wait()

    async def _drop(self, wish: _Wish) -> None:
        place = self._places.pop(wish, None)
        if place is None:
            return
        if place.loading and not place.loading.done():
            place.loading.cancel()
            await asyncio.wait({place.loading})
        if place.server:
            await place.server.stop()
        self._released.set()

    async def _unload_idle(self) -> None:
        """The one timer; it ends when nothing is in memory."""
        while self._places:
            await asyncio.sleep(min(max(self._unload_after / 10, 0.02), 30))
            since = time.monotonic() - self._unload_after
            for wish, place in list(self._places.items()):
                if place.idle and place.last_used <= since:
                    await self._drop(wish)


class EmbeddedModel:
    """A ChatModel whose server is started when it is first needed."""

    def __init__(self, engine: Engine, endpoint: Endpoint, model: Model) -> None:
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
        if not self._engine.knows(self._model):
            async with aclosing(self._fetched()) as chunks:
                async for chunk in chunks:
                    yield chunk
        with self._engine.hold(self._model) as place:
            async with aclosing(_ready(place)) as chunks:
                async for chunk in chunks:
                    yield chunk
            async with place.slots, aclosing(self._spoken(place, messages, options)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _fetched(self) -> AsyncGenerator[Chunk, None]:
        weights = self._engine.weights
        wanted = _wish(self._model)[0]
        if await weights.verified(wanted) is None:
            async with aclosing(weights.fetch(wanted)) as steps:
                async for step in steps:
                    yield Chunk(waiting=step.text, fraction=step.fraction)

    async def _spoken(
        self, place: Place, messages: Sequence[Message], options: Options
    ) -> AsyncGenerator[Chunk, None]:
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


async def _ready(place: Place) -> AsyncGenerator[Chunk, None]:
    """Say what is waited for until the model is in memory. Raises what the loading raised."""
    said = ""
    assert place.loading
    while not place.loading.done():
        if place.stage != said:
            said = place.stage
            yield Chunk(waiting=said)
        await asyncio.wait({place.loading}, timeout=_WAIT)
    if place.loading.cancelled():
        raise ModelError(f"{place.label!r} was unloaded meanwhile", "Resume loads it again.")
    place.loading.result()
    if place.slots.locked():
        yield Chunk(waiting=f"{place.label} speaks in {SLOTS} other debates; this turn is next")


def _wish(model: Model) -> _Wish:
    assert model.weights
    return model.weights, model.context


def _mib(size: int) -> str:
    return f"{size >> 20} MiB"

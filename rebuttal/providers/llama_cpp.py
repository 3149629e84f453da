"""The embedded models: which are in memory, who uses them, and who makes room for whom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

import psutil

from rebuttal.catalog import Endpoint, Model
from rebuttal.errors import InvalidInput, ModelError, RebuttalError, WeightsError
from rebuttal.providers.base import Footprint, Limits
from rebuttal.providers.gguf import read_header
from rebuttal.providers.llama_cpp_model import EmbeddedModel
from rebuttal.providers.llama_cpp_place import (
    MOST_CONTEXT,
    SLOTS,
    Place,
    Wanted,
    context_of,
    estimate,
    wanted,
)
from rebuttal.providers.llama_cpp_process import LlamaServer, start_server
from rebuttal.providers.weights import WeightsCache
from rebuttal.records import now


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory. ``context`` is tokens."""

    bytes: int
    context: int
    since: datetime


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
        self._places: dict[Wanted, Place] = {}
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

    def footprint(self, model: Model) -> Footprint:
        """What that model takes, under whichever label it was loaded."""
        most = None
        with suppress(RebuttalError):
            file = self.weights.find(wanted(model)[0])
            most = read_header(file).context_length or None if file else None
        place = self._places.get(wanted(model))
        if place is None or place.server is None or not place.server.alive:
            return Footprint(max_context=most)
        return Footprint(place.server.device, place.server.memory, max_context=most)

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
        place = self._places.get(wanted(model))
        return place is not None and (place.server is None or place.server.alive)

    async def context(self, model: Model) -> int:
        """Tokens of one request, by the server, else by the file, else by the catalog."""
        place = self._places.get(wanted(model))
        if place and place.context:
            return place.context
        with suppress(RebuttalError):
            file = self.weights.find(wanted(model)[0])
            if file:
                return context_of(model, read_header(file))
        return model.context or MOST_CONTEXT

    @contextmanager
    def hold(self, model: Model) -> Iterator[Place]:
        """The model's place, loading or loaded; it stays as long as it is held."""
        wish = wanted(model)
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

    async def _load(self, wish: Wanted, place: Place, model: Model) -> LlamaServer:
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
                f"{_mib(self._budget)} together.",
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

    async def _drop(self, wish: Wanted) -> None:
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


def _mib(size: int) -> str:
    return f"{size >> 20} MiB"

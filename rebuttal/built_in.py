"""The built-in model at an address of its own, for programs that bring their own client.

with BuiltIn() as model:
    client = OpenAI(base_url=model.address, api_key=model.key)
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from rebuttal.catalog import Model, load_catalog
from rebuttal.errors import NotFound
from rebuttal.providers.gguf import read_header
from rebuttal.providers.llama_cpp_place import SLOTS, context_of
from rebuttal.providers.llama_cpp_process import LlamaServer, start_server
from rebuttal.providers.weights import WeightsCache
from rebuttal.settings import Settings, load_settings

T = TypeVar("T")


class BuiltIn:
    """An OpenAI-compatible server with one embedded model of the catalog, on this machine only.

    ``address`` ends in ``/v1``, ``key`` is a new one each time, ``model`` is what requests name.
    The weights are fetched where they are missing. It is there when this returns, works in scripts
    and in notebooks, and ends with ``close``, with the block, or with the program. Raises NotFound
    for a label without weights, WeightsError and ModelError.
    """

    def __init__(self, label: str = "SmolLM2", settings: Settings | None = None) -> None:
        settings = settings or load_settings()
        catalog = load_catalog(settings.models, settings.personas)
        model = catalog.models.get(label)
        if model is None or model.weights is None:
            embedded = [one.label for one in catalog.models.values() if one.weights]
            raise NotFound(
                f"models.yaml has no embedded model {label!r}",
                f"Those with weights of their own are: {', '.join(embedded) or 'none'}.",
            )
        self._server = _wait_for(start(settings, model))
        self.address = self._server.address
        self.key = self._server.key
        self.model = model.model

    def close(self) -> None:
        """End the server and free its memory. May be called twice."""
        if self._server.alive:
            _wait_for(self._server.stop())

    def __enter__(self) -> BuiltIn:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


async def fetched(settings: Settings, model: Model) -> Path:
    """The file of an embedded model, which is fetched where it is missing. Raises WeightsError."""
    assert model.weights
    cache = WeightsCache(settings.cache, override=settings.weights, offline=settings.offline)
    async for _ in cache.fetch(model.weights):
        pass
    file = await cache.verified(model.weights)
    assert file, "fetched and not there"
    return file


async def start(settings: Settings, model: Model) -> LlamaServer:
    """A server with that model, set up as the app sets up its own. Raises ModelError as well."""
    file = await fetched(settings, model)
    return await start_server(file, model.model, context_of(model, read_header(file)), SLOTS)


def _wait_for(work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` gives, also where an event loop runs already, as in a notebook."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()

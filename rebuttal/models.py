"""What one can seat: the models of the catalog and of reachable servers, joined to providers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from rebuttal.catalog import Catalog, Endpoint, Model
from rebuttal.errors import InvalidInput, NotFound, RebuttalError, WeightsError
from rebuttal.providers.base import ChatModel, Limits, Progress
from rebuttal.records import EndpointState, ModelState
from rebuttal.settings import Settings, read_key

if TYPE_CHECKING:
    from rebuttal.providers.llama_cpp import Engine
    from rebuttal.providers.ollama import OllamaServer

REPORT_FRESH = 10.0
"""Seconds for which an endpoint's answer about its models is good."""
DIGEST_WITHIN = 1.0
"""Seconds that a debate waits to learn which weights a server has."""
MOST_REPORTED = 300
"""Models of one endpoint that are offered beyond the file; routers report thousands."""

MOST_CONNECTED = 500
"""Models that are remembered as asked for; with more, the first ones are made anew."""


@dataclass(frozen=True, slots=True)
class _Installed:
    """A model that a server reports."""

    name: str
    size: int | None = None
    context: int | None = None
    loaded: bool = False
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class _Report:
    """What an endpoint said of itself, or why it said nothing (``problem``)."""

    installed: tuple[_Installed, ...] = ()
    problem: str = ""
    at: float = 0.0


class Models:
    """Finds the provider for a label. Provider packages are imported when first used."""

    def __init__(
        self, settings: Settings, catalog: Catalog, given: dict[str, ChatModel] | None = None
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._given = dict(given or {})
        self._chats: dict[str, ChatModel] = {}
        self._servers: dict[str, OllamaServer] = {}
        self._reports: dict[str, _Report] = {}
        self._asking: dict[str, asyncio.Lock] = {}
        self._engine: Engine | None = None

    @property
    def catalog(self) -> Catalog:
        """The catalog in force; setting another forgets what was known of servers."""
        return self._catalog

    @catalog.setter
    def catalog(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._chats.clear()
        self._servers.clear()
        self._reports.clear()

    def find(self, label: str) -> Model:
        """The model of that label; ``Endpoint/id`` is any model of an endpoint. Raises NotFound."""
        if label in self._catalog.models:
            return self._catalog.models[label]
        name, slash, model_id = label.partition("/")
        endpoint = self._catalog.endpoints.get(name)
        if slash and model_id and endpoint and endpoint.api != "embedded":
            with suppress(ValidationError):  # what is no id is not found
                return Model(label=label, endpoint=name, model=model_id, listed=False)
        if label in self._given:
            endpoint_name = next(iter(self._catalog.endpoints))
            return Model(label=label, endpoint=endpoint_name, model=label, listed=False)
        return self._catalog.model(label)

    def is_listed(self, label: str) -> bool:
        """Whether the file names it, or whoever made the app gave it."""
        return label in self._catalog.models or label in self._given

    def get(self, label: str, *, key: str | None = None) -> tuple[ChatModel, Model]:
        """What speaks for that label, and how the catalog wants it asked.

        Asked with a ``key`` of its own, it is made for this call and not kept.
        """
        model = self.find(label)
        if label in self._given:
            return self._given[label], model
        if key is not None:
            return self._connect(model, key), model
        if label not in self._chats:
            if len(self._chats) >= MOST_CONNECTED:
                del self._chats[next(iter(self._chats))]
            self._chats[label] = self._connect(model)
        return self._chats[label], model

    def lacks_key(self, model: Model) -> bool:
        """Whether nobody is asked for that model until somebody brings a key."""
        endpoint = self._catalog.endpoint_of(model)
        needed = endpoint.needs_key and model.label not in self._given
        return bool(needed and endpoint.key and not read_key(endpoint.key))

    async def digest(self, label: str) -> str | None:
        """Which weights the label stands for now; None where that is not known at once."""
        model = self.find(label)
        endpoint = self._catalog.endpoint_of(model)
        if label in self._given or endpoint.api == "openai":
            return None
        if endpoint.api == "embedded":
            own = self._settings.weights is not None
            return None if own or model.weights is None else model.weights.sha256
        with suppress(TimeoutError):
            report = await asyncio.wait_for(asyncio.shield(self._report(endpoint)), DIGEST_WITHIN)
            return next((i.digest for i in report.installed if _is(i, model)), None)
        return None

    def _connect(self, model: Model, own_key: str | None = None) -> ChatModel:
        endpoint = self._catalog.endpoint_of(model)
        if endpoint.api == "embedded":
            return self._embedded().chat_model(endpoint, model)
        key = own_key or (read_key(endpoint.key) if endpoint.key else None)
        if own_key:  # which no variable of ours holds
            endpoint = endpoint.model_copy(update={"key": None})
        if endpoint.api == "ollama":
            from rebuttal.providers.ollama import OllamaModel, OllamaServer

            server = OllamaServer(endpoint, key) if own_key else self._server(endpoint)
            return OllamaModel(endpoint, model, key, self._limits(), server)
        from rebuttal.providers.openai_compatible import OpenAICompatible

        return OpenAICompatible(endpoint, model, key, self._limits())

    # --- states -----------------------------------------------------------------------------------

    async def states(self) -> tuple[ModelState, ...]:
        """Every model of the file with what keeps it from being used, then what servers report."""
        endpoints = list(self._catalog.endpoints.values())
        reports = dict(
            zip(
                self._catalog.endpoints,
                await asyncio.gather(*(self._report(endpoint) for endpoint in endpoints)),
                strict=True,
            )
        )
        listed = [
            self._state(model, reports[model.endpoint]) for model in self._catalog.models.values()
        ]
        named = {(model.endpoint, _full(model.model)) for model in self._catalog.models.values()}
        found = [
            self._found_state(endpoint, installed)
            for endpoint in endpoints
            for installed in reports[endpoint.name].installed[:MOST_REPORTED]
            if (endpoint.name, _full(installed.name)) not in named
        ]
        return (*listed, *filter(None, found))

    async def endpoint_states(self) -> tuple[EndpointState, ...]:
        """Each endpoint and whether it answers."""
        endpoints = list(self._catalog.endpoints.values())
        reports = await asyncio.gather(*(self._report(endpoint) for endpoint in endpoints))
        return tuple(
            EndpointState(
                name=endpoint.name,
                address=endpoint.address or "on this machine, inside the app",
                usable=not report.problem,
                reason=report.problem,
            )
            for endpoint, report in zip(endpoints, reports, strict=True)
        )

    def _state(self, model: Model, report: _Report) -> ModelState:
        if model.label in self._given:
            return _usable(model)
        endpoint = self._catalog.endpoint_of(model)
        if endpoint.api == "embedded":
            return self._embedded_state(model)
        if report.problem:
            return _usable(model).model_copy(update={"usable": False, "reason": report.problem})
        if endpoint.api != "ollama":
            return _usable(model)
        installed = next((i for i in report.installed if _is(i, model)), None)
        if installed is None:
            reason = f"not pulled; pull it on the Models tab or with: ollama pull {model.model}"
            missing = {"usable": False, "reason": reason, "can_pull": True}
            return _usable(model).model_copy(update=missing)
        return _of_server(model, installed)

    def _found_state(self, endpoint: Endpoint, installed: _Installed) -> ModelState | None:
        """None for a name that no label can hold: a server may report anything."""
        try:
            model = self.find(f"{endpoint.name}/{installed.name}")
        except NotFound:
            return None
        return _of_server(model, installed) if endpoint.api == "ollama" else _usable(model)

    def _embedded_state(self, model: Model) -> ModelState:
        loaded = self._engine.loaded().get(model.label) if self._engine else None
        weights = model.weights
        assert weights is not None
        try:
            there = self._embedded().weights.find(weights) is not None
        except WeightsError as error:
            return _usable(model).model_copy(update={"usable": False, "reason": str(error)})
        size = f"{weights.size / 1e6:.0f} MB" if weights.size else "the file"
        fetchable = not there and weights.path is None and not self._settings.offline
        reason = "" if there else f"{size} to fetch at first use"
        if not there and not fetchable:
            reason = (
                f"{weights.path} is not there" if weights.path else "not here, and offline is set"
            )
        return _usable(model).model_copy(
            update={
                "usable": there or fetchable,
                "reason": reason,
                "can_pull": fetchable,
                "can_unload": loaded is not None,
                "loaded": loaded is not None,
                "size": weights.size,
                "context": loaded.context if loaded else model.context,
            }
        )

    async def _report(self, endpoint: Endpoint) -> _Report:
        """What the endpoint says; asked once for all who want to know it now."""
        async with self._asking.setdefault(endpoint.name, asyncio.Lock()):
            known = self._reports.get(endpoint.name)
            if known and time.monotonic() - known.at < REPORT_FRESH:
                return known
            try:
                installed = await self._ask(endpoint)
                report = _Report(tuple(installed), at=time.monotonic())
            except RebuttalError as error:
                report = _Report(problem=str(error), at=time.monotonic())
            self._reports[endpoint.name] = report
            return report

    async def _ask(self, endpoint: Endpoint) -> list[_Installed]:
        if endpoint.api == "embedded":
            return []
        key = read_key(endpoint.key) if endpoint.key else None
        if endpoint.needs_key and not key:
            raise InvalidInput(f"no key; set {endpoint.key} in the environment or in .env")
        if endpoint.api == "ollama":
            found = await self._server(endpoint).installed()
            return [_Installed(m.name, m.size, m.context, m.loaded, m.digest) for m in found]
        if not endpoint.lists_models:
            return []
        from rebuttal.providers.openai_compatible import list_models

        return [_Installed(name) for name in await list_models(endpoint, key)]

    # --- weights and memory -----------------------------------------------------------------------

    async def pull(self, label: str) -> AsyncGenerator[Progress, None]:
        """Fetch the weights of an embedded model, or have its Ollama server pull it."""
        model = self.find(label)
        endpoint = self._catalog.endpoint_of(model)
        if endpoint.api == "embedded" and model.weights:
            pulling = self._embedded().weights.fetch(model.weights)
        elif endpoint.api == "ollama":
            pulling = self._server(endpoint).pull(model.model)
        else:
            raise InvalidInput(f"{label!r} lives at {endpoint.name}; there is nothing to pull.")
        async for progress in pulling:
            yield progress
        self._reports.pop(endpoint.name, None)

    async def unload(self, label: str) -> None:
        """Free the memory of an embedded model or of one that an Ollama server holds."""
        model = self.find(label)
        endpoint = self._catalog.endpoint_of(model)
        if endpoint.api == "embedded" and self._engine:
            await self._engine.unload(label)
        elif endpoint.api == "ollama":
            await self._server(endpoint).unload(model.model)
        elif endpoint.api == "openai":
            raise InvalidInput(f"{label!r} lives at {endpoint.name}, which is not ours to unload.")
        self._reports.pop(endpoint.name, None)

    async def close(self) -> None:
        """Unload the embedded models."""
        if self._engine:
            await self._engine.close()

    def _embedded(self) -> Engine:
        if self._engine is None:
            from rebuttal.providers.llama_cpp import Engine
            from rebuttal.providers.weights import WeightsCache

            settings = self._settings
            cache = WeightsCache(
                settings.cache, override=settings.weights, offline=settings.offline
            )
            self._engine = Engine(
                cache,
                self._limits(),
                memory_mib=settings.memory_mib,
                unload_after=settings.unload_after,
            )
        return self._engine

    def _server(self, endpoint: Endpoint) -> OllamaServer:
        if endpoint.name not in self._servers:
            from rebuttal.providers.ollama import OllamaServer

            key = read_key(endpoint.key) if endpoint.key else None
            self._servers[endpoint.name] = OllamaServer(endpoint, key)
        return self._servers[endpoint.name]

    def _limits(self) -> Limits:
        settings = self._settings
        return Limits(
            first_token=settings.first_token_within,
            silence=settings.silence_within,
            turn=settings.turn_within,
            max_chars=settings.max_turn_chars,
        )


def _usable(model: Model) -> ModelState:
    return ModelState(
        label=model.label,
        endpoint=model.endpoint,
        model=model.model,
        usable=True,
        context=model.context,
    )


def _of_server(model: Model, installed: _Installed) -> ModelState:
    return _usable(model).model_copy(
        update={
            "loaded": installed.loaded,
            "can_unload": installed.loaded,
            "size": installed.size,
            "context": installed.context or model.context,
        }
    )


def _is(installed: _Installed, model: Model) -> bool:
    return _full(installed.name) == _full(model.model)


def _full(name: str) -> str:
    """Ollama's ``mistral`` is ``mistral:latest``."""
    return (name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest").casefold()

"""What one can seat: the models of the catalog and of reachable servers, joined to providers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import ValidationError

from rebuttal.catalog import Catalog, Model
from rebuttal.errors import InvalidInput
from rebuttal.memory import info_of
from rebuttal.providers.base import ChatModel, Gathering, Limits, Progress, Resident
from rebuttal.providers.breaker import Breaker
from rebuttal.providers.pool import Counted, Pool
from rebuttal.providers.station import Member
from rebuttal.records import EndpointState, ModelInfo, ModelState
from rebuttal.servers import Servers
from rebuttal.settings import Settings, read_key
from rebuttal.states import States

if TYPE_CHECKING:
    from rebuttal.providers.llama_cpp import Engine

DIGEST_WITHIN = 1.0
"""Seconds that a debate waits to learn which weights a server has."""
MOST_CONNECTED = 500
"""Models that are remembered as asked for; with more, the first ones are made anew."""


class Models:
    """Finds the provider for a label. Provider packages are imported when first used."""

    def __init__(
        self, settings: Settings, catalog: Catalog, given: dict[str, ChatModel] | None = None
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._given = dict(given or {})
        self._chats: dict[str, ChatModel] = {}
        self._servers = Servers(catalog)
        self._engine: Engine | None = None
        self._gathering = Gathering()

    @property
    def catalog(self) -> Catalog:
        """The catalog in force; setting another forgets what was known of servers."""
        return self._catalog

    @catalog.setter
    def catalog(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._chats.clear()
        self._servers.stop()
        self._servers = Servers(catalog)

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

    def get(self, label: str, *, own: tuple[str, str] | None = None) -> tuple[ChatModel, Model]:
        """What speaks for that label, and how the catalog wants it asked.

        ``own`` is an endpoint of it with a key for that alone: no other is asked then, and what is
        made for this call is not kept.
        """
        model = self.find(label)
        if label in self._given:
            return self._given[label], model
        if own is not None:
            endpoint, key = own
            return self._connect(model.at(endpoint), self._limits(), key), model.at(endpoint)
        if label not in self._chats:
            if len(self._chats) >= MOST_CONNECTED:
                del self._chats[next(iter(self._chats))]
            self._chats[label] = self._speaker(model)
        return self._chats[label], model

    def lacks_key(self, model: Model) -> bool:
        """Whether nobody is asked for that model until somebody brings a key."""
        places = [self._catalog.endpoint_of(one) for one in model.everywhere]
        return model.label not in self._given and all(
            place.needs_key and place.key and not read_key(place.key) for place in places
        )

    async def digest(self, label: str) -> str | None:
        """Which weights the label stands for now; None where that is not known at once.

        Of several endpoints all must have the same; one that rests is not asked.
        """
        model = self.find(label)
        if label in self._given:
            return None
        found = set(await asyncio.gather(*(self._digest(one) for one in model.everywhere)))
        return found.pop() if len(found) == 1 else None

    async def _digest(self, model: Model) -> str | None:
        endpoint = self._catalog.endpoint_of(model)
        if endpoint.api == "embedded":
            own = self._settings.weights is not None
            return None if own or model.weights is None else model.weights.sha256
        station = self._servers.stations.get(endpoint.name)
        if endpoint.api == "openai" or (station and station.breaker.state != "closed"):
            return None
        asking = asyncio.shield(self._servers.report(endpoint))
        with suppress(TimeoutError):
            installed = (await asyncio.wait_for(asking, DIGEST_WITHIN)).of(model)
            return installed.digest if installed else None
        return None

    def _speaker(self, model: Model) -> ChatModel:
        """A pool where several endpoints have it; as ever where nobody else has a part in it."""
        stations = self._servers.stations
        if model.endpoint not in stations:
            return self._connect(model, self._limits())
        # A pool moves on at once, and asks again itself where there is nowhere to go.
        limits = replace(self._limits(), retries=0) if model.others else self._limits()
        spare = {there.name for there in model.others if there.spare}
        members = [
            Member(
                stations[one.endpoint],
                self._connect(one, limits),
                Breaker(),
                one.endpoint in spare,
            )
            for one in model.everywhere
        ]
        return Pool(members, self._limits()) if model.others else Counted(members[0])

    def _connect(self, model: Model, limits: Limits, own_key: str | None = None) -> ChatModel:
        """The model at its (first) endpoint."""
        endpoint = self._catalog.endpoint_of(model)
        if endpoint.api == "embedded":
            return self._embedded().chat_model(endpoint, model)
        key = own_key or (read_key(endpoint.key) if endpoint.key else None)
        if own_key:  # which no variable of ours holds
            endpoint = endpoint.model_copy(update={"key": None})
        if endpoint.api == "ollama":
            from rebuttal.providers.ollama import OllamaModel, OllamaServer

            server = OllamaServer(endpoint, key) if own_key else self._servers.ollama(endpoint)
            return OllamaModel(endpoint, model, key, limits, server)
        from rebuttal.providers.openai_compatible import OpenAICompatible

        return OpenAICompatible(endpoint, model, key, limits)

    # --- states -----------------------------------------------------------------------------------

    async def states(self) -> tuple[ModelState, ...]:
        """Every model of the file with what keeps it from being used, then what servers report."""
        return (await self._states()).models()

    async def endpoint_states(self) -> tuple[EndpointState, ...]:
        """Each endpoint and whether it answers."""
        return (await self._states()).endpoints()

    async def _states(self) -> States:
        return States(
            self._catalog,
            await self._servers.reports(),
            self._servers.stations,
            self._given,
            self._embedded,
            self._settings.offline,
        )

    # --- weights and memory -----------------------------------------------------------------------

    async def pull(self, label: str) -> AsyncGenerator[Progress, None]:
        """Fetch the weights of an embedded model, or have its Ollama servers pull it.

        Of several servers, those that answer and lack it.
        """
        model = self.find(label)
        pulled = False
        for one in model.everywhere if not model.others else await self._lacking(model):
            endpoint = self._catalog.endpoint_of(one)
            if endpoint.api == "embedded" and one.weights:
                pulling = self._embedded().weights.fetch(one.weights)
            elif endpoint.api == "ollama":
                pulling = self._servers.ollama(endpoint).pull(one.model)
            else:
                continue
            async for progress in pulling:
                yield progress
            self._servers.forget(endpoint)
            pulled = True
        if not pulled:
            places = " and ".join(one.endpoint for one in model.everywhere)
            raise InvalidInput(f"{label!r} lives at {places}; there is nothing to pull.")

    async def unload(self, label: str) -> None:
        """Free the memory of an embedded model or of one that Ollama servers hold."""
        model = self.find(label)
        if not any(self._is_ours(one) for one in model.everywhere):
            raise InvalidInput(f"{label!r} lives at {model.endpoint}, which is not ours to unload.")
        for one in model.everywhere:
            endpoint = self._catalog.endpoint_of(one)
            if endpoint.api == "embedded" and self._engine:
                await self._engine.unload(label)
            elif endpoint.api == "ollama":
                await self._servers.ollama(endpoint).unload(one.model)
            self._servers.forget(endpoint)

    async def load(self, label: str) -> AsyncGenerator[Progress, None]:
        """Have it in memory before anybody asks it; of several endpoints at all that answer."""
        model, states = self.find(label), await self._states()
        places = [one for one in model.everywhere if states.at(one).usable] or [model]
        found = {one.endpoint: self._at(one) for one in places}
        ours = {name: chat for name, chat in found.items() if isinstance(chat, Resident)}
        if not ours:
            raise InvalidInput(f"{label!r} lives at {model.endpoint}, which is not ours to load.")
        for name, chat in ours.items():
            async with aclosing(chat.load()) as steps:
                async for step in steps:
                    yield step
            self._servers.forget(self._catalog.endpoints[name])

    async def state(self, label: str) -> ModelState:
        """One of ``states``, or of a model that its server did not report. Raises NotFound."""
        model = self.find(label)
        return (await self._states()).of(model)

    async def info(self, state: ModelState) -> ModelInfo:
        """What the model in that state takes, as far as whoever serves it tells."""
        model, states = self.find(state.label), await self._states()
        place = next((one for one in model.everywhere if states.at(one).usable), model)
        return await info_of(state, self._at(place))

    async def close(self) -> None:
        """Unload the embedded models."""
        self._servers.stop()
        if self._engine:
            await self._engine.close()

    def _at(self, model: Model) -> ChatModel:
        """The model at its one endpoint."""
        return self._given.get(model.label) or self._connect(model, self._limits())

    async def _lacking(self, model: Model) -> list[Model]:
        """The model at those of its endpoints that could pull it."""
        states = await self._states()
        return [one for one in model.everywhere if states.at(one).can_pull]

    def _is_ours(self, model: Model) -> bool:
        return self._catalog.endpoint_of(model).api != "openai"

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

    def _limits(self) -> Limits:
        settings = self._settings
        return Limits(
            first_token=settings.first_token_within,
            silence=settings.silence_within,
            turn=settings.turn_within,
            max_chars=settings.max_turn_chars,
            gathering=self._gathering,
        )

"""The servers behind the endpoints: what they say they have, and how they do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rebuttal.catalog import Catalog, Endpoint, Model
from rebuttal.errors import KeyRejected, ModelError, RebuttalError
from rebuttal.providers.breaker import Breaker
from rebuttal.providers.station import Station
from rebuttal.settings import read_key

if TYPE_CHECKING:
    from rebuttal.providers.ollama import OllamaServer

REPORT_FRESH = 10.0
"""Seconds for which an endpoint's answer about its models is good."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A model that a server reports."""

    name: str
    size: int | None = None
    context: int | None = None
    loaded: bool = False
    digest: str | None = None

    def is_(self, model: Model) -> bool:
        """Whether that is its id."""
        return full_name(self.name) == full_name(model.model)


@dataclass(frozen=True, slots=True)
class Report:
    """What an endpoint said of itself, or why it said nothing (``problem``)."""

    installed: tuple[Installed, ...] = ()
    problem: str = ""
    at: float = 0.0

    def of(self, model: Model) -> Installed | None:
        """The model, if the server has it."""
        return next((one for one in self.installed if one.is_(model)), None)


class Servers:
    """Those of one catalog. A station is kept for each that shares a model with others."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._ollamas: dict[str, OllamaServer] = {}
        self._reports: dict[str, Report] = {}
        self._asking: dict[str, asyncio.Lock] = {}
        self.stations: Mapping[str, Station] = {
            endpoint.name: self._station(endpoint)
            for endpoint in catalog.endpoints.values()
            if endpoint.name in catalog.pooled
        }

    def ollama(self, endpoint: Endpoint) -> OllamaServer:
        """What an Ollama server can beyond the usual; its package is loaded when first used."""
        if endpoint.name not in self._ollamas:
            from rebuttal.providers.ollama import OllamaServer

            key = read_key(endpoint.key) if endpoint.key else None
            self._ollamas[endpoint.name] = OllamaServer(endpoint, key)
        return self._ollamas[endpoint.name]

    async def reports(self) -> Mapping[str, Report]:
        """What each endpoint says, by name."""
        endpoints = self._catalog.endpoints
        told = await asyncio.gather(*(self.report(one) for one in endpoints.values()))
        return dict(zip(endpoints, told, strict=True))

    async def report(self, endpoint: Endpoint) -> Report:
        """What the endpoint says; asked once for all who want to know it now."""
        async with self._asking.setdefault(endpoint.name, asyncio.Lock()):
            known = self._reports.get(endpoint.name)
            if known and time.monotonic() - known.at < REPORT_FRESH:
                return known
            try:
                report = Report(await self._installed(endpoint), at=time.monotonic())
            except RebuttalError as error:
                report = Report(problem=str(error), at=time.monotonic())
            self._reports[endpoint.name] = report
            return report

    def forget(self, endpoint: Endpoint) -> None:
        """Its models have changed."""
        self._reports.pop(endpoint.name, None)

    def stop(self) -> None:
        """End what is being asked of itself."""
        for station in self.stations.values():
            station.stop()

    def _station(self, endpoint: Endpoint) -> Station:
        asks = endpoint.api == "ollama" or endpoint.lists_models
        return Station(endpoint.name, Breaker(), (lambda: self._ask(endpoint)) if asks else None)

    async def _installed(self, endpoint: Endpoint) -> tuple[Installed, ...]:
        """Asked by a person; what comes of it, a breaker learns too."""
        station = self.stations.get(endpoint.name)
        try:
            installed = await self._ask(endpoint)
        except ModelError as problem:
            if station and not isinstance(problem, KeyRejected):
                station.breaker.failed(problem)
            raise
        if station and endpoint.lists_models:
            station.breaker.alive()
        return installed

    async def _ask(self, endpoint: Endpoint) -> tuple[Installed, ...]:
        if endpoint.api == "embedded":
            return ()
        key = read_key(endpoint.key) if endpoint.key else None
        if endpoint.key and endpoint.needs_key and not key:
            raise KeyRejected(f"no key; set {endpoint.key} in the environment or in .env")
        if endpoint.api == "ollama":
            found = await self.ollama(endpoint).installed()
            return tuple(Installed(m.name, m.size, m.context, m.loaded, m.digest) for m in found)
        if not endpoint.lists_models:
            return ()
        from rebuttal.providers.openai_compatible import list_models

        return tuple(Installed(name) for name in await list_models(endpoint, key))


def full_name(name: str) -> str:
    """Ollama's ``mistral`` is ``mistral:latest``."""
    return (name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest").casefold()

"""What the models of a catalog and their endpoints are worth just now, as a person may see it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import ValidationError

from rebuttal.catalog import Catalog, Endpoint, Model
from rebuttal.errors import WeightsError
from rebuttal.providers.station import Station
from rebuttal.records import EndpointState, ModelState, now
from rebuttal.servers import Installed, Report, full_name

if TYPE_CHECKING:
    from rebuttal.providers.llama_cpp import Engine

MOST_REPORTED = 300
"""Models of one endpoint that are offered beyond the file; routers report thousands."""


class States:
    """``given`` are models that whoever made the app brought; ``engine`` is made when needed."""

    def __init__(
        self,
        catalog: Catalog,
        reports: Mapping[str, Report],
        stations: Mapping[str, Station],
        given: Container[str],
        engine: Callable[[], Engine],
        offline: bool,
    ) -> None:
        self._catalog = catalog
        self._reports = reports
        self._stations = stations
        self._given = given
        self._engine = engine
        self._offline = offline

    def models(self) -> tuple[ModelState, ...]:
        """Every model of the file with what keeps it from being used, then what servers report."""
        models = self._catalog.models.values()
        everywhere = [one for model in models for one in model.everywhere]
        named = {(one.endpoint, full_name(one.model)) for one in everywhere}
        return (*(self.of(model) for model in models), *self._found(named))

    def endpoints(self) -> tuple[EndpointState, ...]:
        """Each endpoint, and whether it answers."""
        return tuple(self._endpoint(endpoint) for endpoint in self._catalog.endpoints.values())

    def at(self, model: Model) -> ModelState:
        """A model at its one endpoint."""
        endpoint = self._catalog.endpoint_of(model)
        if model.label in self._given:
            return _usable(model)
        if endpoint.api == "embedded":
            return self._embedded(model)
        report = self._reports[endpoint.name]
        if report.problem:
            return _usable(model).model_copy(update={"usable": False, "reason": report.problem})
        if endpoint.api != "ollama":
            return _usable(model)
        installed = report.of(model)
        if installed is None:
            reason = f"not pulled; pull it on the Models tab or with: ollama pull {model.model}"
            missing = {"usable": False, "reason": reason, "can_pull": True}
            return _usable(model).model_copy(update=missing)
        return _of_server(model, installed)

    def of(self, model: Model) -> ModelState:
        """A model at all its endpoints."""
        if not model.others or model.label in self._given:
            return self.at(model)
        return _together([self.at(one) for one in model.everywhere], self._stations)

    def _found(self, named: set[tuple[str, str]]) -> Iterator[ModelState]:
        """What servers report beyond the file, but for names that no label can hold."""
        for endpoint in self._catalog.endpoints.values():
            for installed in self._reports[endpoint.name].installed[:MOST_REPORTED]:
                if (endpoint.name, full_name(installed.name)) not in named and (
                    state := self._found_state(endpoint, installed)
                ):
                    yield state

    def _found_state(self, endpoint: Endpoint, installed: Installed) -> ModelState | None:
        label = f"{endpoint.name}/{installed.name}"
        try:
            model = self._catalog.models.get(label) or Model(
                label=label, endpoint=endpoint.name, model=installed.name, listed=False
            )
        except ValidationError:
            return None
        return _of_server(model, installed) if endpoint.api == "ollama" else _usable(model)

    def _embedded(self, model: Model) -> ModelState:
        weights = model.weights
        assert weights is not None
        engine = self._engine()
        loaded = engine.loaded().get(model.label)
        try:
            there = engine.weights.find(weights) is not None
        except WeightsError as error:
            return _usable(model).model_copy(update={"usable": False, "reason": str(error)})
        fetchable = not there and weights.path is None and not self._offline
        size = f"{weights.size / 1e6:.0f} MB" if weights.size else "the file"
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

    def _endpoint(self, endpoint: Endpoint) -> EndpointState:
        problem = self._reports[endpoint.name].problem
        state = EndpointState(
            name=endpoint.name,
            address=endpoint.address or "on this machine, inside the app",
            usable=not problem,
            reason=problem,
        )
        station = self._stations.get(endpoint.name)
        if station is None:
            return state
        breaker = station.breaker
        known: dict[str, object] = {"busy": station.busy, "failures": breaker.failures}
        if breaker.state == "open" and breaker.problem:
            known["usable"] = False
            known["reason"] = problem or str(breaker.problem)
            known["rests_until"] = now() + timedelta(seconds=breaker.rest)
        return state.model_copy(update=known)


def _together(states: Sequence[ModelState], stations: Mapping[str, Station]) -> ModelState:
    """One state of a model that several endpoints have: what any of them can."""
    ready = [one for one in states if one.usable and stations[one.endpoint].breaker.free]
    away = [one.endpoint for one in states if one not in ready]
    shown = next(iter(ready or sorted(states, key=lambda one: (not one.usable, not one.can_pull))))
    contexts = [one.context for one in states if one.context]
    return shown.model_copy(
        update={
            "endpoint": states[0].endpoint,
            "endpoints": tuple(one.endpoint for one in states),
            "reason": f"not through {', '.join(away)} now" if ready and away else shown.reason,
            "loaded": any(one.loaded for one in states),
            "can_pull": any(one.can_pull for one in states),
            "can_unload": any(one.can_unload for one in states),
            "context": min(contexts, default=None),
        }
    )


def _usable(model: Model) -> ModelState:
    return ModelState(
        label=model.label,
        endpoint=model.endpoint,
        model=model.model,
        usable=True,
        context=model.context,
    )


def _of_server(model: Model, installed: Installed) -> ModelState:
    return _usable(model).model_copy(
        update={
            "loaded": installed.loaded,
            "can_unload": installed.loaded,
            "size": installed.size,
            "context": installed.context or model.context,
        }
    )

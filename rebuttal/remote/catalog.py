"""What can be seated at another Rebuttal, as a Catalog."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from pydantic import TypeAdapter, ValidationError

from rebuttal.catalog import Catalog, Endpoint, Model
from rebuttal.records import EndpointState, ModelState, Persona
from rebuttal.remote.models import RemoteModels, items_of
from rebuttal.remote.wire import Wire, parse

_PERSONAS = TypeAdapter(tuple[Persona, ...])
_ADDRESS = re.compile(r"https?://[^\s@]+")


async def fetch_catalog(wire: Wire, models: RemoteModels) -> Catalog:
    """Personas, and models with what they are asked by. How they are asked stays there."""
    personas, states, endpoints = await asyncio.gather(
        wire.get("/personas"), models.models(), models.endpoints()
    )
    there = parse(_PERSONAS, items_of(personas))
    named = _endpoints(endpoints, states)
    seatable = (_model(state) for state in states)
    return Catalog(
        endpoints=named,
        models={model.label: model for model in seatable if model},
        personas={persona.key: persona for persona in there},
    )


def _endpoints(told: Sequence[EndpointState], states: Sequence[ModelState]) -> dict[str, Endpoint]:
    """One without an address that is told is taken for embedded there."""
    addresses = {one.name: one.address for one in told}
    named = {}
    for name in dict.fromkeys([*addresses, *(state.endpoint for state in states)]):
        address = addresses.get(name, "")
        known = _ADDRESS.fullmatch(address)
        named[name] = (
            Endpoint(name=name, address=address) if known else Endpoint(name=name, api="embedded")
        )
    return named


def _model(state: ModelState) -> Model | None:
    """None for what no label of ours could be."""
    try:
        return Model(label=state.label, endpoint=state.endpoint, model=state.model)
    except ValidationError:
        return None

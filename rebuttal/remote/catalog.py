"""What can be seated at another Rebuttal, as a Catalog."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from rebuttal.catalog import Catalog, Endpoint, Model
from rebuttal.records import ModelState, Persona
from rebuttal.remote.wire import Wire, parse


class _Choice(BaseModel):
    """Whom one can talk to there; ``model`` is the usual one."""

    model_config = ConfigDict(frozen=True, strict=True)

    items: tuple[ModelState, ...]
    personas: tuple[Persona, ...]
    model: str


_CHOICE = TypeAdapter(_Choice)


async def fetch_catalog(wire: Wire) -> Catalog:
    """Personas and models, the usual one first. How models are asked is known there alone."""
    there = parse(_CHOICE, await wire.get("/chat/models"))
    seatable = [model for model in map(_model, there.items) if model]
    seatable.sort(key=lambda model: model.label != there.model)
    return Catalog(
        endpoints={m.endpoint: Endpoint(name=m.endpoint, api="embedded") for m in seatable},
        models={model.label: model for model in seatable},
        personas={persona.key: persona for persona in there.personas},
    )


def _model(state: ModelState) -> Model | None:
    """None for what no label of ours could be."""
    try:
        return Model(label=state.label, endpoint=state.endpoint, model=state.model)
    except ValidationError:
        return None

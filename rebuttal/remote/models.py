"""The models of another Rebuttal."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

from pydantic import BaseModel, ConfigDict, TypeAdapter

from rebuttal.providers.base import Progress
from rebuttal.records import EndpointState, ModelState
from rebuttal.remote.problems import foreign
from rebuttal.remote.wire import Wire, parse, told


class _Step(BaseModel):
    """How far it is, in bytes."""

    model_config = ConfigDict(frozen=True, strict=True)

    text: str
    done: int = 0
    total: int | None = None


_STEP = TypeAdapter(_Step)
_MODELS = TypeAdapter(tuple[ModelState, ...])
_ENDPOINTS = TypeAdapter(tuple[EndpointState, ...])


class RemoteModels:
    """DebateApp says what each does."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def models(self) -> tuple[ModelState, ...]:
        """Each with what keeps it from being used."""
        return parse(_MODELS, items_of(await self._wire.get("/models")))

    async def endpoints(self) -> tuple[EndpointState, ...]:
        """Each and whether it answers."""
        return parse(_ENDPOINTS, items_of(await self._wire.get("/endpoints")))

    async def pull(self, label: str) -> AsyncGenerator[Progress, None]:
        """Fetch a model's weights there."""
        async with (
            self._wire.stream("POST", "/models/pull", json={"model": label}) as answer,
            aclosing(told(answer)) as steps,
        ):
            async for step in steps:
                if step.event == "progress":
                    at = parse(_STEP, step.data)
                    yield Progress(at.text, at.done, at.total)

    async def unload(self, label: str) -> None:
        """Free the memory that it holds there."""
        await self._wire.send("POST", "/unload-model", {"model": label})


def items_of(body: bytes) -> bytes:
    """The list that an answer holds, as JSON."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise foreign("no JSON") from None
    return json.dumps(
        said["items"] if isinstance(said, dict) and "items" in said else said
    ).encode()

"""Listening to a ChatModel: what it said, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from rebuttal.catalog import Endpoint, Model
from rebuttal.errors import ModelError
from rebuttal.providers.base import ChatModel, Chunk, Limits, Message, Options
from rebuttal.providers.openai_compatible import OpenAICompatible
from tests.fault_server import FaultServer

KEY = "sk-test-0123456789abcdef"
PROMPT = (Message("system", "You are a cynic."), Message("user", "Is tea better than coffee?"))
LIMITS = Limits(first_token=0.5, silence=0.3, turn=1.2, retries=0)


@dataclass(frozen=True)
class Heard:
    """One stream, read to its end. ``raised`` is what it raised instead of a last chunk."""

    chunks: list[Chunk]
    raised: ModelError | None
    seconds: float

    @property
    def text(self) -> str:
        return "".join(chunk.text for chunk in self.chunks)

    @property
    def reasoning(self) -> str:
        return "".join(chunk.reasoning for chunk in self.chunks)

    @property
    def waiting(self) -> list[str]:
        return [chunk.waiting for chunk in self.chunks if chunk.waiting]

    @property
    def last(self) -> Chunk:
        return self.chunks[-1]


async def hear(
    model: ChatModel,
    messages: Sequence[Message] = PROMPT,
    options: Options | None = None,
) -> Heard:
    """Read one whole stream."""
    chunks: list[Chunk] = []
    raised = None
    began = time.perf_counter()
    try:
        async with aclosing(model.stream(messages, options or Options())) as stream:
            async for chunk in stream:
                chunks.append(chunk)  # noqa: PERF401 what came before an error is kept
    except ModelError as exc:
        raised = exc
    return Heard(chunks, raised, time.perf_counter() - began)


def model_at(
    server: FaultServer | str,
    *,
    key: str | None = KEY,
    limits: Limits = LIMITS,
    key_name: str | None = None,
    model: dict[str, Any] | None = None,
    **endpoint: Any,
) -> OpenAICompatible:
    """The model ``m`` behind that server or address, with fields for its catalog entries."""
    address = server if isinstance(server, str) else server.address
    place = Endpoint(name="Here", address=address, key=key_name, **{"needs_key": False, **endpoint})
    return OpenAICompatible(
        place, Model(label="M", endpoint="Here", model="m", **(model or {})), key, limits
    )

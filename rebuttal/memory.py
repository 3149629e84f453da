"""What models take in the memory of whoever serves them."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

from rebuttal.errors import RebuttalError
from rebuttal.providers.base import ChatModel, Footprint, Resident
from rebuttal.records import ModelInfo, ModelState


async def info_of(state: ModelState, chat: ChatModel) -> ModelInfo:
    """What is known of a model in that state, which ``chat`` asks."""
    takes, context = Footprint(), state.context
    if state.usable:
        with suppress(RebuttalError):
            context = await chat.context()
            if isinstance(chat, Resident):
                takes = await chat.footprint()
    return ModelInfo(
        label=state.label,
        endpoint=state.endpoint,
        model=state.model,
        state=_stands(state, takes),
        reason=state.reason,
        device=takes.device,
        memory=takes.memory,
        gpu_memory=takes.gpu_memory,
        context=context,
        max_context=takes.max_context,
        size=state.size,
    )


def _stands(
    state: ModelState, takes: Footprint
) -> Literal["loaded", "ready", "missing", "unusable"]:
    if state.loaded or takes.memory:
        return "loaded"
    if state.can_pull:
        return "missing"
    return "ready" if state.usable else "unusable"

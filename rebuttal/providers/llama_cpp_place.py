"""A model's place in memory: how much it takes, and who holds it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from rebuttal.catalog import Model, Weights
from rebuttal.providers.gguf import Header
from rebuttal.providers.llama_cpp_process import CACHE_MIB, LlamaServer
from rebuttal.records import now

MOST_CONTEXT = 8192
"""Tokens of a model whose entry names no context."""
SLOTS = 2
"""Turns that one model speaks at a time, each with the whole context; more wait in sight."""
STEP = 256
"""llama.cpp rounds a context up to multiples of this."""

_OVERHEAD = 128 << 20
_REPACKED = 1.6
"""Of the size of the file: its pages, and the tensors that are laid out anew for this CPU."""


Wanted = tuple[Weights, int | None]
"""What is loaded: a file, with a context."""


@dataclass(eq=False)
class Place:
    """A model's place in memory, from the wish to load it until it is unloaded."""

    label: str
    loading: asyncio.Task[LlamaServer] | None = None
    server: LlamaServer | None = None
    stage: str = ""
    uses: int = 0
    bytes: int = 0
    admitted: bool = False
    context: int = 0
    labels: set[str] = field(default_factory=set)
    last_used: float = field(default_factory=time.monotonic)
    since: datetime = field(default_factory=now)
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SLOTS))

    @property
    def idle(self) -> bool:
        return self.server is not None and not self.uses


def wanted(model: Model) -> Wanted:
    """What an embedded model has to have in memory."""
    assert model.weights
    return model.weights, model.context


def context_of(model: Model, header: Header) -> int:
    """Tokens that one request gets, as llama.cpp will round them."""
    most = header.context_length or MOST_CONTEXT
    asked = min(model.context or MOST_CONTEXT, most)
    return -(-asked // STEP) * STEP


def estimate(file: Path, header: Header, context: int) -> int:
    """Bytes that loading takes at most: weights, context, prompt cache, and what computes."""
    weights = int(file.stat().st_size * _REPACKED)
    return weights + header.token_bytes * context * SLOTS + (CACHE_MIB << 20) // 4 + _OVERHEAD

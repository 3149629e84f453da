"""What a language model is to the rest of the house."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from rebuttal.errors import ModelError
from rebuttal.records import Device, Finish, Usage

Role = Literal["system", "user", "assistant"]
MOST_TOKENS = 10_000_000
"""No server's count of one request is taken for more."""
PAUSE_OF_100 = 0.065
"""Seconds between two reads of a stream while a hundred are open."""
LEAST_PAUSE = 0.01
"""A shorter pause would bring no two words together."""
LONGEST_PAUSE = 0.3


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt in the field's usual form."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Options:
    """How to sample. ``extra`` goes into the request body as it is (``dry_multiplier``)."""

    temperature: float = 0.8
    top_p: float = 0.95
    max_tokens: int = 200
    seed: int | None = None
    stop: tuple[str, ...] = ()
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    reasoning_effort: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chunk:
    """What arrives while a model speaks; most fields are empty most of the time.

    ``waiting`` says why nothing comes yet, with a ``problem`` where the server is asked again. The
    last chunk of a stream, and only that one, carries ``finish``, and with it, where something cut
    the answer, the ``problem``. ``usage`` comes with the last chunk, and so far as it is known with
    earlier ones from servers that count as they go.

    Where several endpoints have a model, ``endpoint`` is the one that is asked from here on.
    """

    text: str = ""
    reasoning: str = ""
    waiting: str = ""
    fraction: float | None = None
    finish: Finish | None = None
    usage: Usage | None = None
    problem: ModelError | None = None
    endpoint: str = ""


class ChatModel(Protocol):
    """A model one can seat."""

    async def context(self) -> int:
        """Tokens that prompt and answer may take together, as the server has it now."""
        ...

    def stream(self, messages: Sequence[Message], options: Options) -> AsyncGenerator[Chunk, None]:
        """Speak. The stream ends with a chunk that carries ``finish``.

        Raises a ModelError only before the first token; what breaks later ends the stream with
        finish ``lost``, ``timeout`` or ``limit``. Closing the iterator, or cancelling the task that
        reads it, closes the connection.
        """
        ...


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a model takes. Bytes, of whatever kind and of them a GPU's, and tokens.

    All but ``max_context``, for which it was made, are None unless it is in memory.
    """

    device: Device | None = None
    memory: int | None = None
    gpu_memory: int | None = None
    max_context: int | None = None


@runtime_checkable
class Resident(Protocol):
    """A ChatModel whose place in memory is ours to give and to take."""

    def load(self) -> AsyncGenerator[Progress, None]:
        """Be in memory, as before a first turn. Raises what ``stream`` raises."""
        ...

    async def footprint(self) -> Footprint:
        """What it takes now. Raises ModelError where its server is away."""
        ...


class Gathering:
    """How long a stream is left alone between two reads: the longer, the more of them are open.

    What a server sends meanwhile is read in one go, which costs little more than a single word. So
    a few streams are read word by word, and many leave the processor to those who watch.
    """

    def __init__(self) -> None:
        self._open = 0

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[None]:
        """One more is open."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    @property
    def pause(self) -> float:
        """Seconds."""
        # With the square, so that reads and updates grow fewer as a core comes to its limit.
        pause = PAUSE_OF_100 * (self._open / 100) ** 2
        return min(pause, LONGEST_PAUSE) if pause >= LEAST_PAUSE else 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Deadlines in seconds and caps on one turn. Deadlines count content, not bytes on the wire."""

    first_token: float = 120.0
    silence: float = 30.0
    turn: float = 300.0
    max_chars: int = 8000
    max_bytes: int = 4_000_000
    retries: int = 2
    """Further tries before the first token, for errors that are worth it."""
    longest_wait: float = 60.0
    """Seconds of asked-for waiting that are obeyed; a longer wish ends as RateLimited."""
    gathering: Gathering = field(default_factory=Gathering, compare=False)
    """Shared by all that speak in this process."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download or a pull is; ``total`` is None while it is not known. Bytes."""

    text: str
    done: int = 0
    total: int | None = None

    @property
    def fraction(self) -> float | None:
        """Between 0 and 1, or None."""
        return min(self.done / self.total, 1.0) if self.total else None

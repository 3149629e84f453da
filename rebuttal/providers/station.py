"""An endpoint as all its models share it: how many requests of ours it has, and how it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rebuttal.errors import ContextOverflow, ModelError, ModelMissing, RequestRejected
from rebuttal.providers.base import ChatModel, Chunk
from rebuttal.providers.breaker import Breaker, Trial

_ANSWERS = (ContextOverflow, RequestRejected)
"""It works, and would not do this."""


class Station:
    """``ask`` is a cheap question, raising ModelError; None where there is none."""

    def __init__(
        self, name: str, breaker: Breaker, ask: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        self.name = name
        self.breaker = breaker
        self.busy = 0
        self._ask = ask
        self._probing: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether a turn may be asked for here while others are there to ask.

        After a rest the cheap question goes first, where there is one.
        """
        return self.breaker.state == "closed" or (self._ask is None and self.breaker.free)

    def probe(self) -> None:
        """Ask the cheap question if a rest is over, beside whatever goes on."""
        if self._ask and (trial := self.breaker.try_once()):
            self._probing = asyncio.create_task(self._probe(self._ask, trial))

    async def _probe(self, ask: Callable[[], Awaitable[object]], trial: Trial) -> None:
        try:
            await ask()
            self.breaker.alive()
        except (*_ANSWERS, ModelMissing):  # it knows no such question, and says so
            self.breaker.alive()
        except ModelError as problem:
            self.breaker.failed(problem, trial)
        finally:
            self.breaker.left(trial)

    def stop(self) -> None:
        """End the question under way."""
        if self._probing:
            self._probing.cancel()


@dataclass
class Asking:
    """One request while it is under way. ``spoke``: its first token has come."""

    breaker: Breaker
    spoke: bool = False
    last: Chunk = field(default_factory=Chunk)

    def take(self, chunk: Chunk) -> None:
        """Take note of what came."""
        self.last = chunk
        if not self.spoke and (chunk.text or chunk.reasoning):
            self.spoke = True
            self.breaker.alive()

    @property
    def went_well(self) -> bool:
        """Also where whoever listened had heard enough."""
        return self.spoke or self.last.finish is not None


@dataclass(frozen=True)
class Member:
    """A model at one of its endpoints. ``having`` is for whether the endpoint has that model.

    A ``spare`` one is asked only while none of the others can be.
    """

    station: Station
    chat: ChatModel
    having: Breaker
    spare: bool = False

    @property
    def name(self) -> str:
        """The endpoint's."""
        return self.station.name

    @property
    def ready(self) -> bool:
        """Whether it may be asked while others are there to ask."""
        return self.station.ready and self.having.free

    @property
    def rest(self) -> float:
        """Seconds until it may be asked again."""
        return max(self.station.breaker.rest, self.having.rest)

    @contextmanager
    def asked(self) -> Iterator[Asking]:
        """A request, counted while it lasts; how it went is told to the breakers."""
        asking = Asking(self.station.breaker)
        trial, having = self.station.breaker.try_once(), self.having.try_once()
        problem: ModelError | None = None
        self.station.busy += 1
        try:
            yield asking
        except ModelError as exc:
            problem = exc
            raise
        finally:
            self.station.busy -= 1
            if asking.last.finish:
                problem = asking.last.problem
            if problem:
                self.failed(problem, trial, having)
            elif asking.went_well:
                self._answered()
            self.station.breaker.left(trial)
            self.having.left(having)

    def failed(
        self, problem: ModelError, trial: Trial | None = None, having: Trial | None = None
    ) -> None:
        """Tell the breaker that it concerns."""
        if isinstance(problem, _ANSWERS):
            self._answered()
        elif isinstance(problem, ModelMissing):
            self.station.breaker.alive()
            self.having.failed(problem, having)
        else:
            self.station.breaker.failed(problem, trial)

    def _answered(self) -> None:
        self.station.breaker.answered()
        self.having.answered()

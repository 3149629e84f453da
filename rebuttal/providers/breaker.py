"""A circuit breaker: whether an endpoint that failed is asked again yet."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Literal

from rebuttal.errors import (
    KeyRejected,
    ModelError,
    ModelMissing,
    QuotaExhausted,
    RateLimited,
    Unreachable,
)

FAILURES = 3
"""In a row, before it rests; where one says enough, one."""
FIRST_REST = 5.0
LONGEST_REST = 300.0
"""Seconds, each a quarter more or less by chance."""
LONGEST_WISH = 3600.0
"""Seconds of a server's own wish (Retry-After) that are obeyed."""

State = Literal["closed", "open", "half-open"]
_REFUSALS = (RateLimited, QuotaExhausted, KeyRejected, ModelMissing)
"""It runs, and will not speak for us: a sign of life proves nothing."""


class Trial:
    """The right to be the one who asks after a rest."""


class Breaker:
    """Closed, it is asked. Open, it rests. Half-open, the rest is over: one trial at a time.

    A trial that fails makes a longer rest, an answer closes it. Failures of requests that were
    under way when it opened change nothing. ``clock`` is monotonic, ``chance`` between 0 and 1.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._chance = chance
        self.failures = 0
        """Since it last answered well."""
        self.problem: ModelError | None = None
        """What it rests for."""
        self._until: float | None = None
        self._wished_until = 0.0
        self._rests = 0
        self._trial: Trial | None = None

    @property
    def state(self) -> State:
        """As of now."""
        if self._until is None:
            return "closed"
        return "open" if self._clock() < self._until else "half-open"

    @property
    def rest(self) -> float:
        """Seconds until it is asked again."""
        return 0.0 if self._until is None else max(0.0, self._until - self._clock())

    @property
    def wish(self) -> float:
        """Seconds of the rest that the server itself asked for."""
        return min(self.rest, max(0.0, self._wished_until - self._clock()))

    @property
    def free(self) -> bool:
        """Whether somebody may ask: it is closed, or nobody has the trial."""
        return self.state == "closed" or (self.state == "half-open" and self._trial is None)

    def try_once(self) -> Trial | None:
        """The trial, where a rest is over and nobody has it; to be given back with ``left``."""
        if self.state != "half-open" or self._trial is not None:
            return None
        self._trial = Trial()
        return self._trial

    def left(self, trial: Trial | None) -> None:
        """The trial is over, whatever came of it."""
        if trial is self._trial:
            self._trial = None

    def answered(self) -> None:
        """A whole answer came."""
        self._close()
        self._rests = 0

    def alive(self) -> None:
        """It said something: the first token, or what it has to offer.

        That ends a rest that is over, and one for trouble alone; the next will still be longer.
        """
        if self._until is None:
            return
        if self.state == "half-open" or not isinstance(self.problem, _REFUSALS):
            self._close()

    def failed(self, problem: ModelError, trial: Trial | None = None) -> None:
        """It did not answer; ``trial`` is what ``try_once`` gave to whoever asked."""
        self.failures += 1
        if trial is not None and trial is self._trial:
            self._trial = None
            self._open(problem)
        elif self._until is None:
            if self.failures >= FAILURES or _says_enough(problem):
                self._open(problem)
        else:
            self._obey(problem)

    def _open(self, problem: ModelError) -> None:
        rest = min(FIRST_REST * 2 ** min(self._rests, 16), LONGEST_REST)
        until = self._clock() + rest * (0.75 + self._chance() / 2)
        self._until = max(until, self._until or 0.0)
        self._rests += 1
        self.problem = problem
        self._obey(problem)

    def _obey(self, problem: ModelError) -> None:
        """Rest for as long as the server wishes, if that is longer."""
        wish = problem.retry_after if isinstance(problem, RateLimited) else None
        if wish is not None and self._until is not None:
            self._wished_until = self._clock() + min(wish, LONGEST_WISH)
            self._until = max(self._until, self._wished_until)

    def _close(self) -> None:
        self.failures = 0
        self.problem = self._until = self._trial = None
        self._wished_until = 0.0


def _says_enough(problem: ModelError) -> bool:
    """Whether asking again at once is in vain: refused, never connected, or long silent."""
    if isinstance(problem, Unreachable):
        return problem.costs_nothing or not problem.worth_retrying
    return isinstance(problem, _REFUSALS)

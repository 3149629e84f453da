"""How often one may guess: failures by name and by network, and the wait that follows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

FREE = 5
FIRST_WAIT = 15.0
FORGOTTEN_AFTER = 3600.0
KEPT = 10_000


@dataclass(frozen=True)
class Lock:
    """Something that is locked by failures: a name, a network, a browser.

    ``longest`` seconds are what the wait grows to: short for a name, since anybody can guess at it
    and thereby keep its owner out.
    """

    key: str
    longest: float


def name_lock(name: str) -> Lock:
    """For guesses at one name, from wherever they come."""
    return Lock(f"name {name}", 60)


def network_lock(network: str) -> Lock:
    """For guesses from one network, whatever the names."""
    return Lock(f"network {network}", 900)


def browser_lock(ticket: str) -> Lock:
    """For a browser where the name has signed in before: others' guesses do not lock it."""
    return Lock(f"browser {ticket}", 900)


class Attempts:
    """Failures so far. The sixth and later ones wait, twice as long each time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[str, tuple[int, float]] = {}

    def begin(self, locks: Sequence[Lock]) -> float:
        """Seconds to wait; 0 for a guess that may be made now and counts as a failure already.

        Counting first leaves nothing to gain by guessing a thousand times at once.
        """
        now = self._clock()
        wait = max(self._wait(lock, now) for lock in locks)
        if wait > 0:
            return wait
        for lock in locks:
            count, _ = self._failures.pop(lock.key, (0, 0.0))
            while len(self._failures) >= KEPT:
                del self._failures[next(iter(self._failures))]
            self._failures[lock.key] = (count + 1, now)
        return 0.0

    def succeeded(self, forgiven: Lock, locks: Sequence[Lock]) -> None:
        """The guess was right: ``forgiven`` starts anew, of the others this one did not fail.

        A network is not forgiven, or guessing would be free for who has one name of their own.
        """
        for lock in locks:
            count, at = self._failures.get(lock.key, (0, 0.0))
            if lock == forgiven or count <= 1:
                self._failures.pop(lock.key, None)
            else:
                self._failures[lock.key] = (count - 1, at)

    def _wait(self, lock: Lock, now: float) -> float:
        count, at = self._failures.get(lock.key, (0, 0.0))
        if now - at > FORGOTTEN_AFTER:
            self._failures.pop(lock.key, None)
            return 0.0
        if count < FREE:
            return 0.0
        return at + min(lock.longest, FIRST_WAIT * 2.0 ** min(count - FREE, 10)) - now

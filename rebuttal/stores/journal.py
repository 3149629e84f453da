"""The writes of a process in their order, until it is sure that a server has kept them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

Work = Callable[[Any], Any]
"""What is to be done by the store that it is given, and awaited."""

RECENT = 60.0
"""Seconds for which a kept write is remembered: a server that falls may forget its last ones."""
MOST = 5000
"""Kept writes that are remembered."""


@dataclass(eq=False)
class Write:
    """``about`` are debates, all that it changes.

    ``sent``: its fate is not known yet. ``waiting``: to be written back.
    """

    number: int
    work: Work
    about: tuple[str, ...]
    counts: bool
    """Whether it changes the ledger's sums."""
    at: float
    state: Literal["sent", "kept", "waiting"] = "sent"
    failed: int = 0


class Journal:
    """``next_number`` gives each write its number."""

    def __init__(
        self, next_number: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._next_number = next_number
        self._clock = clock
        self._writes: dict[int, Write] = {}

    def add(self, work: Work, about: Iterable[str] = (), *, counts: bool = False) -> Write:
        """A write that is sent now."""
        self._forget_old()
        write = Write(self._next_number(), work, tuple(about), counts, self._clock())
        self._writes[write.number] = write
        return write

    def drop(self, write: Write) -> None:
        """It was refused, or changed nothing."""
        self._writes.pop(write.number, None)

    def oldest(self) -> int:
        """The least number of a write that may yet be sent again."""
        return min(self._writes) if self._writes else self._next_number()

    @property
    def waiting(self) -> list[Write]:
        """Those to be written back, in their order."""
        return [write for write in self._writes.values() if write.state == "waiting"]

    @property
    def kept(self) -> set[int]:
        """The numbers of those that were kept of late."""
        return {write.number for write in self._writes.values() if write.state == "kept"}

    def compare(self, done: set[int]) -> None:
        """These are kept; what else there was is to be written back."""
        for write in self._writes.values():
            if write.number in done:
                write.state = "kept"
            elif write.state == "kept":
                write.state = "waiting"

    def replace(self, gone: Callable[[Write], bool], works: Iterable[Work]) -> None:
        """Forget these writes; before all others, this is to be done."""
        left = [write for write in self._writes.values() if not gone(write)]
        new = [Write(self._next_number(), work, (), False, self._clock()) for work in works]
        for write in new:
            write.state = "waiting"
        self._writes = {write.number: write for write in (*new, *left)}

    def _forget_old(self) -> None:
        """From the oldest on, as far as there are no others in between."""
        too_many, long_ago = len(self._writes) - MOST, self._clock() - RECENT
        old = []
        for at, write in enumerate(self._writes.values()):
            if write.state != "kept" or (at >= too_many and write.at > long_ago):
                break
            old.append(write.number)
        for number in old:
            del self._writes[number]

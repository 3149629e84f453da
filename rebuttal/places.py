"""Places for debates that speak at once, and the line of those that wait for one."""

from __future__ import annotations

import asyncio
from collections import Counter, deque

from rebuttal.errors import Busy
from rebuttal.records import Visitor
from rebuttal.settings import Settings

SOON = 30.0
"""Seconds after which another try may find a place."""


class Place:
    """What a debate holds while it speaks (``position`` 0) or waits (its number, from 1)."""

    def __init__(self, places: Places, visitor: Visitor, position: int) -> None:
        self.visitor = visitor
        self.position = position
        self._places = places
        self._moved = asyncio.Event()

    async def moved(self) -> None:
        """Wait until the position changed, or somebody woke us."""
        await self._moved.wait()
        self._moved.clear()

    def wake(self) -> None:
        """End ``moved``."""
        self._moved.set()

    def move(self, position: int) -> None:
        """Its new number."""
        if position != self.position:
            self.position = position
            self.wake()

    def leave(self) -> None:
        """Give it back. Twice is once."""
        self._places.leave(self)


class Places:
    """Who comes first is served first. For one event loop.

    Caps for one visitor and one network count those who speak and those who wait.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._speaking: set[Place] = set()
        self._line: deque[Place] = deque()
        self._of_visitor: Counter[str] = Counter()
        self._of_network: Counter[str] = Counter()

    def take(self, visitor: Visitor) -> Place:
        """A place, or a number in line. Raises Busy."""
        self._check_caps(visitor)
        settings = self._settings
        if len(self._speaking) < settings.running:
            place = Place(self, visitor, 0)
            self._speaking.add(place)
        elif len(self._line) < settings.waiting:
            place = Place(self, visitor, len(self._line) + 1)
            self._line.append(place)
        else:
            raise Busy(
                f"All {settings.running} places are taken, and {len(self._line)} debates wait.",
                "Try again in a minute.",
                SOON,
            )
        self._count(visitor, 1)
        return place

    def leave(self, place: Place) -> None:
        """See Place.leave."""
        if place in self._speaking:
            self._speaking.remove(place)
            if self._line:
                self._seat(self._line.popleft())
        elif place in self._line:
            self._line.remove(place)
        else:
            return
        self._count(place.visitor, -1)
        for number, waiting in enumerate(self._line, 1):
            waiting.move(number)

    def _seat(self, place: Place) -> None:
        self._speaking.add(place)
        place.move(0)

    def _check_caps(self, visitor: Visitor) -> None:
        if visitor.operator:
            return
        settings = self._settings
        mine, most = self._of_visitor[visitor.owner], settings.running_per_visitor
        if most is not None and mine >= most:
            raise Busy(
                f"You have {_debates(mine)} at work, and no more can be at once.",
                "Stop one, or wait for the end of one.",
                SOON,
            )
        near, most = self._of_network[visitor.network], settings.running_per_network
        if most is not None and near >= most:
            raise Busy(
                f"Your network has {_debates(near)} at work, and no more can be at once.",
                "Try again in a minute.",
                SOON,
            )

    def _count(self, visitor: Visitor, by: int) -> None:
        if visitor.operator:
            return
        for counter, name in (
            (self._of_visitor, visitor.owner),
            (self._of_network, visitor.network),
        ):
            counter[name] += by
            if not counter[name]:
                del counter[name]


def _debates(count: int) -> str:
    return "one debate" if count == 1 else f"{count} debates"

"""Places for debates that speak at once, and the line of those that wait for one."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from heapq import heapify, heapreplace

from rebuttal.errors import Busy
from rebuttal.records import Visitor
from rebuttal.settings import Settings

SOON = 30.0
"""Seconds after which another try may find a place, while nothing is known."""
BRIEF = 0.25
"""Seconds; who held a place for less was refused or stopped, and says nothing of others."""
LATELY = 20
"""Places that were given back last: how long they were held says how long others will be."""


class Place:
    """What a debate holds while it speaks (``position`` 0) or waits (its number, from 1)."""

    def __init__(self, places: Places, visitor: Visitor, position: int) -> None:
        self.visitor = visitor
        self.position = position
        self.since = 0.0
        self.counted_from = 0.0
        """Since when it keeps others waiting, if there are others."""
        self.is_lost = False
        """Whether its number was given to somebody who had none."""
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

    @property
    def is_wanted(self) -> bool:
        """Whether it is somebody else's turn."""
        return self._places.is_wanted(self)

    @property
    def seconds(self) -> float | None:
        """Until it is its turn, as things went lately; None where nothing is known yet."""
        return self._places.seconds(self.position)

    def end_turn(self) -> None:
        """Say that a turn has ended: now it could be handed on, if there were others."""
        self._places.end_turn(self)

    def hand_on(self) -> None:
        """Let the first in line speak, and wait again; nothing where it is nobody's turn."""
        self._places.hand_on(self)

    def leave(self) -> None:
        """Give it back. Twice is once."""
        self._places.leave(self)

    @contextmanager
    def left_on_error(self) -> Iterator[None]:
        """Give it back where the block fails or is cancelled."""
        try:
            yield
        except BaseException:
            self.leave()
            raise


class Places:
    """Whose network speaks least is served first, then who came first. For one event loop.

    Caps for one visitor and one network count those who speak and those who wait.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._speaking: set[Place] = set()
        self._line: list[Place] = []
        self._of_visitor: Counter[str] = Counter()
        self._of_network: Counter[str] = Counter()
        self._held: deque[float] = deque(maxlen=LATELY)

    def take(self, visitor: Visitor) -> Place:
        """A place, or a number in line. Raises Busy."""
        self._check_caps(visitor)
        if len(self._speaking) < self._settings.running:
            place = Place(self, visitor, 0)
            self._seat(place)
        else:
            if len(self._line) >= self._settings.waiting:
                self._make_room(visitor)
            place = Place(self, visitor, len(self._line) + 1)
            self._line.append(place)
            self._number()
        self._count(visitor, 1)
        return place

    def leave(self, place: Place) -> None:
        """See Place.leave."""
        if place in self._speaking:
            self._rise(place)
            if self._line:
                self._seat(self._line.pop(0))
        elif place in self._line:
            self._line.remove(place)
        else:
            return
        self._count(place.visitor, -1)
        self._number()

    def is_wanted(self, place: Place) -> bool:
        """See Place.is_wanted."""
        long = self._clock() - place.since >= self._settings.place_for
        return long and bool(self._line) and place in self._speaking

    def hand_on(self, place: Place) -> None:
        """See Place.hand_on."""
        if self.is_wanted(place):
            self._rise(place)
            self._seat(self._line.pop(0))
            self._line.append(place)
            self._number()

    def end_turn(self, place: Place) -> None:
        """See Place.end_turn."""
        held = self._clock() - place.counted_from
        if place in self._speaking and held >= self._settings.place_for:
            self._count_hold(place)

    def seconds(self, position: int) -> float | None:
        """Until the number ``position`` in line may speak; None where no place was given back yet.

        Those who speak leave one after the other, each after as long as others took, and so do
        those ahead in line.
        """
        if not position:
            return 0.0
        if not self._held:
            return None
        usual = sum(self._held) / len(self._held)
        leave = [self._left_of(place) for place in self._speaking]
        heapify(leave)
        for _ in range(position - 1):
            heapreplace(leave, leave[0] + usual)
        return leave[0] if leave else 0.0

    def _left_of(self, place: Place) -> float:
        """Seconds that it will be held on: as those were that had been held as long as it is now.

        One that outlasts them all has, as far as anybody can tell, half of its time behind it.
        """
        held = self._clock() - place.counted_from
        longer = [one - held for one in self._held if one > held]
        return sum(longer) / len(longer) if longer else held

    def _seat(self, place: Place) -> None:
        self._speaking.add(place)
        place.since = place.counted_from = self._clock()
        place.move(0)

    def _rise(self, place: Place) -> None:
        self._speaking.remove(place)
        self._count_hold(place)

    def _count_hold(self, place: Place) -> None:
        moment = self._clock()
        if moment - place.counted_from >= BRIEF:
            self._held.append(moment - place.counted_from)
        place.counted_from = moment

    def _number(self) -> None:
        """Bring the line in its order, and tell those who moved."""
        ahead = Counter(place.visitor.network for place in self._speaking)
        order = {}
        for place in self._line:
            order[place] = ahead[place.visitor.network]
            ahead[place.visitor.network] += 1
        self._line.sort(key=order.__getitem__)
        for number, place in enumerate(self._line, 1):
            place.move(number)

    def _make_room(self, visitor: Visitor) -> None:
        """Whose network has most gives its last number to whose has least. Raises Busy."""
        last = max(
            reversed(self._line), key=lambda p: self._of_network[p.visitor.network], default=None
        )
        mine = self._of_network[visitor.network]
        if last is None or self._of_network[last.visitor.network] <= mine + 1:
            raise Busy(
                f"All {self._settings.running} places are taken, and "
                f"{len(self._line)} debates wait.",
                "Try again in a minute.",
                self._until(self._speaking),
            )
        last.is_lost = True
        self.leave(last)
        last.wake()

    def _check_caps(self, visitor: Visitor) -> None:
        if visitor.operator:
            return
        settings = self._settings
        mine, most = self._of_visitor[visitor.owner], settings.running_per_visitor
        if most is not None and mine >= most:
            raise Busy(
                f"You have {_debates(mine)} at work, and no more can be at once.",
                "Stop one, or wait for the end of one.",
                self._until([p for p in self._speaking if p.visitor.owner == visitor.owner]),
            )
        near, most = self._of_network[visitor.network], settings.running_per_network
        if most is not None and near >= most:
            raise Busy(
                f"Your network has {_debates(near)} at work, and no more can be at once.",
                "Try again in a minute.",
                self._until([p for p in self._speaking if p.visitor.network == visitor.network]),
            )

    def _until(self, leaving: Collection[Place]) -> float:
        """Seconds until one of them is likely to leave, at least one."""
        if not (leaving and self._held):
            return SOON
        return max(min(self._left_of(place) for place in leaving), 1.0)

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

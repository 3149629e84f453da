"""How often: a bucket for each visitor and network, which fills up again by the minute."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from rebuttal.settings import Settings
from rebuttal.web.asgi import Refused

KEYS = 20_000
"""Buckets that are remembered; then the one that was idle longest is given up."""


class Rate:
    """At most ``per_minute`` of something for each key; None for no limit.

    A key may spend a whole minute's worth at once, and then what comes in.
    """

    def __init__(
        self,
        per_minute: int | None,
        clock: Callable[[], float] = time.monotonic,
        keys: int = KEYS,
    ) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._keys = keys
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spent(self, key: str) -> float:
        """What of the bucket is gone, now."""
        spent, at = self._spent.get(key, (0.0, 0.0))
        return max(0.0, spent - (self._clock() - at) * (self.per_minute or 0) / 60)

    def wait(self, key: str, cost: float = 1.0) -> float:
        """Seconds until that much is in the bucket; 0 for now. Takes nothing."""
        if self.per_minute is None:
            return 0.0
        return max(0.0, (self.spent(key) + cost - self.per_minute) * 60 / self.per_minute)

    def take(self, key: str, cost: float = 1.0) -> None:
        """Spend it."""
        if self.per_minute is None:
            return
        self._spent[key] = (self.spent(key) + cost, self._clock())
        self._spent.move_to_end(key)
        if len(self._spent) > self._keys:
            self._spent.popitem(last=False)


COSTS: Mapping[str, float] = {
    "asset": 0.1,
    "look": 0.5,
    "cancel": 0.5,
    "reset": 0.5,
    "page": 16,
    "config": 16,
    "join": 2,
    "tab": 8,
    "api": 2,
    "watch": 4,
    "export": 4,
    "excerpt": 4,
    "fork": 8,
    "archive": 60,
    "import": 60,
}
"""What a request counts, by its kind; others 1: of the processor's milliseconds somewhat fewer.

Opening the page asks for some sixty assets. A ``tab`` that is new is counted on top of
what it asks for.
"""
LIGHT = 60.0
"""A network that used up no more is served even when all together are over their limit."""
ALL = "all"


class Rates:
    """The limits a minute: of one visitor, of one network, of newcomers, and of all together."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._visitors = Rate(settings.requests_per_visitor, clock)
        self._networks = Rate(settings.requests_per_network, clock)
        self._newcomers = Rate(settings.new_visitors_per_network, clock)
        self._all = Rate(settings.requests, clock)

    def pass_network(self, network: str, kind: str) -> None:
        """Count a request of a network. Raises Refused."""
        cost = COSTS.get(kind, 1)
        wait = self._networks.wait(network, cost)
        if wait:
            raise _busy("Too many requests from your network.", wait)
        wait = self._all.wait(ALL, cost)
        if wait and self._networks.spent(network) > LIGHT:
            raise _busy("Too much is asked of this server right now.", wait)
        self._networks.take(network, cost)
        if not wait:
            self._all.take(ALL, cost)

    def pass_visitor(self, who: str, kind: str) -> None:
        """Count a request of a visitor. Raises Refused."""
        self._take(self._visitors, who, COSTS.get(kind, 1), "Too many requests.")

    def pass_newcomer(self, network: str) -> None:
        """Count a browser that was never here. Raises Refused."""
        self._take(self._newcomers, network, 1, "Too many new visitors from your network.")

    def _take(self, rate: Rate, key: str, cost: float, words: str) -> None:
        wait = rate.wait(key, cost)
        if wait:
            raise _busy(words, wait)
        rate.take(key, cost)


def _busy(words: str, wait: float) -> Refused:
    seconds = max(1, round(wait))
    return Refused(429, f"{words} Try again in {seconds} s.", seconds)

"""How many long answers there are at once, and the end of those that nobody reads."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rebuttal.settings import Settings
from rebuttal.web.asgi import Message, Refused, Scope, Send

STALLED = 30.0
"""Seconds that a piece of an answer may wait for a client that does not read."""
ABORT = "rebuttal.abort"
"""Where the server's connection class leaves the way to cut the connection."""


@dataclass(slots=True, eq=False)
class Stream:
    """An open event stream; ``who`` is empty where no visitor's cap counts it."""

    who: str
    network: str
    abort: Callable[[], None]


class Streams:
    """The event streams that are open, with the caps on them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: dict[Stream, None] = {}
        self._of: Counter[str] = Counter()
        self._at: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def held(self, stream: Stream) -> Iterator[None]:
        """Count it while it is open. Raises Refused over a cap."""
        settings = self._settings
        if stream.who and _reached(self._of[stream.who], settings.streams_per_visitor):
            raise Refused(429, "You follow too many debates at once; close a tab.", 10)
        if _reached(self._at[stream.network], settings.streams_per_network):
            raise Refused(429, "Too many follow debates from your network; try again soon.", 10)
        if len(self._open) >= settings.streams:
            self._make_room(stream.network)
        self._open[stream] = None
        self._count(stream, 1)
        try:
            yield
        finally:
            del self._open[stream]
            self._count(stream, -1)

    def _count(self, stream: Stream, step: int) -> None:
        for counter, key in ((self._of, stream.who), (self._at, stream.network)):
            counter[key] += step
            if not counter[key]:
                del counter[key]

    def _make_room(self, network: str) -> None:
        """The network with most streams loses its newest, if that is fair. Raises Refused."""
        biggest, held = max(self._at.items(), key=lambda item: item[1])
        if held <= self._at[network] + 1:
            raise Refused(429, "Too many follow debates here right now; try again soon.", 10)
        victim = next(s for s in reversed(self._open) if s.network == biggest)
        victim.abort()


def abort_of(scope: Scope) -> Callable[[], None]:
    """What cuts the connection of a request."""
    abort: Any = scope.get(ABORT)
    return abort if abort is not None else _nothing


def impatient(scope: Scope, send: Send, within: float = STALLED) -> Send:
    """A send that cuts the connection of a client that does not read for that long."""
    abort = abort_of(scope)
    loop = asyncio.get_running_loop()

    async def send_or_cut(message: Message) -> None:
        alarm = loop.call_later(within, abort)
        try:
            await send(message)
        finally:
            alarm.cancel()

    return send_or_cut


def _nothing() -> None: ...


def _reached(count: int, limit: int | None) -> bool:
    return limit is not None and count >= limit

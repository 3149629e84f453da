"""One stream of server-sent events, and how old the words that say it were when they came."""

from __future__ import annotations

import asyncio
from array import array

from benchmarks.stamps import clock, moments


class Ears(asyncio.Protocol):
    """Listens on a socket of its own. Only events that hold ``mark`` count.

    Nothing is parsed that need not be, so that thousands of tokens a second cost little.
    """

    def __init__(self, host: str, path: str, mark: bytes = b"") -> None:
        self.ages = array("d")
        """Milliseconds, of each stamp that counted."""
        self.counts = False
        self._mark = mark
        self._request = f"GET {path} HTTP/1.1\r\nhost: {host}\r\naccept: text/event-stream\r\n\r\n"
        self._rest = b""
        self._last = 0
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        """Whether the server still speaks to it."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request.encode())

    def data_received(self, data: bytes) -> None:
        """Events come whole, each in a piece of its own; their last line is empty."""
        events = (self._rest + data).split(b"\n\n")
        self._rest = events.pop()
        now = clock()
        for event in events:
            if self._mark in event:
                self._hear(event, now)

    def _hear(self, event: bytes, now: int) -> None:
        last = self._last
        for moment in moments(event, now):
            if moment > last:
                last = moment
                if self.counts:
                    self.ages.append(now - moment)
        self._last = last

    def leave(self) -> None:
        """Go away."""
        if self._transport:
            self._transport.abort()

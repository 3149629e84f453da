"""The server's side of a connection: how long a request may take to begin, and how many there are.

uvicorn waits for ever for the rest of a header, and for a connection that says nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from typing import Any

from uvicorn import Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from rebuttal.web.asgi import Receive, Scope, Send
from rebuttal.web.peers import network_of
from rebuttal.web.streams import ABORT

BEGINS_WITHIN = 20.0
"""Seconds from the first byte of a request, or from connecting, to the end of its header."""
SEND_BUFFER = 256 * 1024
"""Bytes that the operating system keeps for a client that does not read."""


MOST = 8000
"""Connections at once, where the system has as many files for us."""
SPARE_FILES = 200
"""Open files that everything else needs."""


def room() -> int:
    """Connections that fit; the soft limit of open files is raised as far as that takes."""
    try:
        import resource
    except ImportError:
        return MOST  # Windows counts otherwise
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST
    wished = MOST + SPARE_FILES
    if soft < wished:
        soft = wished if hard == resource.RLIM_INFINITY else min(hard, wished)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(soft // 2, min(soft - SPARE_FILES, MOST))


class Door:
    """Counts connections by network. ``per_network`` is None where proxies bring everybody."""

    def __init__(self, per_network: int | None) -> None:
        self._per_network = per_network
        self._total = room()
        self._open: Counter[str] = Counter()
        self._all = 0

    def enter(self, address: str) -> bool:
        """Whether one more from there is let in; then it must leave."""
        network = network_of(address)
        if self._all >= self._total:
            return False
        if self._per_network is not None and self._open[network] >= self._per_network:
            return False
        self._open[network] += 1
        self._all += 1
        return True

    def leave(self, address: str) -> None:
        """One that was let in has gone."""
        network = network_of(address)
        self._all -= 1
        self._open[network] -= 1
        if not self._open[network]:
            del self._open[network]


def harden(server: Server, door: Door, begins_within: float = BEGINS_WITHIN) -> None:
    """Have a running server open further connections our way, and not say what it is."""

    class Connection(_Connection):
        _door = door
        _begins_within = begins_within

    config, state = server.config, server.server_state
    config.http_protocol_class = Connection
    config.ws_protocol_class = None
    for headers in (config.encoded_headers, state.default_headers):
        headers[:] = [pair for pair in headers if pair[0] != b"server"]


class _Connection(H11Protocol):
    _door: Door
    _begins_within: float

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._address: str | None = None
        self._alarm: asyncio.TimerHandle | None = None
        inner = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope[ABORT] = self.transport.abort
            await inner(scope, receive, send)

        self.app = app

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if not self._door.enter(address):
            transport.abort()
            return
        self._address = address
        plain = transport.get_extra_info("socket")
        if plain is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._rest()
        if self._address is not None:
            self._door.leave(self._address)
            self._address = None

    def _watch(self) -> None:
        """An alarm for as long as no request is at work; bytes that trickle do not put it off."""
        at_work = self.cycle is not None and not self.cycle.response_complete
        if at_work:
            self._rest()
        elif self._alarm is None:
            self._alarm = self.loop.call_later(self._begins_within, self.transport.abort)

    def _rest(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

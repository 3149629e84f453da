"""The server's side of a connection: how long a request may take to begin, and how many there are.

uvicorn waits for ever for the rest of a header, and for a connection that says nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import h11
from uvicorn import Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from rebuttal.web.asgi import Receive, Scope, Send
from rebuttal.web.peers import network_of
from rebuttal.web.rates import Rate
from rebuttal.web.streams import ABORT, STALLED

BEGINS_WITHIN = 20.0
"""Seconds from the first byte of a request, or from connecting, to the end of its header."""
SEND_BUFFER = 256 * 1024
"""Bytes that the operating system keeps for a client that does not read."""

MESSAGE = 256 * 1024
FRAMES = 6000
"""A minute, of one socket: reading one takes more time than sending it."""
AT_ONCE = 4096
"""Bytes that are looked through before anything else may notice that it is enough."""
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


@dataclass(slots=True, eq=False)
class Guest:
    """A connection that was let in."""

    network: str
    abort: Callable[[], None]


class Door:
    """Counts connections by network. ``per_network`` is None where proxies bring everybody."""

    def __init__(self, per_network: int | None, total: int | None = None) -> None:
        self._per_network = per_network
        self._total = total or room()
        self._open: dict[str, dict[Guest, None]] = {}
        self._all = 0

    def enter(self, address: str, abort: Callable[[], None]) -> Guest | None:
        """Let one more in from there, or None. In a full house who holds most gives one up."""
        network = network_of(address)
        near = len(self._open.get(network, ()))
        if self._per_network is not None and near >= self._per_network:
            return None
        if self._all >= self._total and not self._make_room(near):
            return None
        guest = Guest(network, abort)
        self._open.setdefault(network, {})[guest] = None
        self._all += 1
        return guest

    def leave(self, guest: Guest) -> None:
        """One that was let in has gone. Twice is once."""
        near = self._open.get(guest.network, {})
        if guest not in near:
            return
        del near[guest]
        self._all -= 1
        if not near:
            del self._open[guest.network]

    def _make_room(self, near: int) -> bool:
        biggest = max(self._open.values(), key=len)
        if len(biggest) <= near + 1:
            return False
        victim = next(reversed(biggest))
        self.leave(victim)
        victim.abort()
        return True


def harden(
    server: Server, door: Door, begins_within: float = BEGINS_WITHIN, message: int = MESSAGE
) -> None:
    """Have a running server open further connections our way, and not say what it is.

    ``message`` bytes are the most that one message over a socket may have.
    """

    class Connection(_Connection):
        _door = door
        _begins_within = begins_within

    config, state = server.config, server.server_state
    config.http_protocol_class = Connection
    config.ws_protocol_class = _socket_class(door)
    config.ws_max_size = message
    config.ws_per_message_deflate = False  # a few bytes could unpack to many
    for headers in (config.encoded_headers, state.default_headers):
        headers[:] = [pair for pair in headers if pair[0] != b"server"]


def _socket_class(door: Door) -> type[asyncio.Protocol]:
    """Sockets that leave through that door."""
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

    class Socket(WebSocketsSansIOProtocol):
        guest: Guest | None = None

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self._read = Rate(FRAMES)
            inner = self.app

            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                scope[ABORT] = self.transport.abort
                await inner(scope, receive, send)
                # A refusal is a whole answer, too; the server would log it as a bug.
                self.handshake_complete = self.handshake_complete or self.close_sent

            self.app = app

        def data_received(self, data: bytes) -> None:
            for start in range(0, len(data), AT_ONCE):
                if self.transport.is_closing() or (start and self.conn.parser_exc):
                    return
                super().data_received(data[start : start + AT_ONCE])

        def handle_events(self) -> None:
            events = self.conn.events_received()
            self._read.take("", len(events))
            if self._read.spent("") > FRAMES:
                self.transport.abort()
                return
            self.conn.events.extend(events)
            super().handle_events()

        def send_receive_event_to_app(self) -> None:
            # What is no UTF-8 goes on as bytes: the server would fill its log with each.
            if self.curr_msg_data_type == "text" and not _is_text(b"".join(self.frames)):
                self.curr_msg_data_type = "bytes"
            super().send_receive_event_to_app()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            if self.guest is not None:
                door.leave(self.guest)

    return Socket


def _is_text(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True


def _bound(plain: socket.socket) -> None:
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if hasattr(socket, "TCP_USER_TIMEOUT") and plain.family != socket.AF_UNIX:
        # A client that vanished without a word is otherwise waited for some fifteen minutes.
        unheard = int(STALLED * 1000)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unheard)


class _Connection(H11Protocol):
    _door: Door
    _begins_within: float

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._guest: Guest | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._is_socket = False
        inner = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope[ABORT] = self.transport.abort
            await inner(scope, receive, send)

        self.app = app

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        self._guest = self._door.enter(address, transport.abort)
        if self._guest is None:
            transport.abort()
            return
        plain = transport.get_extra_info("socket")
        if plain is not None:
            _bound(plain)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """The connection is a socket's from here; so is its place."""
        self._is_socket = True
        self._rest()
        super().handle_websocket_upgrade(event)
        socket: Any = self.transport.get_protocol()
        socket.guest, self._guest = self._guest, None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._rest()
        if self._guest is not None:
            self._door.leave(self._guest)

    def _watch(self) -> None:
        """An alarm for as long as no request is at work; bytes that trickle do not put it off."""
        if self._is_socket:
            return
        at_work = self.cycle is not None and not self.cycle.response_complete
        if at_work:
            self._rest()
        elif self._alarm is None:
            self._alarm = self.loop.call_later(self._begins_within, self.transport.abort)

    def _rest(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

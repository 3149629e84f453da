"""What is served to programs: interfaces of their own beside the page, each below its prefix."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from functools import partial

from rebuttal.app import DebateApp
from rebuttal.errors import NotAllowed, StoreError
from rebuttal.records import OPERATOR, Visitor
from rebuttal.tokens import PREFIX, ended
from rebuttal.web import bodies
from rebuttal.web.asgi import App, Scope, header
from rebuttal.web.hosts import check_origin
from rebuttal.web.problems import UnknownCaller
from rebuttal.web.rates import Rates
from rebuttal.web.request import Request
from rebuttal.web.streams import Stream, Streams, abort_of
from rebuttal.web.visitors import Visitors

LOOK_EVERY = 10.0
"""Seconds between two looks whether whoever waits for a long answer may still have it."""
Make = Callable[[DebateApp], App]
SAFE = ("GET", "HEAD", "OPTIONS")
_BEARER = re.compile(r"Bearer +(\S{1,300})", re.IGNORECASE)
_LONG = re.compile(
    r"/v1/chat/completions|/mcp"
    r"|/api/v1/(chat|generate|load-model|models/pull|panels/[^/]+/ask"
    r"|debates/[^/]+/(events|live))"
)
"""What may take as long as a debate: counted as an event stream is."""


class Programs:
    """Finds out who a program is, counts what it asks, and hands it to the interface it asks for.

    ``makers`` are by prefix, as in ``/api/v1``; each is made when it is first asked for. It finds
    the visitor, or None, as ``rebuttal.visitor`` in the scope, and as ``rebuttal.again`` what finds
    out once more who it is, for answers that take long. ``rebuttal.count`` counts what comes over
    a socket as a request.
    """

    def __init__(
        self,
        app: DebateApp,
        visitors: Visitors,
        intake: bodies.Intake,
        streams: Streams,
        rates: Rates,
        makers: Mapping[str, Make],
        look_every: float = LOOK_EVERY,
    ) -> None:
        self._app = app
        self._visitors = visitors
        self._intake = intake
        self._streams = streams
        self._rates = rates
        self._makers = makers
        self._look_every = look_every
        self._made: dict[str, App] = {}

    def takes(self, path: str) -> bool:
        """Whether an interface is there."""
        return self._prefix(path) is not None

    async def serve(self, asked: Request) -> None:
        """Answer a request, of which the guard knows where it comes from."""
        self._rates.pass_network(asked.network, "api")
        visitor = await self._visitor(asked)
        asked.scope["rebuttal.visitor"] = asked.visitor = visitor
        asked.scope["rebuttal.again"] = partial(self._visitor, asked)
        asked.scope["rebuttal.count"] = partial(self._count, asked)
        asked.closed = True
        asked.who = (visitor.owner if visitor else "") or f"@{asked.network}"
        self._count_visitor(asked)
        is_socket = asked.scope["type"] == "websocket"
        receive = asked.receive
        if not is_socket and asked.method not in SAFE:
            body = await self._intake.read(asked.scope, asked.receive)
            if body is None:
                return
            receive = bodies.replayed(asked.scope, asked.receive, body)
        stream = Stream(asked.who, asked.network, abort_of(asked.scope))
        long = is_socket or _LONG.fullmatch(asked.path)
        async with self._held(asked, stream) if long else nullcontext():
            await self._interface(asked.path)(asked.scope, receive, asked.send)

    @asynccontextmanager
    async def _held(self, asked: Request, stream: Stream) -> AsyncIterator[None]:
        with self._streams.held(stream):
            looking = asyncio.create_task(self._look_after(asked, stream))
            try:
                yield
            finally:
                looking.cancel()

    async def _look_after(self, asked: Request, stream: Stream) -> None:
        """Cut the connection of who may be here no more, where their interface has not yet."""
        admitted = True
        while admitted:
            await asyncio.sleep(self._look_every)
            try:
                admitted = await self._visitor(asked) == asked.visitor
            except UnknownCaller:
                admitted = False
            except StoreError:
                continue  # nobody knows now; the next look will
        stream.abort()

    def _count(self, asked: Request) -> None:
        self._rates.pass_network(asked.network, "api")
        self._count_visitor(asked)

    def _count_visitor(self, asked: Request) -> None:
        if not (asked.visitor and asked.visitor.operator):
            self._rates.pass_visitor(asked.who, "api")

    def _interface(self, path: str) -> App:
        prefix = self._prefix(path)
        assert prefix is not None
        if prefix not in self._made:
            self._made[prefix] = self._makers[prefix](self._app)
        return self._made[prefix]

    def _prefix(self, path: str) -> str | None:
        return next((p for p in self._makers if path == p or path.startswith(f"{p}/")), None)

    async def _visitor(self, asked: Request) -> Visitor | None:
        """By a token, or by the cookie of the page from which a script asks; None for nobody."""
        alone = self._visitors.browsers is None
        secret = _secret(asked.scope)
        if secret is not None and (secret.startswith(PREFIX) or not alone):
            return await self._by_token(asked, secret)
        if asked.scope["type"] == "websocket" or asked.method not in SAFE:
            check_origin(asked.scope, asked.host)
        return OPERATOR if alone else self._visitors.identify(asked.scope, asked.network).visitor

    async def _by_token(self, asked: Request, secret: str) -> Visitor:
        try:
            visitor = await self._app.tokens.visitor(secret, asked.network)
            if not self._visitors.admits(visitor):
                raise ended()
        except NotAllowed as error:
            raise UnknownCaller(error.message, error.hint, is_wrong=True) from None
        return visitor


def _secret(scope: Scope) -> str | None:
    """The bearer's token of a request; None where there is none."""
    found = _BEARER.fullmatch(header(scope, b"authorization") or "")
    return found[1] if found else None

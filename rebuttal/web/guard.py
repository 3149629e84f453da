"""What stands in front of Gradio's app: every request passes here, and most of the rest is closed.

Gradio trusts whoever can reach it. The order below is the order of cost: what can be refused
without knowing who asks, or reading anything, is refused first.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from urllib.parse import quote

from uvicorn import Server

from rebuttal.app import DebateApp
from rebuttal.errors import RebuttalError
from rebuttal.records import Visitor
from rebuttal.web import bodies, routes
from rebuttal.web.asgi import (
    App,
    Message,
    Receive,
    Refused,
    Scope,
    Send,
    answer_json,
    answer_refused,
    answer_text,
)
from rebuttal.web.connections import Door, harden
from rebuttal.web.headers import AnswerHeaders
from rebuttal.web.health import Health
from rebuttal.web.hosts import Hosts, check_origin
from rebuttal.web.openai_api.errors import OPENAI, send_error
from rebuttal.web.ours import Ours
from rebuttal.web.peers import Peers
from rebuttal.web.problems import answer_problem, answer_words, problem_of, send_problem
from rebuttal.web.programs import Make, Programs
from rebuttal.web.rates import Rates
from rebuttal.web.request import Request
from rebuttal.web.sessions import Queue, Sessions
from rebuttal.web.streams import Stream, Streams, abort_of, impatient
from rebuttal.web.visitors import Visitors

log = logging.getLogger(__name__)

SWEEP = 5
"""Beats of the heart between two looks for tabs that have gone."""
HEALTH = "/healthz"
DOCS = "/api/v1/docs"
SAFE = ("GET", "HEAD")
DONE = {"success": True}


class Guard:
    """Makes an ASGI app that lets through what the page needs, from whom it may come.

    Build it before the server runs; ``live`` is to run beside it.
    """

    def __init__(
        self,
        app: DebateApp,
        visitors: Visitors,
        sign_in: App | None = None,
        environment: Mapping[str, str] = os.environ,
        programs: Mapping[str, Make] | None = None,
    ) -> None:
        settings = app.settings
        self._app = app
        self._visitors = visitors
        self._sign_in = sign_in
        self._hosts = Hosts(settings, environment)
        self._peers = Peers(settings, environment)
        self._headers = AnswerHeaders(settings, environment)
        self._rates = Rates(settings)
        self._streams = Streams(settings)
        self._intake = bodies.Intake(settings.max_body_kib * 1024)
        self._ours = Ours(app, visitors, self._intake, self._streams, self._rates)
        self._programs = Programs(
            app, visitors, self._intake, self._streams, self._rates, programs or {}
        )
        self._door = Door(None if self._peers.any else settings.connections_per_network)
        self._inner: App | None = None
        self._is_alone = False

    def stand_before(self, inner: App, queue: Queue) -> App:
        """The guarded app."""
        self._inner = inner
        self._queue = queue
        self._sessions = Sessions(self._app.settings, queue)
        self._health = Health(self._app, queue)
        return self

    def stand_alone(self, inner: App) -> App:
        """The guarded interfaces without a page; ``inner`` lives from the start to the end."""
        self._inner, self._is_alone = inner, True
        self._health = Health(self._app, None)
        return self

    def harden(self, server: Server) -> None:
        """Bound what a connection may cost that server, which runs already."""
        harden(server, self._door, message=self._app.settings.max_body_kib * 1024)

    def answer_to(self, host: str) -> None:
        """Answer to that name too: of the share link, which is known late."""
        self._hosts.add(host)

    async def live(self) -> None:
        """Feel the event loop's pulse and forget tabs that have gone; until cancelled."""
        while True:
            for _ in range(SWEEP):
                await self._health.beat()
            if not self._is_alone:
                await self._sessions.sweep()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._open_socket(scope, receive, send)
            return
        assert self._inner is not None
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        asked = Request(scope, receive, impatient(scope, send))
        asked.send = self._dressed(asked, asked.send)
        try:
            await self._serve(asked)
        except (Refused, RebuttalError) as error:
            await self._refuse(asked, error)

    async def _refuse(self, asked: Request, error: Refused | RebuttalError) -> None:
        """In the form that whoever asks can show."""
        scripted = routes.is_scripted(asked.path)
        if asked.path.startswith(OPENAI):
            await send_error(asked.send, error)
        elif routes.is_programs(asked.path):
            await send_problem(asked.send, problem_of(error))
        elif isinstance(error, Refused):
            await answer_refused(asked.send, error, scripted)
        else:
            await (answer_problem if scripted else answer_words)(asked.send, error)

    async def _open_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A socket of an interface for programs; there is none on the page."""
        asked = Request(scope, receive, impatient(scope, send))
        try:
            self._meet(asked)
            if not self._programs.takes(asked.path):
                self._rates.pass_network(asked.network, "api")
                raise Refused(404, "There is nothing here.")
            await self._programs.serve(asked)
        except (Refused, RebuttalError) as error:
            log.info("a socket was refused: %s", error)
            await receive()
            asked.send = self._dressed(asked, asked.send)
            await send_problem(_instead_of_a_socket(asked.send), problem_of(error))

    def _meet(self, asked: Request) -> None:
        """Find out where a request comes from, and whether it means us. Raises Refused."""
        self._hosts.check(asked.scope)
        peer = self._peers.read(asked.scope)
        asked.host = self._hosts.check(asked.scope)
        asked.network, asked.https = peer.network, peer.is_https

    def _dressed(self, asked: Request, send: Send) -> Send:
        """A send that puts our headers on the answer."""

        async def dressed(message: Message) -> None:
            if message["type"].endswith("http.response.start"):
                self._headers.put(
                    message,
                    keep=asked.keep,
                    https=asked.https,
                    cookie=asked.cookie,
                    closed=asked.closed,
                )
            await send(message)

        return dressed

    async def _serve(self, asked: Request) -> None:
        scope = asked.scope
        asked.sid = routes.take_sid(scope)  # first of all: no log may have it
        if scope["path"] == HEALTH and scope["method"] in SAFE:
            await self._say_health(asked)
            return
        self._meet(asked)
        host = asked.host
        if scope["path"] == "/robots.txt":
            self._rates.pass_network(asked.network, "asset")
            await answer_text(asked.send, 200, "User-agent: *\nDisallow: /\n")
            return
        if self._sign_in is not None and _signs_in(scope["path"]):
            await self._let_sign_in(asked, host)
            return
        if self._programs.takes(asked.path):
            scope["rebuttal.health"] = self._health
            await self._programs.serve(asked)
            return
        if self._is_alone:
            self._rates.pass_network(asked.network, "api")
            raise Refused(404, f"There is no page here. Programs find what there is at {DOCS}.")
        kind = routes.kind_of(scope)
        self._rates.pass_network(asked.network, kind)
        scope["query_string"] = routes.without_own_query(scope["query_string"])
        if kind == "asset":
            asked.keep = True
            await self._pass(asked)
            return
        if await self._ours.for_anybody(asked, kind):
            return
        if kind != "page":
            check_origin(scope, host)
        if kind == "start":
            await self._pass(asked)
            return
        if not await self._identify(asked, kind):
            return
        self._rates.pass_visitor(asked.who, kind)
        await self._admit(asked, kind)

    async def _identify(self, asked: Request, kind: routes.Kind) -> bool:
        """Find out who asks, for us and for the page. False where that was answered already."""
        scope = asked.scope
        identity = self._visitors.identify(scope, asked.network)
        asked.cookie = identity.set_cookie
        if identity.set_cookie:
            self._rates.pass_newcomer(asked.network)
        visitor = identity.visitor
        if visitor is None and kind == "page":
            if not self._visitors.must_sign_in:
                return True  # no browser's page open; it shows nothing of anybody
            await self._lead_to_sign_in(asked)
            return False
        if visitor is None:
            if await self._ours.for_newcomer(asked, kind):
                return False
            words = "Reload the page; this browser has to accept its cookie."
            raise Refused(401, "Sign in first." if self._visitors.must_sign_in else words)
        scope["rebuttal.visitor"] = visitor
        scope["rebuttal.keys"] = dict(identity.keys)
        asked.visitor, asked.who = visitor, _key(visitor, asked.network)
        return True

    async def _admit(self, asked: Request, kind: routes.Kind) -> None:
        if kind in ("call", "join"):
            await self._pass_call(asked, queued=kind == "join")
        elif kind == "cancel":
            await self._pass_cancellation(asked)
        elif kind == "reset":
            await answer_json(asked.send, 200, DONE)  # as Gradio does, which does nothing else
        elif kind == "stream":
            await self._pass_stream(asked)
        elif not await self._ours.for_visitor(asked, kind):
            await self._pass(asked)

    async def _pass(self, asked: Request, body: bytes = b"") -> None:
        assert self._inner is not None
        receive = bodies.replayed(asked.scope, asked.receive, body) if body else asked.receive
        await self._inner(asked.scope, receive, asked.send)

    async def _read(self, asked: Request, kind: type[bodies.Wish]) -> bodies.Wish | None:
        """What the request carries; None where the client has left. Raises Refused."""
        body = await self._intake.read(asked.scope, asked.receive)
        return None if body is None else bodies.parse(body, kind)

    async def _pass_call(self, asked: Request, queued: bool) -> None:
        """An event: for the queue, or beside it and answered at once."""
        call = await self._read(asked, bodies.Call)
        if call is None:
            return
        if not self._queue.takes(call.fn_index, len(call.data), queued):
            raise Refused(404, "The page has no such event; reload it.")
        if self._sessions.meet(call.session_hash, asked.who):
            self._rates.pass_network(asked.network, "tab")
            self._rates.pass_visitor(asked.who, "tab")
        if not queued:
            await self._pass(asked, bodies.write(call))
            return
        session = await self._sessions.join(call.session_hash, asked.who, asked.network)
        session.busy += 1
        try:
            await self._pass(asked, bodies.write(call))
        finally:
            session.busy -= 1

    async def _pass_cancellation(self, asked: Request) -> None:
        """The end of a listener; of one that is over already, or another's, nothing."""
        wish = await self._read(asked, bodies.Cancellation)
        if wish is None:
            return
        known = wish.event_id in self._queue.pending(wish.session_hash)
        if not known or self._sessions.is_foreign(wish.session_hash, asked.who):
            await answer_json(asked.send, 200, DONE)
            return
        await self._pass(asked, bodies.write(wish))

    async def _pass_stream(self, asked: Request) -> None:
        """What Gradio has to say to a tab, for as long as it has."""
        session_hash = routes.argument(asked.scope, "session_hash") or ""
        session = self._sessions.find(session_hash, asked.who)
        abort = abort_of(asked.scope)
        with self._streams.held(Stream(asked.who, asked.network, abort)):
            self._sessions.open(session, abort)
            try:
                await self._pass(asked)
            finally:
                await self._sessions.close(session)

    async def _let_sign_in(self, asked: Request, host: str) -> None:
        assert self._sign_in is not None
        self._rates.pass_network(asked.network, "call")
        if asked.scope["method"] not in SAFE:
            check_origin(asked.scope, host)
            body = await self._intake.read(asked.scope, asked.receive)
            if body is None:
                return
            asked.receive = bodies.replayed(asked.scope, asked.receive, body)
        asked.scope["rebuttal.network"] = asked.network
        await self._sign_in(asked.scope, asked.receive, asked.send)

    async def _lead_to_sign_in(self, asked: Request) -> None:
        query = asked.scope["query_string"].decode("latin-1")
        back = quote(f"/?{query}" if query else "/", safe="")
        where = [(b"location", f"/login?next={back}".encode()), (b"content-length", b"0")]
        await asked.send({"type": "http.response.start", "status": 303, "headers": where})
        await asked.send({"type": "http.response.body", "body": b""})

    async def _say_health(self, asked: Request) -> None:
        asked.network = self._peers.read(asked.scope).network
        self._rates.pass_network(asked.network, "look")
        well, report = await self._health.report()
        await answer_json(asked.send, 200 if well else 503, report)


def _instead_of_a_socket(send: Send) -> Send:
    """Says an answer of HTTP to somebody who wants a socket."""

    async def send_it(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    return send_it


def _key(visitor: Visitor, network: str) -> str:
    """What caps of a visitor count: without cookies, the network."""
    return visitor.owner or f"@{network}"


def _signs_in(path: str) -> bool:
    return path in ("/login", "/logout") or path.startswith("/login/")

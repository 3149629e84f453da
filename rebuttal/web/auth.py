"""Signing in and out: by name and password, or on a Space through Hugging Face."""

from __future__ import annotations

import asyncio
import os
import unicodedata
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from rebuttal.web.answers import page, safe_next, went
from rebuttal.web.attempts import Attempts, browser_lock, name_lock, network_lock
from rebuttal.web.hugging_face_sign_in import HuggingFaceSignIn
from rebuttal.web.sign_in_page import hugging_face_page, password_page, signed_in_page
from rebuttal.web.visitors import Visitors

AT_ONCE = 2
"""Passwords checked at once, 19 MiB each."""
WAITING = 8
FORM_BYTES = 4096

WRONG = "Name and password do not belong together."
TOO_MANY = "Too many wrong passwords. Try again in {} seconds."
BUSY = "Too many people are signing in at this moment. Try again in a few seconds."


class SignIn:
    """Answers the paths of signing in and out; none, where nobody does.

    The guard has refused what pages of other sites send, and says where a request comes from in
    ``scope["rebuttal.network"]``.
    """

    def __init__(
        self,
        visitors: Visitors,
        *,
        environment: Mapping[str, str] = os.environ,
        attempts: Attempts | None = None,
    ) -> None:
        self._visitors = visitors
        self._attempts = attempts or Attempts()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._checking = 0
        routes = []
        if visitors.sign_in:
            routes += [Route("/login", self._page, methods=["GET"])]
            routes += [Route("/logout", self._leaving, methods=["GET"])]
            routes += [Route("/logout", self._leave, methods=["POST"])]
        if visitors.sign_in == "password":
            routes += [Route("/login", self._enter, methods=["POST"])]
        if visitors.sign_in == "hugging_face":
            routes += HuggingFaceSignIn(visitors, environment).routes()
        self._router = Router(routes, redirect_slashes=False)
        self.paths = frozenset(route.path for route in routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        # Of the app behind the guard nothing shall count here.
        kept = {name: value for name, value in scope.items() if name not in ("app", "root_path")}
        await self._router(kept, receive, send)

    async def _page(self, request: Request) -> Response:
        session = self._visitors.session(request.scope)
        if session:
            return page(signed_in_page(session.name))
        wanted = safe_next(request.query_params.get("next", ""))
        show = password_page if self._visitors.sign_in == "password" else hugging_face_page
        return page(show(wanted))

    async def _leaving(self, request: Request) -> Response:
        session = self._visitors.session(request.scope)
        if session is None:
            return RedirectResponse("/", 303)
        return page(signed_in_page(session.name))

    async def _leave(self, request: Request) -> Response:
        header = await asyncio.to_thread(self._visitors.end, request.scope)
        return went("/", header)

    async def _enter(self, request: Request) -> Response:
        form = await _form(request)
        if form is None:
            return page(password_page("/", problem=WRONG), 400)
        wanted = safe_next(form.get("next", ""))
        name = unicodedata.normalize("NFC", form.get("name", "").strip())[:40]
        if self._checking >= AT_ONCE + WAITING:
            return page(password_page(wanted, name, BUSY), 429, 5)
        self._checking += 1
        try:
            return await self._checked(request, name, form.get("password", ""), wanted)
        finally:
            self._checking -= 1

    async def _checked(self, request: Request, name: str, password: str, wanted: str) -> Response:
        users = self._visitors.users
        assert users is not None
        ticket = self._visitors.ticket(request.scope)
        # Where the name has signed in before, only that browser's own failures count.
        known = ticket is not None and ticket.known == f"u:{name}"
        mine = browser_lock(ticket.id) if ticket and known else name_lock(name)
        locks = [mine] if known else [mine, network_lock(_network(request))]
        wait = self._attempts.begin(locks)
        if wait > 0:
            seconds = int(wait) + 1
            problem = TOO_MANY.format(seconds)
            return page(password_page(wanted, name, problem), 429, seconds)
        async with self._places:
            right = await asyncio.to_thread(users.check, name, password)
        if not right:
            return page(password_page(wanted, name, WRONG), 403)
        self._attempts.succeeded(mine, locks)
        mark = users.mark(name) or ""
        return went(wanted, self._visitors.begin(request.scope, f"u:{name}", name, mark)[1])


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a short form; None for what is none."""
    body = b""
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > FORM_BYTES:
                return None
    except ClientDisconnect:
        return None
    try:
        return dict(parse_qsl(body.decode("ascii"), errors="strict", max_num_fields=8))
    except ValueError:
        return None


def _network(request: Request) -> str:
    near = request.client.host if request.client else ""
    return str(request.scope.get("rebuttal.network", near))

"""A history in the address: ``/?sid=SECRET`` makes this browser one of those it belongs to."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rebuttal.app import DebateApp
from rebuttal.records import Visitor
from rebuttal.web.asgi import Headers, Refused, answer, header
from rebuttal.web.attempts import Attempts, Lock, network_lock
from rebuttal.web.cookie import Cookie, Sealed
from rebuttal.web.request import Request
from rebuttal.web.routes import SID_LONGEST
from rebuttal.web.sid_page import choice_page, wrong_page
from rebuttal.web.visitors import Visitors

LIFE = 600
"""Seconds in which one has to say whether to open it."""
_NOTHING_FORGIVEN = Lock("", 0)


class Pending(Sealed):
    """A history that its browser was asked about."""

    sid: Annotated[str, Field(min_length=1, max_length=SID_LONGEST)]


class SessionInAddress:
    """Answers ``/?sid=SECRET`` and ``/session``, where the browser is asked first.

    A browser that is new here, and whose person opened the address themselves, has the history at
    once. Any other is asked: it has debates of its own, or a page led it here,
    perhaps to have it write into a history that somebody else reads.
    """

    def __init__(
        self, app: DebateApp, visitors: Visitors, attempts: Attempts | None = None
    ) -> None:
        self._app = app
        self._visitors = visitors
        self._attempts = attempts or Attempts()
        browsers = None if visitors.must_sign_in else visitors.browsers
        self._browsers = browsers
        self._cookie = Cookie(Pending, browsers, LIFE) if browsers else None

    async def open(self, asked: Request) -> None:
        """Lead to the history, to the question, or to the words that there is none."""
        assert asked.sid is not None
        owner = await self._owner(asked.sid, asked)
        back = _home(asked)
        if owner is None or self._cookie is None or self._browsers is None:
            await _lead(asked, "/session")
            return
        mine = self._mine(asked)
        if mine and mine.owner == owner:
            await _lead(asked, back)
        elif _opened_by_hand(asked) and not await self._would_lose(asked, mine):
            await _lead(asked, back, self._visitors.bind(asked.scope, owner))
        else:
            pending = Pending(issued=self._browsers.now(), sid=asked.sid)
            await _lead(asked, "/session", self._cookie.header(pending, asked.scope))

    async def answer(self, asked: Request) -> None:
        """The question, and what follows from Yes."""
        pending = self._cookie.read(asked.scope) if self._cookie else None
        owner = await self._owner(pending.sid, asked) if pending else None
        if owner is None or self._cookie is None:
            await _show(asked, 404, wrong_page())
        elif asked.method == "POST":
            over = self._cookie.removal(asked.scope)
            await _lead(asked, "/", self._visitors.bind(asked.scope, owner), over)
        else:
            signed_in = self._visitors.session(asked.scope)
            lost = await self._has_debates(self._mine(asked))
            await _show(asked, 200, choice_page(lost, signed_in.name if signed_in else ""))

    async def _owner(self, sid: str, asked: Request) -> str | None:
        """Whose history it is. Guessing is slowed down as it is for passwords; raises Refused."""
        locks = [network_lock(asked.network)]
        wait = self._attempts.begin(locks)
        if wait > 0:
            seconds = int(wait) + 1
            raise Refused(429, f"Too many wrong addresses. Try again in {seconds} s.", seconds)
        owner = await self._app.links.session_owner(sid)
        if owner is not None:
            self._attempts.succeeded(_NOTHING_FORGIVEN, locks)
        return owner

    def _mine(self, asked: Request) -> Visitor | None:
        """Whom this browser was known as before."""
        if self._visitors.ticket(asked.scope) is None:
            return None
        return self._visitors.identify(asked.scope, asked.network).visitor

    async def _would_lose(self, asked: Request, mine: Visitor | None) -> bool:
        signed_in = self._visitors.session(asked.scope) is not None
        return signed_in or await self._has_debates(mine)

    async def _has_debates(self, visitor: Visitor | None) -> bool:
        if visitor is None:
            return False
        return bool(await self._app.debates(limit=1, visitor=visitor))


def _opened_by_hand(asked: Request) -> bool:
    """Whether no page led here; a browser that does not say so counts as led.

    Not even a page of ours: what is said in a debate may hold the link.
    """
    return header(asked.scope, b"sec-fetch-site") == "none"


def _home(asked: Request) -> str:
    query = asked.scope["query_string"].decode("latin-1")
    return f"/?{query}" if query else "/"


async def _lead(asked: Request, where: str, *cookies: bytes) -> None:
    headers: Headers = [
        (b"location", where.encode("latin-1")),
        *((b"set-cookie", cookie) for cookie in cookies),
    ]
    await answer(asked.send, 303, b"", headers)


async def _show(asked: Request, status: int, html: str) -> None:
    kind = (b"content-type", b"text/html; charset=utf-8")
    await answer(asked.send, status, html.encode("utf-8"), [kind])

"""What we answer ourselves beside Gradio's page: links, a history in the address, files."""

from __future__ import annotations

from urllib.parse import quote

from rebuttal.app import DebateApp
from rebuttal.web.asgi import answer_json
from rebuttal.web.bodies import Intake
from rebuttal.web.files import Files
from rebuttal.web.hosts import check_origin
from rebuttal.web.rates import Rates
from rebuttal.web.request import Request
from rebuttal.web.routes import Kind
from rebuttal.web.shared import Shared
from rebuttal.web.sid import SessionInAddress
from rebuttal.web.streams import Streams
from rebuttal.web.visitors import Visitors, opens_the_page


class Ours:
    """Asked by the guard, which has counted the request and knows where it comes from.

    Every method returns whether it has answered.
    """

    def __init__(
        self, app: DebateApp, visitors: Visitors, intake: Intake, streams: Streams, rates: Rates
    ) -> None:
        self._visitors = visitors
        self._rates = rates
        self._shared = Shared(app, intake, streams)
        self._files = Files(app, streams)
        self._session = SessionInAddress(app, visitors)

    async def for_anybody(self, asked: Request, kind: Kind) -> bool:
        """What needs no cookie: the page of a link, and a history in the address."""
        if asked.method == "POST" and kind in ("watch", "excerpt", "session"):
            check_origin(asked.scope, asked.host)
        asked.closed = kind in ("shared", "excerpt")
        if kind == "shared":
            await self._shared.file(asked)
        elif kind == "watch":
            await self._shared.watch(asked)
        elif kind == "excerpt":
            await self._shared.take(asked)
        elif kind == "session":
            await self._session.answer(asked)
        elif kind == "page" and asked.sid is not None and opens_the_page(asked.scope):
            await self._session.open(asked)
        else:
            return False
        return True

    async def for_newcomer(self, asked: Request, kind: Kind) -> bool:
        """Somebody unknown who wants a debate of their own: makes them known, or leads to sign in.

        Their page asks once more, which shows that the browser keeps its cookie.
        """
        if kind != "fork":
            return False
        where = {"again": "/shared/fork"}
        if self._visitors.must_sign_in:
            where = {"sign_in": f"/login?next={quote('/shared', safe='')}"}
        else:
            self._rates.pass_newcomer(asked.network)
            asked.cookie = self._visitors.welcome(asked.scope)
        words = "This browser has to accept its cookie."
        await answer_json(asked.send, 401, {"status": 401, "message": words, **where})
        return True

    async def for_visitor(self, asked: Request, kind: Kind) -> bool:
        """What is a visitor's own: files out and in, a debate that is taken over."""
        asked.closed = kind in ("export", "archive")
        if kind == "fork":
            await self._shared.fork(asked)
        elif kind == "export":
            await self._files.export(asked)
        elif kind == "archive":
            await self._files.archive(asked)
        elif kind == "import":
            await self._files.take_in(asked)
        else:
            return False
        return True

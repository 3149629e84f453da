"""The interface as one application: its routes, and how it refuses."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.requests import Request

from rebuttal.app import DebateApp
from rebuttal.errors import NotFound, RebuttalError
from rebuttal.records import Panel
from rebuttal.web.api.caller import checked
from rebuttal.web.asgi import App, Message, Receive, Refused, Scope, Send, answer
from rebuttal.web.openai_api.answering import answered
from rebuttal.web.openai_api.answers import (
    Head,
    send_stream,
    send_whole,
    to_the_admitted,
    unless_gone,
)
from rebuttal.web.openai_api.debating import debated
from rebuttal.web.openai_api.errors import NoRoute, send_error
from rebuttal.web.openai_api.names import meant, names
from rebuttal.web.openai_api.wish import read_wish
from rebuttal.web.problems import as_json

log = logging.getLogger(__name__)

MODELS = "/v1/models"
COMPLETIONS = "/v1/chat/completions"

Route = Callable[[Request, Send], Awaitable[None]]


def build_openai(app: DebateApp) -> App:
    """Everything below ``/v1``."""
    return OpenAI(app)


class OpenAI:
    """Serves what programs that speak to OpenAI ask for, and refuses the rest in their words."""

    def __init__(self, app: DebateApp) -> None:
        self._app = app
        self._created = int(time.time())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = False

        async def watched(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await self._route(scope)(Request(scope, receive), watched)
        except (RebuttalError, Refused) as error:
            await send_error(send, error)
        except Exception:
            # The boundary of the interface: a bug is told in words that its clients can read.
            log.exception("%s broke", scope["path"])
            if began:
                raise
            await send_error(send, RebuttalError("Rebuttal itself broke.", "Its log says where."))

    def _route(self, scope: Scope) -> Route:
        method, path = scope["method"], scope["path"]
        if method == "GET" and path == MODELS:
            return self._list
        if method == "GET" and path.startswith(f"{MODELS}/"):
            return self._tell
        if method == "POST" and path == COMPLETIONS:
            return self._complete
        raise NoRoute(
            f"There is nothing to {method} at {quote(path[:100])}.",
            f"There are GET {MODELS} and POST {COMPLETIONS}.",
        )

    async def _list(self, request: Request, send: Send) -> None:
        visitor = checked(request, "read")
        found = await names(self._app, visitor)
        data = [self._model(name, owner) for name, owner in found.items()]
        await _send_json(send, {"object": "list", "data": data})

    async def _tell(self, request: Request, send: Send) -> None:
        visitor = checked(request, "read")
        name = request.scope["path"].removeprefix(f"{MODELS}/")
        found = await names(self._app, visitor)
        if name not in found:
            raise NotFound(f"no model is called {name!r}", f"GET {MODELS} lists what there is.")
        await _send_json(send, self._model(name, found[name]))

    async def _complete(self, request: Request, send: Send) -> None:
        visitor = checked(request, "debate")
        wish = read_wish(await request.body())
        whom = await meant(self._app, wish.model, visitor)
        if isinstance(whom, Panel):
            pieces = debated(self._app, wish, whom, visitor)
        else:
            pieces = answered(self._app, wish, whom, visitor)
        head, pieces = Head(wish.model), to_the_admitted(request.scope, pieces)
        if wish.stream:
            answering = send_stream(send, head, pieces, counts=wish.counts)
        else:
            answering = send_whole(send, head, pieces)
        await unless_gone(request.receive, answering)

    def _model(self, name: str, owner: str) -> dict[str, object]:
        return {"id": name, "object": "model", "created": self._created, "owned_by": owner}


async def _send_json(send: Send, value: object) -> None:
    await answer(send, 200, as_json(value), [(b"content-type", b"application/json")])

"""Requests that come twice: under the same Idempotency-Key they are done once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Header, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from rebuttal.records import Visitor
from rebuttal.requests import LONGEST, Requests

NAME = "Idempotency-Key"
Key = Annotated[
    str | None,
    Header(
        alias=NAME,
        min_length=1,
        max_length=LONGEST,
        description="Any text that you use for this one request. Sent again with it, the same "
        "request is not done again: you get the answer of the first one.",
    ),
]


def repeatable() -> type[APIRoute]:
    """Routes that answer a POST with a known key as they did before, and share what they know.

    What was refused is forgotten, so that it can be mended and sent again under its key.
    """
    requests = Requests[Response]()

    class Repeatable(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handle_once(request: Request) -> Response:
                key = request.headers.get(NAME)
                visitor = request.scope.get("rebuttal.visitor")
                if not key or request.method != "POST" or not isinstance(visitor, Visitor):
                    return await handle(request)
                whose = f"{visitor.owner} {visitor.operator} {visitor.powers}"
                body = await request.body()
                about = hashlib.sha256(f"{request.url.path}\n".encode() + body).hexdigest()
                return await requests.once(whose, key, lambda: handle(request), about)

            return handle_once

    return Repeatable

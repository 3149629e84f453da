"""The few words of ASGI that the rooms here speak, and short answers of our own."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

Headers = Iterable[tuple[bytes, bytes]]


class Refused(Exception):
    """The request ends here with this status and these words.

    ``wait`` are seconds after which it may be sent again. The page shows the words as they are.
    """

    def __init__(self, status: int, words: str, wait: float = 0.0) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
        self.wait = wait


def header(scope: Scope, name: bytes) -> str | None:
    """The value of a request header, or None; of several the last, which the nearest hop wrote."""
    values = [value for key, value in scope["headers"] if key == name]
    return values[-1].decode("latin-1") if values else None


async def answer(send: Send, status: int, body: bytes, headers: Headers) -> None:
    """A whole answer."""
    length = (b"content-length", str(len(body)).encode())
    start = {"type": "http.response.start", "status": status, "headers": [*headers, length]}
    await send(start)
    await send({"type": "http.response.body", "body": body})


async def answer_text(send: Send, status: int, text: str) -> None:
    """A line of plain text."""
    await answer(send, status, text.encode(), [(b"content-type", b"text/plain; charset=utf-8")])


async def answer_json(send: Send, status: int, value: object, headers: Headers = ()) -> None:
    """A JSON value."""
    kind = (b"content-type", b"application/json")
    await answer(send, status, json.dumps(value).encode(), [kind, *headers])


async def answer_refused(send: Send, refused: Refused, as_json: bool) -> None:
    """The words, in the form that Gradio's script shows (``detail``, ``error``), or as text."""
    headers = [(b"connection", b"close")] if refused.status in (408, 413) else []
    if refused.wait:
        headers.append((b"retry-after", str(max(1, round(refused.wait))).encode()))
    if as_json:
        problem = {"title": refused.words, "detail": refused.words, "error": refused.words}
        await answer_json(send, refused.status, {"status": refused.status, **problem}, headers)
        return
    kind = (b"content-type", b"text/plain; charset=utf-8")
    await answer(send, refused.status, refused.words.encode(), [kind, *headers])

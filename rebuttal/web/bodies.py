"""What a request carries: counted while it comes in, and looked through before Gradio reads it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import Field, ValidationError

from rebuttal.records import Record
from rebuttal.web.asgi import Message, Receive, Refused, Scope, header

WITHIN = 30.0
"""Seconds in which a body must have come."""
TOGETHER = 32 * 1024 * 1024
"""Bytes of all bodies that are on the way at once."""
SMALL = 16 * 1024
"""Bytes that are always taken: what the page sends has rarely more."""
DEPTH = 8
ITEMS = 5000
"""Nesting and number of values in a call; the page's own stay below 4 and 200."""
SPARES = ("event_id", "oauth_token", "simple_format", "batched")
"""Fields of Gradio's that our page never fills; a caller's are not passed on."""

SessionHash = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{4,64}$")]
"""A tab's name for itself; not secret, so it proves nothing."""


class Call(Record):
    """What the page sends when something is pressed: the event, and the values of its inputs."""

    session_hash: SessionHash
    fn_index: Annotated[int, Field(ge=0, le=100_000)]
    data: Annotated[list[Any], Field(max_length=200)]
    event_data: Any = None
    trigger_id: int | None = None


class Cancellation(Record):
    """What the page sends to end a listener."""

    session_hash: SessionHash
    fn_index: Annotated[int, Field(ge=0, le=100_000)]
    event_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None


Wish = TypeVar("Wish", bound=Record)


class Intake:
    """Reads bodies: each bounded in bytes and seconds, and all that are on the way in bytes."""

    def __init__(self, size: int, within: float = WITHIN, together: int = TOGETHER) -> None:
        self._size = size
        self._within = within
        self._together = together
        self._held = 0

    async def read(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body; None where the client left. Raises Refused for too much or too slow."""
        told = header(scope, b"content-length")
        if told and (not told.isdigit() or len(told) > 15 or int(told) > self._size):
            raise self._too_much()
        body = bytearray()
        try:
            async with asyncio.timeout(self._within):
                return bytes(body) if await self._collect(receive, body) else None
        except TimeoutError:
            raise Refused(408, "The request took too long to come in.") from None
        finally:
            self._held -= len(body)

    async def _collect(self, receive: Receive, body: bytearray) -> bool:
        """Whether all of it came."""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return False
            piece = message.get("body", b"")
            body += piece
            self._held += len(piece)
            if len(body) > self._size:
                raise self._too_much()
            if len(body) > SMALL and self._held > self._together:
                raise Refused(503, "Too much is on its way here right now; try again soon.", 5)
            if not message.get("more_body"):
                return True

    def _too_much(self) -> Refused:
        return Refused(413, f"That is more than the {self._size // 1024} KiB that are taken here.")


def parse(body: bytes, kind: type[Wish]) -> Wish:
    """What the page asks for, or Refused."""
    value = _parse(body)
    if isinstance(value, dict) and kind is Call:
        value = {key: kept for key, kept in value.items() if key not in SPARES}
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise _malformed(error) from None


def write(call: Call | Cancellation) -> bytes:
    """What Gradio gets in place of the body: one reading of it, whatever the parser."""
    return json.dumps(call.model_dump()).encode("ascii")


def replayed(scope: Scope, receive: Receive, body: bytes) -> Receive:
    """A receive that first hands out that body; the scope is told its length."""
    kept = [p for p in scope["headers"] if p[0] not in (b"content-length", b"transfer-encoding")]
    scope["headers"] = [*kept, (b"content-length", str(len(body)).encode())]
    waiting = [body]

    async def receive_again() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return receive_again


def _parse(body: bytes) -> object:
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused(400, "That is not JSON.") from None
    for count, (_, depth) in enumerate(_walk(value, 1)):
        if depth > DEPTH or count > ITEMS:
            raise Refused(400, "That is nested deeper, or longer, than anything the page sends.")
    return value


def _walk(value: object, depth: int) -> Iterator[tuple[object, int]]:
    """Every value within, with its depth; not below what is too deep anyway."""
    left = [(value, depth)]
    while left:
        here, depth = left.pop()
        yield here, depth
        if depth > DEPTH:
            continue
        if isinstance(here, dict):
            left += [(item, depth + 1) for item in here.values()]
        elif isinstance(here, list):
            left += [(item, depth + 1) for item in here]


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _malformed(error: ValidationError) -> Refused:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"])[:60]
    return Refused(400, f"{field or 'body'}: {first['msg']}")

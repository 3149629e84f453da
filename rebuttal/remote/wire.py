"""Requests to another Rebuttal: deadlines, what breaks on the way, and records out of JSON."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any, TypeVar, cast

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError
from pydantic import TypeAdapter, ValidationError

from rebuttal.errors import Unreachable
from rebuttal.material import one_line
from rebuttal.remote.address import Address
from rebuttal.remote.problems import foreign, problem
from rebuttal.stores.base import no_debate

CONNECT, READ, WRITE = 10.0, 60.0, 30.0
"""Seconds."""
MOST_BYTES = 256 * 2**20
"""Of one answer; a debate may be long."""

MOST_OF_EVENT = 4 * 2**20
"""Characters of one event; a turn may be long."""
PLAIN = {"accept-encoding": "identity"}
"""A few packed bytes could unpack to any number before anybody counts them."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

_EVENT_ENDS = re.compile(r"\r\r|\n\n|\n\r\n|\r\n\r")

T = TypeVar("T")
Query = Mapping[str, str | int | bool | None]


class Wire:
    """One client, for requests below ``/api/v1``. Redirects are not followed: a token goes along.

    Proxies and certificates are those of the environment, but for this machine none is used.
    """

    def __init__(self, address: Address, token: str = "") -> None:
        self.base = address.base
        headers = {"user-agent": "rebuttal", "accept": "application/json", **PLAIN}
        if token:
            headers["authorization"] = f"Bearer {token}"
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(READ, connect=CONNECT, write=WRITE),
            trust_env=not address.here,
            follow_redirects=False,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def get(self, path: str, query: Query | None = None) -> bytes:
        """The body of an answer. One that was lost on its way is asked for again once."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        return await self._ask("GET", path, tries=2, params=given)

    async def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        """The body of an answer. A POST that was lost goes once more, under the key of the first,
        by which the other side knows it.
        """
        given: dict[str, Any] = {} if body is None else {"json": body}
        if method == "POST":
            given["headers"] = {"idempotency-key": secrets.token_urlsafe(16)}
        return await self._ask(method, path, tries=2 if method == "POST" else 1, **given)

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, *, silence: float = READ, **given: Any
    ) -> AsyncIterator[httpx.Response]:
        """An answer that goes on, checked to be no refusal. Nothing may be silent for longer."""
        timeout = httpx.Timeout(READ, connect=CONNECT, write=WRITE, read=silence)
        with _translated(self.base):
            async with self._client.stream(
                method, f"{self.base}/api/v1{path}", timeout=timeout, **given
            ) as answer:
                await _check(answer)
                yield answer

    async def _ask(self, method: str, path: str, *, tries: int, **given: Any) -> bytes:
        for left in range(tries - 1, -1, -1):
            try:
                async with self.stream(method, path, **given) as answer:
                    return await _read(answer)
            except Unreachable:
                if not left:
                    raise
                await asyncio.sleep(0.2)
        raise AssertionError("the last try ends it")


async def told(answer: httpx.Response) -> AsyncGenerator[ServerSentEvent, None]:
    """Server-sent events as they come. One that says ``error`` is raised as what it tells of."""
    bounded = cast(httpx.Response, _Bounded(answer))
    try:
        async with aclosing(EventSource(bounded).aiter_sse()) as events:
            async for event in events:
                if event.event == "error":
                    raise problem(0, event.data.encode())
                if event.data:
                    yield event
    except SSEError:
        raise foreign(answer.headers.get("content-type", "no event stream")) from None


class _Bounded:
    """What is read of an answer, as long as each event in it ends."""

    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer
        self.headers = answer.headers

    async def aiter_text(self) -> AsyncGenerator[str, None]:
        """Raises BrokenAnswer."""
        size, before = 0, ""
        async for text in self._answer.aiter_text():
            ends = _EVENT_ENDS.search(before + text)
            size, before = (0 if ends else size) + len(text), text[-3:]
            if size > MOST_OF_EVENT:
                raise foreign("an event without end")
            yield text


def path_of(debate_id: str, *rest: str) -> str:
    """Of something of a debate. Raises NotFound for what is no id of a debate or of a turn."""
    for part in (debate_id, *rest):
        if not _ID.fullmatch(part):
            raise no_debate(one_line(debate_id, 80))
    return "/".join(("/debates", debate_id, *rest))


def parse(kind: TypeAdapter[T], body: bytes | str) -> T:
    """What the JSON says, taken as strictly as our own files are. Raises BrokenAnswer."""
    try:
        return kind.validate_json(body, strict=True)
    except ValidationError as exc:
        error = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in error["loc"])
        raise foreign(f"{where}: {error['msg']}") from None


@contextmanager
def _translated(base: str) -> Iterator[None]:
    """Errors of httpx as ours; none of them shows a header, and so no token."""
    hint = "Is it running, and is that its address? It is started with: rebuttal serve"
    try:
        yield
    except httpx.ConnectError as exc:
        raise Unreachable(f"Rebuttal at {base}: {_reason(exc)}.", hint) from None
    except httpx.TimeoutException:
        raise Unreachable(f"Rebuttal at {base}: no answer in time.", hint) from None
    except httpx.TransportError as exc:
        said = one_line(str(exc), 120) or type(exc).__name__
        raise Unreachable(f"Rebuttal at {base}: the connection broke ({said}).", hint) from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError) as exc:
        raise foreign(type(exc).__name__) from None


def _reason(error: httpx.ConnectError) -> str:
    words = one_line(str(error), 160)
    if "CERTIFICATE" in words.upper():
        return words
    return "no connection" if "attempts failed" in words or not words else words


async def _check(answer: httpx.Response) -> None:
    """Raise the error that a refusal stands for, and for what would have to be unpacked."""
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise foreign("it is packed")
    if answer.is_success:
        return
    if answer.is_redirect:
        there = one_line(answer.headers.get("location", ""), 120)
        raise foreign(f"it sends on to {there}")
    body = await _read(answer)
    raise problem(answer.status_code, body, answer.headers.get("retry-after", ""))


async def _read(answer: httpx.Response) -> bytes:
    pieces, size = [], 0
    async for piece in answer.aiter_bytes():
        size += len(piece)
        if size > MOST_BYTES:
            raise foreign("an answer without end")
        pieces.append(piece)
    return b"".join(pieces)

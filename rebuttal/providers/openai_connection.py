"""A bounded connection of the openai client: deadlines, caps, headers, and its errors as ours."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

import httpx2
import openai

from rebuttal.errors import ModelError, RequestRejected, Unreachable
from rebuttal.providers.base import Gathering
from rebuttal.providers.failures import broken, unconnected
from rebuttal.providers.refusals import refused_inside, refused_status
from rebuttal.providers.upstream import RESUME, Upstream, no_key, unusable_key

MAX_LINE = 1 << 20
"""Bytes of one line of a stream; more is no chunk."""
MAX_ERROR = 1 << 16
"""Bytes read of the body of a refusal."""
HEAD = 2000
"""First bytes of an answer, kept to tell what it was if it was no stream."""

_CONNECT_WITHIN = 15.0
_HEADERS = ("host", "accept", "connection", "content-type", "content-length", "transfer-encoding")


class Overdue(Exception):
    """The meter's deadline has passed."""


class TooLong(Exception):
    """More bytes came than the meter allows."""


class Meter:
    """Bounds what one response may bring in time and bytes.

    ``deadline`` is a time of the running loop. It ends the reading however many bytes keep coming;
    whoever finds content in them moves it.
    """

    def __init__(self, deadline: float, max_bytes: int) -> None:
        self.deadline = deadline
        self.head = b""
        self.gathering: Gathering | None = None
        """Set once words come: how long they are left to gather before each read."""
        self._bytes_left = max_bytes
        self._line = 0
        self._watching = False

    async def watch(self, response: httpx2.Response) -> None:
        """Put the meter between ``response`` and its reader."""
        if response.headers.get("content-encoding", "identity") != "identity":
            raise TooLong("a compressed answer, though none was asked for")
        self._watching = True
        stream = cast(httpx2.AsyncByteStream, response.stream)
        response.stream = _Metered(stream, self, refusal=not response.is_success)

    async def read(self, read: Callable[[], Awaitable[bytes]]) -> bytes:
        """Read on once it is worth it, within the deadline of a body. Raises Overdue."""
        try:
            async with asyncio.timeout_at(self.deadline if self._watching else None):
                if self.gathering and (pause := self.gathering.pause):
                    await asyncio.sleep(pause)
                return await read()
        except TimeoutError:
            raise Overdue from None

    def count(self, data: bytes) -> None:
        """Take note of ``data``. Raises TooLong."""
        if len(self.head) < HEAD:
            self.head += data[: HEAD - len(self.head)]
        self._bytes_left -= len(data)
        newline = data.rfind(b"\n")
        self._line = len(data) + self._line if newline < 0 else len(data) - newline - 1
        if self._bytes_left < 0:
            raise TooLong("more bytes than any turn needs")
        if self._line > MAX_LINE:
            raise TooLong("one endless line")


class _Metered(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, meter: Meter, *, refusal: bool) -> None:
        self._stream = stream
        self._meter = meter
        self._refusal = refusal

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        async for data in self._stream:
            read += len(data)
            self._meter.count(data)
            yield data
            if self._refusal and read >= MAX_ERROR:
                return

    async def aclose(self) -> None:
        await self._stream.aclose()


@asynccontextmanager
async def connect(upstream: Upstream, meter: Meter) -> AsyncIterator[openai.AsyncOpenAI]:
    """A client of our own for one request. Leaving closes its connection.

    Redirects and retries are off. Of the headers only what the request needs goes out, so that
    nothing the environment holds for OpenAI reaches another host.
    """

    async def send_only_ours(request: httpx2.Request) -> None:
        kept = {name: request.headers[name] for name in _HEADERS if name in request.headers}
        if upstream.key:
            kept["authorization"] = f"Bearer {upstream.key}"
        kept |= {"accept-encoding": "identity", "user-agent": "rebuttal"}
        request.headers = httpx2.Headers(kept)
        request.extensions = {**request.extensions, "trace": remember}

    async def remember(event: str, info: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            opened.push_async_callback(info["return_value"].aclose)
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            _metered(info["return_value"], meter)

    http = httpx2.AsyncClient(
        verify=_certificates(upstream.address.startswith("https:")),
        trust_env=not upstream.is_local,
        follow_redirects=False,
        timeout=httpx2.Timeout(None, connect=_CONNECT_WITHIN),
        event_hooks={"request": [send_only_ours], "response": [meter.watch]},
    )
    # A task cancelled in the TLS handshake leaves the client with a socket it never closes.
    async with (
        AsyncExitStack() as opened,
        openai.AsyncOpenAI(
            api_key=upstream.key or "none",
            base_url=upstream.address,
            max_retries=0,
            http_client=http,
        ) as client,
    ):
        yield client


def _metered(stream: Any, meter: Meter) -> None:
    """Have the meter decide when the connection is read, and for how long.

    Only here is it known that nothing is left of what was read before: the client takes a body
    apart into the pieces that it was sent in.
    """
    read = stream.read

    async def metered(*arguments: Any, **named: Any) -> Any:
        return await meter.read(functools.partial(read, *arguments, **named))

    stream.read = metered


@functools.cache
def _certificates(needed: bool) -> ssl.SSLContext:
    """Made once, for reading certificates takes 30 ms; a plain address needs none."""
    return httpx2.create_ssl_context(verify=needed)


def check_key(upstream: Upstream, *, needed: bool) -> None:
    """Raises KeyRejected for a key that is missing or that no header may carry."""
    if not upstream.key:
        if needed:
            raise no_key(upstream)
    elif not all("!" <= character <= "~" for character in upstream.key):
        raise unusable_key(upstream)


def translate(exc: Exception, upstream: Upstream) -> ModelError:
    """Any error of the client, its transport or the bytes it read, as ours.

    Raise it outside of the ``except`` block: what it comes from may hold the key.
    """
    match exc:
        case ModelError():
            return exc
        case openai.APIStatusError():
            body = exc.response.text if exc.body is None else exc.body
            return refused_status(upstream, exc.status_code, body, exc.response.headers)
        case openai.APITimeoutError() | httpx2.TimeoutException():
            return Unreachable(
                upstream.says(f"no connection within {_CONNECT_WITHIN:g} s"),
                "Check the address in models.yaml, and the network.",
            )
        case openai.APIConnectionError() if exc.__cause__ is not None:
            return _of_transport(exc.__cause__, upstream)
        case openai.APIConnectionError():
            return unconnected(upstream, exc)
        case openai.APIError() if exc.body is not None:
            return refused_inside(upstream, exc.body)
        case httpx2.HTTPError() | OSError() | ExceptionGroup():
            return _of_transport(exc, upstream)
        case TooLong():
            return broken(upstream, f"sent {exc}")
        case UnicodeDecodeError():
            return broken(upstream, "sent bytes that are no text")
        case UnicodeEncodeError():
            return RequestRejected(upstream.says("the request holds characters that are no text"))
        case ValueError() | RecursionError():
            return broken(upstream, "sent data that cannot be read")
        case httpx2.InvalidURL():
            return RequestRejected(upstream.says(f"no address: {exc}"), "See models.yaml.")
    return broken(upstream, f"failed in an unexpected way ({type(exc).__name__})")


def _of_transport(exc: BaseException, upstream: Upstream) -> ModelError:
    """A server that hangs up is unreachable; one that does not speak HTTP is broken."""
    if isinstance(exc, httpx2.RemoteProtocolError):
        if "disconnected" in str(exc) or "peer closed" in str(exc):
            return Unreachable(upstream.says("the connection was cut"), RESUME)
        return broken(upstream, "did not answer in HTTP")
    if isinstance(exc, httpx2.DecodingError):
        return broken(upstream, "sent bytes that are no text")
    if isinstance(exc, httpx2.UnsupportedProtocol | httpx2.LocalProtocolError):
        return RequestRejected(upstream.says(f"cannot be asked: {exc}"), "See models.yaml.")
    return unconnected(upstream, exc)

"""Out and in by HTTP: a debate as a file, one's whole history as a zip, and both back again."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager

from rebuttal.app import DebateApp, ExportFormat
from rebuttal.errors import Busy
from rebuttal.records import Debate
from rebuttal.web.asgi import Message, Receive, Refused, Send, answer, answer_json, header
from rebuttal.web.request import Request
from rebuttal.web.streams import Stream, Streams, abort_of

KINDS: dict[str, bytes] = {
    "md": b"text/markdown; charset=utf-8",
    "txt": b"text/plain; charset=utf-8",
    "json": b"application/json",
    "html": b"text/html; charset=utf-8",
    "zip": b"application/zip",
}
AT_ONCE = 40
AT_ONCE_OF_NETWORK = 3
"""Visitors whose histories are on their way at once: of all, and of one network, which else could
keep everybody's waiting with a few that come in by the byte."""
SILENCE = 30.0
WITHIN = 900.0
"""Seconds between two pieces of an import, and for all of it."""
_PATH = re.compile(r"/debates/([A-Za-z0-9_-]{1,64})\.(md|txt|json|html)")
_NAMELESS = re.compile(r"[^a-z0-9]+")


class Files:
    """Answers ``/debates/ID.FORMAT``, ``/history.zip`` and ``/import``."""

    def __init__(self, app: DebateApp, streams: Streams) -> None:
        self._app = app
        self._streams = streams
        self._most = app.settings.max_import_kib * 1024
        self._busy: dict[str, str] = {}
        self._crowded = AT_ONCE_OF_NETWORK if app.settings.streams_per_network else AT_ONCE

    async def export(self, asked: Request) -> None:
        """One debate as a file."""
        found = _PATH.fullmatch(asked.path)
        assert found is not None
        assert asked.visitor is not None
        debate_id, format = found[1], _format(found[2])
        debate = await self._app.debate(debate_id, visitor=asked.visitor)
        text = await self._app.export(debate_id, format, visitor=asked.visitor)
        await attachment(asked.send, file_name(debate, format), text.encode("utf-8"))

    async def archive(self, asked: Request) -> None:
        """The whole history of whoever asks, written while it is read."""
        assert asked.visitor is not None
        stream = Stream(asked.who, asked.network, abort_of(asked.scope))
        with self._one_at_a_time(asked), self._streams.held(stream):
            async with aclosing(self._app.files.export_all(visitor=asked.visitor)) as pieces:
                piece = await anext(pieces)  # what is refused is refused before the answer begins
                headers = headers_of("rebuttal-history.zip")
                start = {"type": "http.response.start", "status": 200, "headers": headers}
                await asked.send(start)
                body = {"type": "http.response.body", "more_body": True}
                await asked.send({**body, "body": piece})
                async for piece in pieces:
                    await asked.send({**body, "body": piece})
                await asked.send({"type": "http.response.body", "body": b""})

    async def take_in(self, asked: Request) -> None:
        """A debate or a history that comes as the body of a request, counted while it comes."""
        assert asked.visitor is not None
        with self._one_at_a_time(asked):
            source = self._pieces(asked)
            try:
                async with aclosing(source):
                    ids = await self._app.files.import_(source, visitor=asked.visitor)
            except _Left:
                return
        await answer_json(asked.send, 200, {"debates": [*ids]})

    async def _pieces(self, asked: Request) -> AsyncGenerator[bytes, None]:
        """The body as it comes. Raises Refused for too much and too slow."""
        told = header(asked.scope, b"content-length") or ""
        if told.isdigit() and int(told[:15]) > self._most:
            raise self._too_much()
        size, until = 0, time.monotonic() + WITHIN
        while True:
            message = await _soon(asked.receive, until)
            if message["type"] == "http.disconnect":
                raise _Left
            piece: bytes = message.get("body", b"")
            size += len(piece)
            if size > self._most:
                raise self._too_much()
            yield piece
            if not message.get("more_body"):
                return

    def _too_much(self) -> Refused:
        kib = self._most // 1024
        return Refused(413, f"That is more than the {kib:,} KiB that one import may carry here.")

    @contextmanager
    def _one_at_a_time(self, asked: Request) -> Iterator[None]:
        """Raises Busy where the visitor moves a history already, or many do."""
        here = sum(network == asked.network for network in self._busy.values())
        if asked.who in self._busy or here >= self._crowded or len(self._busy) >= AT_ONCE:
            raise Busy("A history is on its way already.", "Try again when it is through.", 5)
        self._busy[asked.who] = asked.network
        try:
            yield
        finally:
            del self._busy[asked.who]


class _Left(Exception):
    """Whoever sent something is gone before the end of it."""


async def _soon(receive: Receive, until: float) -> Message:
    """The next piece. Raises Refused where the line is silent or the whole takes too long."""
    try:
        async with asyncio.timeout(min(SILENCE, until - time.monotonic())):
            return await receive()
    except TimeoutError:
        raise Refused(408, "The file took too long to come in.") from None


def file_name(debate: Debate, format: str) -> str:
    """A name that any system takes: the first words of the topic, in Latin letters."""
    words = _NAMELESS.sub("-", (debate.title or debate.topic).lower())[:60].strip("-")
    return f"{words or 'debate'}.{format}"


async def attachment(send: Send, name: str, body: bytes) -> None:
    """A file to keep: no browser shows it as a page of ours."""
    await answer(send, 200, body, headers_of(name))


def headers_of(name: str) -> list[tuple[bytes, bytes]]:
    """What says that an answer is a file of that name."""
    kind = KINDS[name.rpartition(".")[2]]
    disposition = f'attachment; filename="{name}"'.encode("ascii")
    return [(b"content-type", kind), (b"content-disposition", disposition)]


def _format(name: str) -> ExportFormat:
    formats: dict[str, ExportFormat] = {"md": "md", "txt": "txt", "json": "json", "html": "html"}
    return formats[name]

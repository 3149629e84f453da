"""The page of a read-only link: its files, the debate as it is spoken, and what one may take away.

The secret of a link stands behind the # of the address, which browsers do not send; the page's
script says it in the body of its requests. Whoever has it needs no cookie and no sign-in.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from rebuttal.app import DebateApp
from rebuttal.errors import NotFound, RebuttalError
from rebuttal.records import Id, Record, Visitor
from rebuttal.web import bodies
from rebuttal.web.asgi import Send, answer, answer_json
from rebuttal.web.files import attachment, file_name
from rebuttal.web.request import Request
from rebuttal.web.streams import Stream, Streams, abort_of

if TYPE_CHECKING:
    from rebuttal.web.feed import Feed, Piece

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
LOOKED_UP_EVERY = 2.5
"""Seconds between two looks whether the link still works, for those who read by it."""
READ_AGAIN_AFTER = 1.0
"""Seconds between two readings of a whole debate for one reader, however often it is rewound."""
AT_ONCE = 1
"""Debates that are rendered whole at once, beside everything else: a long one takes a second."""
QUIET = 10.0
"""Seconds after which a page hears a sign of life."""

Secret = Annotated[str, Field(min_length=1, max_length=200)]


class Watching(Record):
    """What the page sends to read along; ``after`` is the last turn that it has."""

    token: Secret
    after: Id | None = None


class Taking(Record):
    """What the page sends to take something away."""

    token: Secret
    format: Literal["md", "txt", "html"] = "md"


class Shared:
    """Answers the paths below ``/shared``."""

    def __init__(self, app: DebateApp, intake: bodies.Intake, streams: Streams) -> None:
        self._app = app
        self._intake = intake
        self._streams = streams
        self._files: dict[str, tuple[str, bytes]] = {}
        self._rendering = asyncio.Semaphore(AT_ONCE)

    async def file(self, asked: Request) -> None:
        """One of the page's files, the same for everybody."""
        if not self._files:
            self._files = await asyncio.to_thread(_files)
        kind, body = self._files[asked.path]
        asked.keep = asked.path != "/shared"
        headers = [(b"content-type", f"{kind}; charset=utf-8".encode())]
        if asked.keep:
            headers.append((b"cache-control", b"public, max-age=31536000, immutable"))
        await answer(asked.send, 200, b"" if asked.method == "HEAD" else body, headers)

    async def watch(self, asked: Request) -> None:
        """The debate as events, until the page closes or the link ends."""
        wish = await self._read(asked, Watching)
        if wish is None:
            return
        guest = await self._app.links.guest(wish.token)
        feed = await self._feed(guest)
        # By the network alone: whoever reads is nobody yet.
        with self._streams.held(Stream("", asked.network, abort_of(asked.scope))):
            await _send_events(asked, self._pieces(wish, guest, feed))

    async def _pieces(
        self, wish: Watching, guest: Visitor, feed: Feed
    ) -> AsyncGenerator[list[Piece], None]:
        """What to tell, merged as for any watcher; an empty list where nothing is new."""
        links = self._app.links
        try:
            yield await self._whole(feed, wish.after)
            read = time.monotonic()
            look = read + LOOKED_UP_EVERY
            async with aclosing(self._app.watch(guest.reads, feed.last, visitor=guest)) as batches:
                async for batch in batches:
                    pieces: list[Piece] = []
                    for event in batch:
                        news = feed.take(event)
                        if news is None:
                            await asyncio.sleep(read + READ_AGAIN_AFTER - time.monotonic())
                            feed, read = await self._feed(guest), time.monotonic()
                            news = await self._whole(feed)
                        pieces += news
                    yield pieces
                    if time.monotonic() >= look:
                        await links.guest(wish.token)
                        look = time.monotonic() + LOOKED_UP_EVERY
        except NotFound:
            yield [{"kind": "ended"}]
        except RebuttalError as error:
            log.info("a reader has to ask again: %s", error)

    async def fork(self, asked: Request) -> None:
        """Copy the debate into the history of whoever asks."""
        wish = await self._read(asked, Taking)
        if wish is None or asked.visitor is None:
            return
        copy = await self._app.links.fork(wish.token, visitor=asked.visitor)
        await answer_json(asked.send, 200, {"debate": copy})

    async def take(self, asked: Request) -> None:
        """What is shown, as a file."""
        wish = await self._read(asked, Taking)
        if wish is None:
            return
        guest = await self._app.links.guest(wish.token)
        debate, _ = await self._app.links.read(guest)
        text = await self._app.export(guest.reads, wish.format, visitor=guest)
        await attachment(asked.send, file_name(debate, wish.format), text.encode("utf-8"))

    async def _feed(self, guest: Visitor) -> Feed:
        from rebuttal.web.feed import Feed  # its parser takes 0.1 s: not before the page is up

        return Feed(*await self._app.links.read(guest))

    async def _whole(self, feed: Feed, after: str | None = None) -> list[Piece]:
        async with self._rendering:
            return await asyncio.to_thread(feed.whole, after)

    async def _read(self, asked: Request, kind: type[bodies.Wish]) -> bodies.Wish | None:
        body = await self._intake.read(asked.scope, asked.receive)
        return None if body is None else bodies.parse(body, kind)


def _files() -> dict[str, tuple[str, bytes]]:
    """What the page consists of, with its kind; the page names the others by what they hold."""
    from rebuttal.export.page import STYLE

    style = (STYLE + (HERE / "shared.css").read_text("utf-8")).encode()
    script = (HERE / "shared.js").read_bytes()
    page = (HERE / "shared.html").read_text("utf-8")
    mark = hashlib.sha256(style + script).hexdigest()[:12]
    return {
        "/shared": ("text/html", page.replace("MARK", mark).encode()),
        "/shared/page.css": ("text/css", style),
        "/shared/page.js": ("text/javascript", script),
    }


async def _send_events(asked: Request, batches: AsyncGenerator[list[Piece], None]) -> None:
    """Each batch as one event, until they end or the page is closed."""
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"x-accel-buffering", b"no"),
    ]
    await asked.send({"type": "http.response.start", "status": 200, "headers": headers})
    gone = asyncio.ensure_future(_gone(asked))
    told = time.monotonic()
    try:
        async with aclosing(batches) as pieces:
            async for batch in pieces:
                if gone.done():
                    return
                if batch or time.monotonic() - told > QUIET:
                    await _tell(asked.send, batch)
                    told = time.monotonic()
        await asked.send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()


async def _tell(send: Send, batch: list[Piece]) -> None:
    said = f"data: {json.dumps(batch, separators=(',', ':'))}\n\n" if batch else ":\n\n"
    await send({"type": "http.response.body", "body": said.encode("ascii"), "more_body": True})


async def _gone(asked: Request) -> None:
    while (await asked.receive())["type"] != "http.disconnect":
        pass

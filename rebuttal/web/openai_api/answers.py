"""Answers as OpenAI gives them: in one piece, or streamed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field

from rebuttal.errors import NotAllowed, RebuttalError
from rebuttal.records import new_id
from rebuttal.web.asgi import Receive, Scope, Send, answer
from rebuttal.web.openai_api.errors import error_of, send_error
from rebuttal.web.openai_api.pieces import AT_WORK, Piece, Pieces, Tokens
from rebuttal.web.problems import as_json

FIRST_WITHIN = 5.0
"""Seconds that a stream waits for its first word, so that what goes wrong at once has a status."""
LOOK_EVERY = 5.0
"""Seconds between two looks whether a token still works."""
QUIET = 10.0
"""Seconds after which who listens gets a sign of life."""


@dataclass(frozen=True)
class Head:
    """What every part of an answer says about it; ``model`` is the name that was asked."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{new_id()}")
    created: int = field(default_factory=lambda: int(time.time()))

    def value(self, kind: str, choices: list[object], **more: object) -> dict[str, object]:
        """As OpenAI has it."""
        said = {"id": self.id, "object": kind, "created": self.created, "model": self.model}
        return {**said, "choices": choices, **more}


async def unless_gone(receive: Receive, answering: Coroutine[None, None, None]) -> None:
    """Answer, and stop when the client has left."""
    work, gone = asyncio.create_task(answering), asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        work.cancel()
        await asyncio.wait({work, gone})
    if not work.cancelled():
        work.result()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def to_the_admitted(scope: Scope, pieces: Pieces) -> Pieces:
    """The same, as long as whoever asks may hear it: tokens are revoked, and users removed."""
    visitor, again = scope["rebuttal.visitor"], scope.get("rebuttal.again")
    looked = time.monotonic()
    async with aclosing(pieces) as said:
        async for piece in said:
            if again is not None and time.monotonic() - looked > LOOK_EVERY:
                if await again() != visitor:
                    raise NotAllowed("You may hear this no longer.", "Ask again with a new token.")
                looked = time.monotonic()
            yield piece


async def send_whole(send: Send, head: Head, pieces: Pieces) -> None:
    """All of it at once."""
    text, reasoning, last = list[str](), list[str](), Piece()
    try:
        async with aclosing(pieces) as said:
            async for last in said:
                text.append(last.text)
                reasoning.append(last.reasoning)
    except RebuttalError as error:
        await send_error(send, error)
        return
    message: dict[str, object] = {"role": "assistant", "content": "".join(text).strip()}
    if thought := "".join(reasoning).strip():
        message["reasoning_content"] = thought
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": last.finish}
    usage = (last.tokens or Tokens()).value
    whole = head.value("chat.completion", [choice], usage=usage)
    await answer(send, 200, as_json(whole), [(b"content-type", b"application/json")])


async def send_stream(
    send: Send,
    head: Head,
    pieces: Pieces,
    *,
    counts: bool,
    first: float = FIRST_WITHIN,
    quiet: float = QUIET,
) -> None:
    """Piece by piece. What goes wrong before the first one is an answer with its status."""
    stream = _Stream(send, head, counts)
    async with aclosing(_paced(pieces, first, quiet)) as said:
        try:
            async for piece in said:
                await stream.take(piece)
        except RebuttalError as error:
            await stream.fail(error)
            return
    await stream.end()


class _Stream:
    def __init__(self, send: Send, head: Head, counts: bool) -> None:
        self._send = send
        self._head = head
        self._counts = counts
        self._open = False

    async def take(self, piece: Piece | None) -> None:
        """``None``: nothing came for a while."""
        if piece is None or not self._open:
            await self._begin()
        if piece is None:
            await self._write(b": at work\n\n")
            return
        delta = {"reasoning_content": piece.reasoning} if piece.reasoning else {}
        if piece.text:
            delta["content"] = piece.text
        if delta or piece.finish:
            await self._chunk(delta, piece.finish)
        if piece.finish and self._counts:
            usage = (piece.tokens or Tokens()).value
            await self._data(self._head.value("chat.completion.chunk", [], usage=usage))

    async def fail(self, error: RebuttalError) -> None:
        """In mid-stream there is no status any more, and no regular end."""
        if self._open:
            await self._data(error_of(error)[1])
            await self._write(b"", last=True)
        else:
            await send_error(self._send, error)

    async def end(self) -> None:
        """The regular one."""
        await self._write(b"data: [DONE]\n\n", last=True)

    async def _begin(self) -> None:
        if self._open:
            return
        self._open = True
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-cache"),
            (b"x-accel-buffering", b"no"),
        ]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._chunk({"role": "assistant", "content": ""}, None)

    async def _chunk(self, delta: dict[str, str], finish: str | None) -> None:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        more: dict[str, object] = {"usage": None} if self._counts else {}
        await self._data(self._head.value("chat.completion.chunk", [choice], **more))

    async def _data(self, value: object) -> None:
        await self._write(b"data: " + as_json(value) + b"\n\n")

    async def _write(self, body: bytes, *, last: bool = False) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": not last})


async def _paced(pieces: Pieces, first: float, quiet: float) -> AsyncGenerator[Piece | None, None]:
    """What is said, without the pieces that say nothing; None where nothing came for a while."""
    heard: asyncio.Queue[Piece | None] = asyncio.Queue()
    speaking = asyncio.create_task(_hear(pieces, heard))
    patience = first
    try:
        while True:
            try:
                async with asyncio.timeout(patience):
                    piece = await heard.get()
            except TimeoutError:
                yield None
            else:
                if piece is None:
                    break
                yield piece
            patience = quiet
        await speaking
    finally:
        speaking.cancel()
        await asyncio.wait({speaking})


async def _hear(pieces: Pieces, heard: asyncio.Queue[Piece | None]) -> None:
    try:
        async with aclosing(pieces) as said:
            async for piece in said:
                if piece != AT_WORK:
                    heard.put_nowait(piece)
    finally:
        heard.put_nowait(None)

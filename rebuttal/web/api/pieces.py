"""Answers that come in pieces: as server-sent events, or in one once the last piece is there.

Pieces are pairs of a kind and a record; the last is the whole answer. Whoever leaves ends them.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Send

from rebuttal.errors import RebuttalError
from rebuttal.web.problems import Problem, as_json, problem_of

log = logging.getLogger(__name__)

QUIET = 10.0
"""Seconds after which a listener hears a sign of life."""
LEFT = 499
"""The status of an answer that nobody is there for any more."""

Kind = Literal["begun", "waiting", "delta", "discarded", "progress", "done"]
Piece = tuple[Kind, BaseModel]
Pieces = AsyncGenerator[Piece, None]


async def answered(request: Request, pieces: Pieces, *, stream: bool) -> Response:
    """The pieces as they come, or the last of them. Raises what they raise.

    Of a stream only what is raised before the first piece; what comes later is its last event.
    """
    if not stream:
        return await _whole(request, pieces)
    try:
        first = await anext(pieces)
    except BaseException:
        await pieces.aclose()
        raise
    return PieceStream(first, pieces)


def described(what: str) -> dict[int | str, dict[str, Any]]:
    """For the description of a route: that it can also answer in pieces."""
    said = f"{what} With `stream` as server-sent events: `event` is the kind, `data` JSON."
    content = {"text/event-stream": {"schema": {"type": "string"}}}
    return {200: {"description": said, "content": content}}


async def _whole(request: Request, pieces: Pieces) -> Response:
    reading = asyncio.create_task(_last(pieces))
    leaving = asyncio.create_task(_left(request.receive))
    try:
        await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            return Response(status_code=LEFT)
        _, answer = reading.result()
        return Response(answer.model_dump_json(), media_type="application/json")
    finally:
        reading.cancel()
        leaving.cancel()
        await asyncio.wait({reading, leaving})


async def _last(pieces: Pieces) -> Piece:
    last: Piece | None = None
    async with aclosing(pieces):
        async for piece in pieces:
            last = piece
    assert last is not None
    return last


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class PieceStream(StreamingResponse):
    """Server-sent events. Pieces are read in a task of its own, which ends with the connection."""

    def __init__(self, first: Piece, pieces: Pieces) -> None:
        super().__init__((), headers={"x-accel-buffering": "no"}, media_type="text/event-stream")
        self._pieces = pieces
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()
        self._lines.put_nowait(_event(*first))

    async def stream_response(self, send: Send) -> None:
        """Send what is read until the last piece has come."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        reading = asyncio.create_task(self._read())
        try:
            await send(start)
            while line := await self._line():
                await send({"type": "http.response.body", "body": line, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            # Not waited for: who leaves is cancelled over and over, and the task ends by itself.
            reading.cancel()

    async def _line(self) -> bytes:
        try:
            async with asyncio.timeout(QUIET):
                return await self._lines.get()
        except TimeoutError:
            return b":\n\n"

    async def _read(self) -> None:
        try:
            async with aclosing(self._pieces):
                async for piece in self._pieces:
                    self._lines.put_nowait(_event(*piece))
        except RebuttalError as error:
            self._fail(problem_of(error))
        except Exception:
            # The boundary of the task: without it a bug would look like a short answer.
            log.exception("an answer in pieces broke")
            self._fail(Problem(500, "broken", "Rebuttal itself broke.", "Its log says where."))
        finally:
            self._lines.put_nowait(b"")

    def _fail(self, problem: Problem) -> None:
        said = as_json(problem.value).decode()
        self._lines.put_nowait(f"event: error\ndata: {said}\n\n".encode())


def _event(kind: Kind, data: BaseModel) -> bytes:
    said = json.dumps(data.model_dump(mode="json"), separators=(",", ":"))
    return f"event: {kind}\ndata: {said}\n\n".encode()

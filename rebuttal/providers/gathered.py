"""Chunks that came in one read of a connection, handed on as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from rebuttal.providers.base import Chunk


async def gathered(chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[Chunk, None]:
    """The same words in fewer pieces: all that is there by the time that somebody asks.

    ``chunks`` are read by a task of their own, which ends, and closes them, with this generator.
    What they raise is raised behind the last words.
    """
    heard: asyncio.Queue[Chunk | None] = asyncio.Queue()

    async def read() -> None:
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    heard.put_nowait(chunk)
        finally:
            heard.put_nowait(None)

    reading = asyncio.create_task(read(), name="read an answer")
    try:
        while (chunk := await heard.get()) is not None:
            pieces = [chunk]
            while not heard.empty() and (chunk := heard.get_nowait()) is not None:
                pieces.append(chunk)
            yield _as_one(pieces)
            if chunk is None:
                break
        await reading
    finally:
        reading.cancel()
        await asyncio.wait([reading])


def _as_one(pieces: list[Chunk]) -> Chunk:
    if len(pieces) == 1:
        return pieces[0]
    text = "".join(piece.text for piece in pieces)
    reasoning = "".join(piece.reasoning for piece in pieces)
    return Chunk(text=text, reasoning=reasoning, usage=pieces[-1].usage)

"""What came in one read of a connection goes on as one piece, and nothing of it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from rebuttal.providers.base import Chunk
from rebuttal.providers.gathered import gathered
from rebuttal.records import Usage


async def test_what_is_there_goes_on_as_one_piece_and_what_comes_later_as_another() -> None:
    taken = asyncio.Event()

    async def read() -> AsyncGenerator[Chunk, None]:
        yield Chunk(reasoning="So. ")
        yield Chunk(text="Tea ")
        yield Chunk(text="keeps ", usage=Usage(completion_tokens=2))
        await taken.wait()
        yield Chunk(text="awake.", usage=Usage(completion_tokens=3))

    pieces = []
    async for piece in gathered(read()):
        pieces.append(piece)
        taken.set()
    assert pieces == [
        Chunk(text="Tea keeps ", reasoning="So. ", usage=Usage(completion_tokens=2)),
        Chunk(text="awake.", usage=Usage(completion_tokens=3)),
    ]


async def test_an_error_comes_behind_the_last_words() -> None:
    async def read() -> AsyncGenerator[Chunk, None]:
        yield Chunk(text="Half a ")
        raise ConnectionResetError("gone")

    pieces = gathered(read())
    assert (await anext(pieces)).text == "Half a "
    with pytest.raises(ConnectionResetError, match="gone"):
        await anext(pieces)


async def test_nothing_at_all_is_an_end() -> None:
    async def read() -> AsyncGenerator[Chunk, None]:
        for piece in list[Chunk]():
            yield piece

    assert [piece async for piece in gathered(read())] == []


@pytest.mark.parametrize("waits", [False, True], ids=["between two pieces", "while it waits"])
async def test_whoever_leaves_closes_what_was_read(waits: bool) -> None:
    closed = asyncio.Event()

    async def read() -> AsyncGenerator[Chunk, None]:
        try:
            yield Chunk(text="One ")
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def listen() -> None:
        async with aclosing(gathered(read())) as pieces:
            async for _ in pieces:
                if not waits:
                    return

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.05)
    if waits:
        assert not closed.is_set()
        listening.cancel()
        await asyncio.wait([listening])
    assert closed.is_set()
    assert [task.get_name() for task in asyncio.all_tasks()].count("read an answer") == 0

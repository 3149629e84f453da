"""Watching a debate at another Rebuttal, over connections that break and servers that restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import Annotated

from pydantic import Field, TypeAdapter

from rebuttal.errors import Busy, RebuttalError, ServerFailed, StoreError, Unreachable
from rebuttal.events import DebateEvent
from rebuttal.remote.wire import Wire, parse, path_of, told

PAUSES = (0.3, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each new try; what comes between two losses makes them begin anew."""
SILENCE = 45.0
"""Seconds after which a connection that says nothing, not even that it lives, is given up."""
WAKE_EVERY = 0.5
AHEAD = 1000
"""Events that may wait for whoever watches."""

EVENT: TypeAdapter[DebateEvent] = TypeAdapter(Annotated[DebateEvent, Field(discriminator="kind")])


async def watch(
    wire: Wire, debate_id: str, after: str | None, pauses: Sequence[float] = PAUSES
) -> AsyncGenerator[list[DebateEvent], None]:
    """See DebateApp.watch. Raises Unreachable when the last try has failed."""
    waiting: asyncio.Queue[DebateEvent] = asyncio.Queue(AHEAD)
    reading = asyncio.create_task(_read(wire, debate_id, after, waiting, pauses))
    try:
        while True:
            batch = await _batch(waiting, reading)
            if not batch and reading.done():
                reading.result()
            yield batch
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError, RebuttalError):
            await reading


async def _batch(
    waiting: asyncio.Queue[DebateEvent], reading: asyncio.Task[None]
) -> list[DebateEvent]:
    """What is there, or the first that comes soon, or nothing."""
    if waiting.empty() and not reading.done():
        first = asyncio.create_task(waiting.get())
        try:
            await asyncio.wait(
                (first, reading), timeout=WAKE_EVERY, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            first.cancel()
        batch = [first.result()] if first.done() and not first.cancelled() else []
    else:
        batch = []
    while not waiting.empty():
        batch.append(waiting.get_nowait())
    return batch


async def _read(
    wire: Wire,
    debate_id: str,
    after: str | None,
    waiting: asyncio.Queue[DebateEvent],
    pauses: Sequence[float],
) -> None:
    """Read until cancelled; what was missed while there was no connection is sent then.

    A connection that is lost before anything came is not made again.
    """
    seen, tries = "", 0
    while True:
        lost: RebuttalError = Unreachable(
            f"Rebuttal at {wire.base} has closed the connection.",
            "What it was doing goes on there, if it runs.",
        )
        try:
            async with aclosing(_events(wire, debate_id, after, seen)) as events:
                async for place, event in events:
                    await waiting.put(event)
                    seen, tries = place, 0
        except (Unreachable, ServerFailed, StoreError, Busy) as error:
            lost = error
        if tries == len(pauses) or not seen:
            raise lost
        await asyncio.sleep(pauses[tries])
        tries += 1


async def _events(
    wire: Wire, debate_id: str, after: str | None, seen: str
) -> AsyncGenerator[tuple[str, DebateEvent], None]:
    """Of one connection, each with the id that a later one goes on from."""
    headers = {"accept": "text/event-stream", "cache-control": "no-store"}
    if seen:
        headers["last-event-id"] = seen
    params = {"after": after} if after else {}
    async with (
        wire.stream(
            "GET", path_of(debate_id, "events"), silence=SILENCE, headers=headers, params=params
        ) as answer,
        aclosing(told(answer)) as events,
    ):
        async for one in events:
            yield one.id, parse(EVENT, one.data)

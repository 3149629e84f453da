"""A debate as server-sent events, each with the place from which one can go on."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from starlette.requests import HTTPConnection
from starlette.responses import StreamingResponse

from rebuttal.app import DebateApp
from rebuttal.errors import NotAllowed, RebuttalError
from rebuttal.records import Visitor
from rebuttal.web.api.position import Follower, Position
from rebuttal.web.problems import problem_of

QUIET = 10.0
"""Seconds after which a listener hears a sign of life."""
LOOK_EVERY = 5.0
"""Seconds between two looks whether the debate and the right to hear it are still there."""
AGAIN_AFTER = 1000
"""Milliseconds after which one who lost the connection shall ask again."""

Still = Callable[[], Awaitable[None]]


async def stream(
    app: DebateApp,
    debate_id: str,
    visitor: Visitor,
    connection: HTTPConnection,
    start: Position,
    to_rest: bool = False,
) -> StreamingResponse:
    """The answer to somebody who listens, and is there already. Raises NotFound."""
    await app.debate(debate_id, visitor=visitor)
    check = still(app, debate_id, connection)
    said = told(app, debate_id, visitor, Follower(start), check, to_rest=to_rest)
    headers = {"x-accel-buffering": "no"}
    return StreamingResponse(said, headers=headers, media_type="text/event-stream")


def place(last_event_id: str | None, after: str | None) -> Position:
    """Where somebody is who says so. Raises InvalidInput."""
    return Position.read(last_event_id) if last_event_id else Position(after or "")


async def told(
    app: DebateApp,
    debate_id: str,
    visitor: Visitor,
    follower: Follower,
    check: Still,
    quiet: float = QUIET,
    look_every: float = LOOK_EVERY,
    to_rest: bool = False,
) -> AsyncGenerator[bytes, None]:
    """What goes over the line, until whoever listens leaves or may hear it no longer."""
    yield f"retry: {AGAIN_AFTER}\n\n".encode()
    spoke = looked = time.monotonic()
    try:
        after = follower.position.last or None
        async with aclosing(app.watch(debate_id, after, visitor=visitor)) as batches:
            async for batch in batches:
                for place, event in follower.take(batch):
                    data = event.model_dump_json()
                    yield f"id: {place}\nevent: {event.kind}\ndata: {data}\n\n".encode()
                    spoke = time.monotonic()
                if time.monotonic() - spoke > quiet:
                    yield b":\n\n"
                    spoke = time.monotonic()
                if time.monotonic() - looked > look_every:
                    await check()
                    looked = time.monotonic()
                if to_rest and batch and await app.state(debate_id, visitor=visitor) != "running":
                    return
    except RebuttalError as error:
        yield f"event: error\ndata: {json.dumps(problem_of(error).value)}\n\n".encode()


def still(app: DebateApp, debate_id: str, connection: HTTPConnection) -> Still:
    """Raises where the debate is gone meanwhile, or who listens may do so no more."""

    async def check() -> None:
        await admitted(connection)
        await app.state(debate_id, visitor=connection.scope["rebuttal.visitor"])

    return check


async def admitted(connection: HTTPConnection) -> None:
    """Raises where whoever came may be here no more: tokens are revoked, and end."""
    again: Callable[[], Awaitable[Visitor | None]] | None = connection.scope.get("rebuttal.again")
    if again is not None and await again() != connection.scope["rebuttal.visitor"]:
        raise NotAllowed("You may hear this no longer.", "Ask again with a token that works.")

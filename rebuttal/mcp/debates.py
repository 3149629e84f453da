"""Tools that begin, follow, stop and find debates."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Annotated

import anyio
from pydantic import Field

from rebuttal.app import DebateApp
from rebuttal.errors import RebuttalError
from rebuttal.events import DebateFinished, DebatePaused
from rebuttal.line import turns_owed
from rebuttal.mcp.answers import (
    Begun,
    Hits,
    Stopped,
    Transcript,
    hits,
    problem_of,
    speakers,
    speeches,
)
from rebuttal.mcp.caller import Call, Caller, check_power
from rebuttal.mcp.progress import Progress
from rebuttal.records import Search, Seat, Visitor

Topic = Annotated[str, Field(description="What to argue about, best as a question.")]
Seats = Annotated[
    list[Seat],
    Field(
        description="Who debates: 2 to 6 seats (1 only answers). 'persona' is a key of "
        "list_personas, 'model' a name of list_models. 'stance' is what the seat defends; without "
        "it the first is for, the second against.",
        min_length=1,
        max_length=6,
    ),
]
Rounds = Annotated[int, Field(description="Turns of every seat.", ge=1)]
Language = Annotated[str, Field(description="The language they speak.")]
DebateId = Annotated[str, Field(description="As start_debate or search_debates gave it.")]
After = Annotated[
    str | None,
    Field(description="A turn_id: give only what was said after it. Without it: everything."),
]
Seconds = Annotated[
    float,
    Field(description="Answer after so long at the latest, with what was said by then.", gt=0),
]
LONGEST_WAIT = 600.0
"""Seconds."""


class Debates:
    """Every tool asks first who calls."""

    def __init__(self, app: DebateApp, caller: Caller) -> None:
        self._app = app
        self._caller = caller

    async def start_debate(
        self,
        call: Call,
        topic: Topic,
        seats: Seats,
        rounds: Rounds = 2,
        language: Language = "English",
    ) -> Begun:
        """Let language models debate a topic, each from a stance of its own.

        Answers at once with the debate's id, and the debate goes on by itself: call
        wait_for_debate next. It pauses when nobody waits for it for a minute.
        """
        visitor = self._caller(call)
        check_power(visitor, "debate")
        debate_id = await self._app.start(
            topic, seats, rounds=rounds, language=language, visitor=visitor
        )
        debate = await self._app.debate(debate_id, visitor=visitor)
        return Begun(debate_id=debate_id, debaters=speakers(debate.debaters))

    async def wait_for_debate(
        self, call: Call, debate_id: DebateId, seconds: Seconds = 50, after: After = None
    ) -> Transcript:
        """Follow a debate until it is over, and give what was said; a paused one goes on first.

        While the state is 'running', call it again, with the last turn_id as 'after'. Cancelling
        this call stops the debate; what was said is kept.
        """
        visitor = self._caller(call)
        check_power(visitor, "read")
        check_power(visitor, "debate")
        state, problem = await self._app.state(debate_id, visitor=visitor), ""
        if state in ("paused", "interrupted"):
            await self._app.resume(debate_id, visitor=visitor)
        if state != "finished":
            async with self._stopped_if_cancelled(debate_id, visitor):
                problem = await self._follow(call, debate_id, seconds, visitor)
        return await self._transcript(debate_id, after, problem, visitor)

    async def read_debate(self, call: Call, debate_id: DebateId, after: After = None) -> Transcript:
        """Read what was said in a debate so far, without waiting."""
        visitor = self._caller(call)
        check_power(visitor, "read")
        return await self._transcript(debate_id, after, "", visitor)

    async def stop_debate(self, call: Call, debate_id: DebateId) -> Stopped:
        """Stop a debate at once; what was said is kept, and wait_for_debate goes on with it."""
        visitor = self._caller(call)
        check_power(visitor, "debate")
        await self._app.stop(debate_id, visitor=visitor)
        state = await self._app.state(debate_id, visitor=visitor)
        return Stopped(debate_id=debate_id, state=state)

    async def search_debates(
        self,
        call: Call,
        text: Annotated[
            str, Field(description="Words that all occur; empty for the latest.", max_length=400)
        ] = "",
        model: Annotated[str | None, Field(description="Who spoke in it.")] = None,
        persona: Annotated[str | None, Field(description="By its key.")] = None,
        finished: Annotated[bool | None, Field(description="Over, or not.")] = None,
        limit: Annotated[int, Field(description="At most so many.", ge=1, le=100)] = 20,
        more: Annotated[str | None, Field(description="As the last answer gave it.")] = None,
    ) -> Hits:
        """Find debates of earlier days by their words, model or persona; the latest come first."""
        visitor = self._caller(call)
        check_power(visitor, "read")
        search = Search(text=text, model=model, persona=persona, finished=finished)
        return hits(await self._app.history.find(search, more, limit, visitor=visitor))

    async def _follow(self, call: Call, debate_id: str, seconds: float, visitor: Visitor) -> str:
        """Tell of it until it rests or that long; why it waits then, or empty."""
        debate = await self._app.debate(debate_id, visitor=visitor)
        turns = await self._app.transcript(debate_id, visitor=visitor)
        progress = Progress(call, turns_owed(debate, turns), debate.debaters)
        until = time.monotonic() + min(seconds, LONGEST_WAIT)
        watched = self._app.watch(debate_id, turns[-1].id, visitor=visitor)
        async with aclosing(watched) as batches:
            async for batch in batches:
                for event in batch:
                    await progress.tell(event)
                    if isinstance(event, DebatePaused):
                        return problem_of(event)
                    if isinstance(event, DebateFinished):
                        return ""
                if time.monotonic() > until:
                    break
        return ""

    async def _transcript(
        self, debate_id: str, after: str | None, problem: str, visitor: Visitor
    ) -> Transcript:
        state = await self._app.state(debate_id, visitor=visitor)
        debate = await self._app.debate(debate_id, visitor=visitor)
        turns = await self._app.transcript(debate_id, visitor=visitor)
        known = next((at + 1 for at, turn in enumerate(turns) if turn.id == after), 0)
        return Transcript(
            debate_id=debate_id,
            topic=debate.topic,
            state=state,
            problem=problem,
            debaters=speakers(debate.debaters),
            turns=speeches(debate, turns)[known:],
        )

    @asynccontextmanager
    async def _stopped_if_cancelled(self, debate_id: str, visitor: Visitor) -> AsyncIterator[None]:
        try:
            yield
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True), suppress(RebuttalError):
                await self._app.stop(debate_id, visitor=visitor)
            raise

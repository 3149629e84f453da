"""A model that several endpoints have: the least busy healthy one speaks."""

from __future__ import annotations

import asyncio
import copy
import math
import re
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from rebuttal.errors import (
    BrokenAnswer,
    ContextOverflow,
    KeyRejected,
    ModelError,
    ModelMissing,
    QuotaExhausted,
    RateLimited,
    ServerFailed,
    Unreachable,
)
from rebuttal.providers.base import Chunk, Limits, Message, Options
from rebuttal.providers.retries import patience
from rebuttal.providers.station import Member

MOST_KEPT = 1000
"""Conversations whose endpoint is remembered; with more, those that rested longest are not."""
KEPT_FOR = 300.0
"""Seconds after its last turn for which a conversation's endpoint is remembered, about as long as
servers hold a cache; then the order of preference counts again."""
MUCH_BUSIER = 2
"""Requests that an endpoint may have beyond the least busy one, and still keep a conversation."""
CONTEXT_WITHIN = 1.0
"""Seconds that a turn waits for endpoints to tell their context, once one has."""

_MOVING = (
    *(Unreachable, RateLimited, ServerFailed, QuotaExhausted),
    *(KeyRejected, ModelMissing, BrokenAnswer),
)
"""What another endpoint may not have."""
_PLACE = re.compile(r"^(?:'[^']*'|\"[^\"]*\") at \S+: ")
"""How the errors of an endpoint begin; where its name stands before them, they need not."""


class Pool:
    """A ChatModel over the same model at several endpoints, in the order of preference.

    A request goes to the ready one with the fewest requests of ours; a conversation keeps to the
    one that it had before, for its prompt may be in that one's cache. What fails before the first
    token moves on at once. Members make no tries of their own.
    """

    def __init__(
        self,
        members: Sequence[Member],
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._members = tuple(members)
        self._limits = limits
        self._clock = clock
        self._contexts: dict[str, int] = {}
        self._kept: dict[int, tuple[str, float]] = {}

    async def context(self) -> int:
        """The least that an endpoint has, so that every one may be asked.

        One that does not tell in time counts as it was; what nobody knows is looked at before a
        turn is asked for there.
        """
        members = [member for member in self._members if member.ready]
        if not members and not self._contexts:
            members = list(self._members)
        problems = list[ModelError]()
        telling = [asyncio.create_task(self._learn(member, problems)) for member in members]
        try:
            if telling:
                await asyncio.wait(telling, timeout=CONTEXT_WITHIN)
            if not self._contexts:
                await asyncio.gather(*telling)
        finally:
            for task in telling:
                task.cancel()
            await asyncio.gather(*telling, return_exceptions=True)
        if not self._contexts:
            raise problems[0]
        return min(self._contexts.values())

    async def _learn(self, member: Member, problems: list[ModelError]) -> None:
        try:
            self._contexts[member.name] = await member.chat.context()
        except ModelError as problem:
            member.failed(problem)
            problems.append(problem)

    async def stream(
        self, messages: Sequence[Message], options: Options
    ) -> AsyncGenerator[Chunk, None]:
        """Speak; see ChatModel. Where it does not go to the first endpoint, it says so."""
        search = _Search(self, _beginning(messages), self._limits)
        while True:
            async with aclosing(search.rest()) as waits:
                async for chunk in waits:
                    yield chunk
            member = self.choose(search.beginning, search.out)
            yield search.asking(member)
            try:
                with member.asked() as asking:
                    await self._check_context(member)
                    async with aclosing(member.chat.stream(messages, options)) as chunks:
                        async for chunk in chunks:
                            asking.take(chunk)
                            yield chunk
                return
            except ModelError as exc:
                problem = exc
            if asking.spoke or not isinstance(problem, _MOVING):
                raise problem
            search.failed(member, problem)

    @property
    def members(self) -> tuple[Member, ...]:
        """In the order of preference."""
        return self._members

    def choose(self, beginning: int, out: Sequence[Member]) -> Member:
        """The one that the conversation had, if it is ready and not much busier.

        Else the least busy; where none is ready, the one whose rest is over first.
        """
        left = [member for member in self._members if member not in out]
        ready = [member for member in left if member.ready]
        ready = [member for member in ready if not member.spare] or ready
        if ready:
            chosen = min(ready, key=lambda member: member.station.busy)
            before = next((member for member in ready if self._had(beginning, member)), chosen)
            if before.station.busy <= chosen.station.busy + MUCH_BUSIER:
                chosen = before
        else:
            chosen = min(left, key=lambda member: member.rest)
        for member in left:
            if member is not chosen:
                member.station.probe()
        self._keep(beginning, chosen)
        return chosen

    def _had(self, beginning: int, member: Member) -> bool:
        """Whether the conversation spoke through that one, not long ago."""
        name, at = self._kept.get(beginning, ("", 0.0))
        return name == member.name and self._clock() - at < KEPT_FOR

    def _keep(self, beginning: int, member: Member) -> None:
        self._kept.pop(beginning, None)
        self._kept[beginning] = member.name, self._clock()
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]

    async def _check_context(self, member: Member) -> None:
        """Raises ContextOverflow where a view was made for more than this one has."""
        if not self._contexts or member.name in self._contexts:
            return
        promised = min(self._contexts.values())
        self._contexts[member.name] = here = await member.chat.context()
        if here < promised:
            raise ContextOverflow(
                f"{member.name} takes {here} tokens where others take {promised}.",
                "Fewer rounds or shorter turns help.",
                allowed=here,
            )


class _Search:
    """Who is asked for one turn: those who failed are left out, then asked once more."""

    def __init__(self, pool: Pool, beginning: int, limits: Limits) -> None:
        self.beginning = beginning
        self.out: list[Member] = []
        self._pool = pool
        self._limits = limits
        self._clock = asyncio.get_running_loop().time
        self._ends = self._clock() + limits.turn
        self._problems: dict[str, ModelError] = {}
        self._untold: tuple[Member, ModelError] | None = None
        self._rounds = 0

    def failed(self, member: Member, problem: ModelError) -> None:
        """Look elsewhere."""
        self.out.append(member)
        self._problems.pop(member.name, None)
        self._problems[member.name] = problem
        self._untold = member, problem

    def asking(self, member: Member) -> Chunk:
        """What is said before that one is asked."""
        first, told, words = self._pool.members[0], self._untold, ""
        if told:
            words = f"{told[0].name}: {_why(told[1])}; asking {member.name}"
        elif member is not first:
            words = f"asking {member.name}" + ("" if first.ready else f", for {first.name} rests")
        self._untold = None
        return Chunk(waiting=words, problem=told[1] if told else None, endpoint=member.name)

    async def rest(self) -> AsyncGenerator[Chunk, None]:
        """Wait where that is all there is to do. Raises the ModelError where nothing is."""
        left = [member for member in self._pool.members if member not in self.out]
        wait, words = self._wish(left) if left else self._again()
        if wait is not None and self._clock() + wait < self._ends:
            yield Chunk(waiting=words, problem=self._untold[1] if self._untold else None)
            self._untold = None
            await asyncio.sleep(wait)
        elif not left:
            raise self._failure()

    def _wish(self, left: Sequence[Member]) -> tuple[float | None, str]:
        """Seconds that all who are left asked to be left alone."""
        soonest = min(left, key=lambda member: member.rest)
        wish = soonest.station.breaker.wish
        if not 0 < wish <= self._limits.longest_wait or any(member.ready for member in left):
            return None, ""
        return wish, f"waiting {math.ceil(wish)} s, as {soonest.name} asked"

    def _again(self) -> tuple[float | None, str]:
        """Seconds until the next round, for those of whom it is worth it."""
        waits = {
            name: wait
            for name, problem in self._problems.items()
            if (wait := patience(problem, self._rounds, self._limits)) is not None
        }
        if not waits:
            return None, ""
        self._rounds += 1
        name = min(waits, key=lambda name: waits[name])
        self.out = [member for member in self.out if member.name not in waits]
        why = _why(self._problems[name])
        return waits[name], f"trying {name} again in {math.ceil(waits[name])} s: {why}"

    def _failure(self) -> ModelError:
        """The last problem, told with what the others said."""
        *_, last = self._problems.values()
        if len(self._problems) == 1:
            return last
        told = "; ".join(f"{name}: {_why(problem)}" for name, problem in self._problems.items())
        failure = copy.copy(last)
        failure.message = f"No endpoint could be asked. {told}."
        failure.hint = "Resume asks them again."
        return failure


class Counted:
    """A model at one endpoint, which is also in a pool: asked as ever, and counted there."""

    def __init__(self, member: Member) -> None:
        self._member = member

    async def context(self) -> int:
        """As its server has it."""
        return await self._member.chat.context()

    async def stream(
        self, messages: Sequence[Message], options: Options
    ) -> AsyncGenerator[Chunk, None]:
        """Speak; see ChatModel."""
        with self._member.asked() as asking:
            async with aclosing(self._member.chat.stream(messages, options)) as chunks:
                async for chunk in chunks:
                    asking.take(chunk)
                    yield chunk


def _beginning(messages: Sequence[Message]) -> int:
    """Tells conversations apart by what a cache of prompts would know: all up to the first user."""
    said = list[str]()
    for message in messages:
        said.append(message.content)
        if message.role == "user":
            break
    return hash(tuple(said))


def _why(problem: ModelError) -> str:
    return _PLACE.sub("", problem.message).removesuffix(".")

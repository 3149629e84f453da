"""One answer of a model outside of any debate, for programs that bring their own messages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace

from rebuttal.dialogue import legal_form
from rebuttal.errors import BudgetSpent, Busy, ContextOverflow, ModelError, RebuttalError
from rebuttal.events import DebateWaiting
from rebuttal.hall import Hall
from rebuttal.halt import Watchman
from rebuttal.material import Cleaner
from rebuttal.places import Place
from rebuttal.providers.base import ChatModel, Chunk, Message, Options
from rebuttal.records import OPERATOR, Finish, Usage, Visitor, new_id
from rebuttal.rights import Rights
from rebuttal.speakers import Speakers
from rebuttal.views import estimate_tokens

LEAST_ANSWER = 16
"""Tokens for which there must be room in a model's context."""
TELL_AGAIN = 5.0
"""Seconds after which who waits in line hears how long it may still take."""


@dataclass(frozen=True, slots=True)
class InLine(Chunk):
    """All places are taken; ``position`` and ``seconds`` as in DebateWaiting."""

    position: int = 0
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. ``seconds`` are those from the request to the end, without the line."""

    text: str
    reasoning: str
    finish: Finish
    usage: Usage | None
    seconds: float


class Completions:
    """What is asked here is kept nowhere, and counts as a debate of one turn."""

    def __init__(
        self, speakers: Speakers, hall: Callable[[], Awaitable[Hall]], rights: Rights
    ) -> None:
        self._speakers = speakers
        self._hall = hall
        self._rights = rights
        self._asked: set[_Asked] = set()
        self._watchman: Watchman | None = None

    def options(
        self,
        label: str,
        *,
        temperature: float | None = None,
        top_p: float | None = None,
        max_tokens: int | None = None,
        seed: int | None = None,
        stop: Sequence[str] = (),
        visitor: Visitor = OPERATOR,
    ) -> Options:
        """How to ask the model: as the catalog says, where nothing else is said."""
        _, model = self._speakers.alone(label, "", visitor)
        return Options(
            temperature=model.temperature if temperature is None else temperature,
            top_p=model.top_p if top_p is None else top_p,
            max_tokens=model.max_tokens if max_tokens is None else max_tokens,
            seed=seed,
            stop=tuple(stop),
            reasoning_effort=model.reasoning,
        )

    async def stream(
        self,
        label: str,
        messages: Sequence[Message],
        options: Options,
        *,
        visitor: Visitor = OPERATOR,
    ) -> AsyncGenerator[Chunk, None]:
        """The model's answer, see ChatModel; closed, it stops the model.

        Messages are brought into the form that every model takes, and no more tokens are asked for
        than its context has room. The first chunk comes before the model is asked: an InLine as
        long as all places are taken, else one that says who is asked. Raises before it what
        DebateApp.start raises, and ContextOverflow; later BudgetSpent where the operator says halt.
        """
        said, thought = Cleaner(), Cleaner()
        try:
            asked = await self._begin(label, legal_form(messages), options, visitor)
            try:
                async with aclosing(asked.chunks()) as chunks:
                    async for chunk in chunks:
                        text, reasoning = said.feed(chunk.text), thought.feed(chunk.reasoning)
                        clean = replace(chunk, text=text, reasoning=reasoning)
                        yield self._shown(clean, visitor)
            finally:
                self._asked.discard(asked)
                await asked.end()
        except ModelError as error:
            raise self._rights.error(visitor, error) from None

    async def answer(
        self,
        label: str,
        messages: Sequence[Message],
        options: Options,
        *,
        visitor: Visitor = OPERATOR,
    ) -> Answer:
        """The same in one piece; cancelled, it stops the model."""
        text, reasoning, began = list[str](), list[str](), time.monotonic()
        last, usage = Chunk(), None
        async with aclosing(self.stream(label, messages, options, visitor=visitor)) as chunks:
            async for last in chunks:
                if isinstance(last, InLine):
                    began = time.monotonic()
                text.append(last.text)
                reasoning.append(last.reasoning)
                usage = last.usage or usage
        seconds = time.monotonic() - began
        said, thought = "".join(text), "".join(reasoning)
        return Answer(said, thought, last.finish or "lost", usage, seconds)

    async def close(self) -> None:
        """End whatever is asked now."""
        if self._watchman:
            await self._watchman.close()
        await asyncio.gather(*(asked.end() for asked in self._asked))

    async def _begin(
        self, label: str, messages: Sequence[Message], options: Options, visitor: Visitor
    ) -> _Asked:
        hall = await self._hall()
        chat, model = self._speakers.alone(label, new_id(), visitor)
        place = await hall.enter(visitor)
        with place.left_on_error():
            context = model.context or await chat.context()
            options = _fitting(label, messages, options, context)
            asked = _Asked(chat, messages, options, place, label)
        self._asked.add(asked)
        self._watch(hall)
        return asked

    def _shown(self, chunk: Chunk, visitor: Visitor) -> Chunk:
        """Without addresses that are none of the visitor's business."""
        if not (chunk.waiting or chunk.problem):
            return chunk
        problem = chunk.problem and self._rights.error(visitor, chunk.problem)
        waiting = self._rights.words(visitor, chunk.waiting)
        return replace(chunk, waiting=waiting, problem=problem)

    def _watch(self, hall: Hall) -> None:
        if self._watchman is None:
            ledger = hall.store.ledger
            self._watchman = Watchman(lambda: ledger, lambda: bool(self._asked), self._cut)
        self._watchman.wake()

    async def _cut(self, halt: BudgetSpent) -> None:
        await asyncio.gather(*(asked.end(halt) for asked in self._asked))


class _Asked:
    """A model that is asked in a task of its own, which can be ended at any moment."""

    def __init__(
        self,
        chat: ChatModel,
        messages: Sequence[Message],
        options: Options,
        place: Place,
        label: str,
    ) -> None:
        self._chat = chat
        self._messages = messages
        self._options = options
        self._place = place
        self._heard: asyncio.Queue[Chunk | None] = asyncio.Queue()
        self._problem: BaseException | None = None
        self._say_where()
        if not place.position:
            self._heard.put_nowait(Chunk(waiting=f"asking {label}"))
        self._task = asyncio.create_task(self._ask(), name=f"asking {label}")
        # Not at the end of _ask, which never begins where it is cancelled at once.
        self._task.add_done_callback(self._ended)

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """Everything that is heard. Raises what the model raised, and what it was ended for."""
        while (chunk := await self._heard.get()) is not None:
            yield chunk
        if self._problem:
            raise self._problem

    async def end(self, why: RebuttalError | None = None) -> None:
        """Close the connection to the model; who still listens hears ``why``."""
        if not self._task.done():
            self._problem = why
            self._task.cancel()
            await asyncio.wait([self._task])

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._place.leave()
        if not task.cancelled():
            self._problem = task.exception()
        self._heard.put_nowait(None)

    async def _ask(self) -> None:
        while self._place.position:
            with suppress(TimeoutError):
                async with asyncio.timeout(TELL_AGAIN):
                    await self._place.moved()
            if self._place.is_lost:
                raise Busy("Others had no number in line at all.", "Try again in a moment.")
            self._say_where()
        async with aclosing(self._chat.stream(self._messages, self._options)) as chunks:
            async for chunk in chunks:
                self._heard.put_nowait(chunk)

    def _say_where(self) -> None:
        position, seconds = self._place.position, self._place.seconds
        if position:
            where = DebateWaiting(position=position, seconds=seconds).place
            words = f"waits for a free place, as {where}"
            self._heard.put_nowait(InLine(waiting=words, position=position, seconds=seconds))


def _fitting(label: str, messages: Sequence[Message], options: Options, context: int) -> Options:
    """As asked for, with no longer answer than there is room for. Raises ContextOverflow."""
    tokens = estimate_tokens(messages)
    room = context - tokens
    if room < LEAST_ANSWER:
        raise ContextOverflow(
            f"The messages need about {tokens:,} tokens, and the context of {label!r} has "
            f"{context:,} for them and the answer together.",
            "Send less, or ask a model with a larger context.",
            asked=tokens,
            allowed=context - LEAST_ANSWER,
        )
    return replace(options, max_tokens=min(options.max_tokens, room))

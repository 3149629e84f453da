"""One answer of a model outside of any debate, for programs that bring their own messages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

from rebuttal.hall import Hall
from rebuttal.providers.base import Chunk, Message, Options
from rebuttal.records import OPERATOR, Visitor, new_id
from rebuttal.speakers import Speakers


class Completions:
    """What is asked here is kept nowhere, and counts as a debate of one turn."""

    def __init__(self, speakers: Speakers, hall: Callable[[], Awaitable[Hall]]) -> None:
        self._speakers = speakers
        self._hall = hall

    async def stream(
        self,
        label: str,
        messages: Sequence[Message],
        options: Options,
        *,
        visitor: Visitor = OPERATOR,
    ) -> AsyncGenerator[Chunk, None]:
        """The model's answer, see ChatModel; while all places are taken, chunks that say so.

        Raises what DebateApp.start raises. Closed, it stops the model.
        """
        hall = await self._hall()
        chat, _ = self._speakers.alone(label, new_id(), visitor)
        place = await hall.enter(visitor)
        try:
            while place.position:
                yield Chunk(waiting=f"waits for a free place, as number {place.position} in line")
                await place.moved()
            async with aclosing(chat.stream(messages, options)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            place.leave()

"""A model that says what it is told to: for tests, documentation, and trying the page offline.

>>> import asyncio
>>> from rebuttal.providers.base import Message, Options
>>> async def hear(model):
...     return [chunk.text async for chunk in model.stream([Message("user", "Hi")], Options())]
>>> asyncio.run(hear(ScriptedModel(["To be or not."])))
['To ', 'be ', 'or ', 'not.', '']
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

from rebuttal.errors import BrokenAnswer, ModelError
from rebuttal.providers.base import Chunk, Message, Options
from rebuttal.records import Finish, Usage

_TOKEN = re.compile(r"\s*\S+\s?|\s+")


@dataclass(frozen=True)
class Line:
    """One answer: ``waiting`` and ``reasoning`` first, then ``text``, and then what is ``next``.

    ``silence`` holds the stream open without a word, ``again`` repeats the text; both for ever. A
    cut one is ``Line("Half a sen", finish="lost", problem=Unreachable("gone"))``.
    """

    text: str = ""
    reasoning: str = ""
    waiting: str = ""
    finish: Finish = "stop"
    problem: ModelError | None = None
    next: Literal["end", "silence", "again"] = "end"


@dataclass(frozen=True)
class Asked:
    """One request, as the model got it."""

    messages: tuple[Message, ...]
    options: Options


class ScriptedModel:
    """A ChatModel that speaks its lines in order, a word a token, ``delay`` seconds before each.

    A ModelError in place of a line is raised before the first token. When the lines are spoken it
    raises BrokenAnswer, or begins anew with ``repeat``. Limits and options change nothing.
    """

    def __init__(
        self,
        lines: Sequence[str | Line | ModelError],
        *,
        delay: float = 0.0,
        context: int = 4096,
        repeat: bool = False,
    ) -> None:
        self.lines = list(lines)
        self.asked: list[Asked] = []
        """Every request so far."""
        self.open = 0
        """Streams that somebody still reads or has forgotten to close."""
        self._delay = delay
        self._context = context
        self._repeat = repeat

    async def context(self) -> int:
        """Tokens, as given."""
        return self._context

    async def stream(
        self, messages: Sequence[Message], options: Options
    ) -> AsyncGenerator[Chunk, None]:
        """Speak the next line; see ChatModel."""
        self.asked.append(Asked(tuple(messages), options))
        self.open += 1
        try:
            line = self._line(len(self.asked) - 1)
            spoken = 0
            async with aclosing(self._speak(line)) as chunks:
                async for chunk in chunks:
                    spoken += bool(chunk.text)
                    yield chunk
            prompt = sum(len(message.content.split()) for message in messages)
            usage = Usage(prompt_tokens=prompt, completion_tokens=spoken)
            yield Chunk(finish=line.finish, usage=usage, problem=line.problem)
        finally:
            self.open -= 1

    def _line(self, number: int) -> Line:
        if self._repeat and self.lines:
            number %= len(self.lines)
        if number >= len(self.lines):
            raise BrokenAnswer("The script is over.", "Give it more lines, or repeat=True.")
        line = self.lines[number]
        if isinstance(line, ModelError):
            raise line
        return Line(line) if isinstance(line, str) else line

    async def _speak(self, line: Line) -> AsyncGenerator[Chunk, None]:
        if line.waiting:
            yield Chunk(waiting=line.waiting)
        for token in _TOKEN.findall(line.reasoning):
            await asyncio.sleep(self._delay)
            yield Chunk(reasoning=token)
        while True:
            for token in _TOKEN.findall(line.text):
                await asyncio.sleep(self._delay)
                yield Chunk(text=token)
            if line.next == "silence":
                await asyncio.Event().wait()
            if line.next == "end":
                return
            await asyncio.sleep(0)

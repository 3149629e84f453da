"""A conversation with one debater, line by line."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack

from rebuttal.cli.follow import Show, follow
from rebuttal.cli.house import House
from rebuttal.cli.options import DONE, FAILED, STOPPED, parse_seat
from rebuttal.cli.server import OpenApp, opened
from rebuttal.cli.stage import Stage
from rebuttal.cli.terminal import say_error, say_problem, stderr, stdout
from rebuttal.errors import RebuttalError
from rebuttal.events import DebatePaused
from rebuttal.records import Seat
from rebuttal.settings import Settings


def chat(open_app: OpenApp, settings: Settings, server: str | None, seat: str) -> int:
    """Talk until the input ends: on a terminal with commands, else answering line by line."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        house = runner.run(stack.enter_async_context(opened(open_app, settings, server)))
        try:
            sits = parse_seat(seat, house.catalog)
            if not (sys.stdin.isatty() and sys.stdout.isatty()):
                return talk(runner, Chat(house, sits, Stage(stdout(), stderr(), is_chat=True)))
            from rebuttal.cli.chatting import loop  # its libraries take a while to load

            return loop.talk(runner, house, sits, settings)
        finally:
            runner.run(stack.aclose())


class Chat:
    """One seat that answers every line; the first line is the topic."""

    def __init__(self, app: House, seat: Seat, show: Show) -> None:
        self._app = app
        self._seat = seat
        self._show = show
        self._debate_id = ""
        self._owes_answer = False
        self.failed = False
        """Whether the last line got no answer."""

    async def answer(self, line: str) -> None:
        """Say ``line`` and show the answer. After an answer that failed, it is asked again."""
        self.failed = True
        after = await self._say(line)
        rest = await follow(self._app, self._debate_id, after, self._show)
        self._owes_answer = (await self._app.transcript(self._debate_id))[-1].from_user
        self.failed = isinstance(rest, DebatePaused) and rest.reason != "stopped"
        if isinstance(rest, DebatePaused) and self.failed:
            say_problem(rest.message, rest.hint)

    async def _say(self, line: str) -> str | None:
        """Put the line into the transcript; returns the last turn before it."""
        if not self._debate_id:
            self._debate_id = await self._app.start(line, [self._seat], rounds=1)
            self._show.begin(await self._app.debate(self._debate_id))
            return None
        after = (await self._app.debate(self._debate_id)).tip
        await self._app.say(self._debate_id, line, rounds=0 if self._owes_answer else 1)
        if self._owes_answer:
            await self._app.resume(self._debate_id)
        return after


def talk(runner: asyncio.Runner, chat: Chat) -> int:
    """Read lines until the input ends or Ctrl-C comes at the prompt (STOPPED).

    At the end of the input: FAILED where the last line got no answer, else DONE.
    """
    prompt = "> " if sys.stdin.isatty() else ""
    while True:
        try:
            line = input(prompt).strip()
        except EOFError:
            return FAILED if chat.failed else DONE
        except KeyboardInterrupt:
            return STOPPED
        if not line:
            continue
        try:
            runner.run(chat.answer(line))
        except RebuttalError as error:
            say_error(error)

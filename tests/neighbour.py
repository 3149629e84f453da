"""A DebateApp as a process of its own, driven over pipes: python -m tests.neighbour FOLDER WORDS.

A line of JSON in is a method of the app with its arguments; one out is its answer, or news of a
debate that is watched. Its model says WORDS words a turn, twenty a second, no turn like another.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from rebuttal.app import DebateApp
from rebuttal.errors import RebuttalError
from rebuttal.events import DebateEvent
from rebuttal.providers.base import Chunk, Message, Options
from rebuttal.records import OPERATOR, Turn, Visitor
from rebuttal.settings import load_settings
from tests.debates import CYNIC_AND_RATIONAL
from tests.running import Running, start
from tests.stores import ROOT

EVENT: TypeAdapter[DebateEvent] = TypeAdapter(DebateEvent)
PACE = 0.05


class Refused(Exception):
    """What the app raised, by the name of its class."""


class Neighbour:
    """The process, from outside. Watched debates are heard in ``news``, with the moments."""

    def __init__(
        self, process: Running, heard: asyncio.StreamReader, said: asyncio.StreamWriter
    ) -> None:
        self.process = process
        self._heard, self._said = heard, said
        self.news: dict[str, list[tuple[float, DebateEvent]]] = {}
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._listening = asyncio.create_task(self._listen())

    async def ask(self, method: str, *arguments: object, **named: object) -> Any:
        """What the method of its app returns. Raises Refused."""
        number = len(self._answers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        line = json.dumps({"n": number, "do": method, "with": arguments, "named": named})
        self._said.write(f"{line}\n".encode())
        await self._said.drain()
        return await asyncio.wait_for(answer, 40)

    async def start(self, rounds: int, **named: object) -> str:
        """A new debate of two seats."""
        debate_id: str = await self.ask("start", rounds, **named)
        return debate_id

    async def watch(self, debate_id: str) -> None:
        """Hear it from now on."""
        self.news[debate_id] = []
        await self.ask("watch", debate_id)

    async def transcript(self, debate_id: str) -> list[Turn]:
        """Its main line, as this process knows it."""
        said = await self.ask("transcript", debate_id)
        return [Turn.model_validate_json(turn) for turn in said]

    async def state(self, debate_id: str) -> str:
        """See DebateApp."""
        state: str = await self.ask("state", debate_id)
        return state

    async def hears(
        self,
        debate_id: str,
        kind: type[object],
        within: float = 10.0,
        since: int = 0,
        of: Callable[[Any], bool] = lambda _: True,
        after: float = 0.0,
    ) -> float:
        """The moment, later than ``after``, at which an event of that kind was heard; waits."""
        end = time.monotonic() + within
        while True:
            for at, event in self.news[debate_id][since:]:
                if at > after and isinstance(event, kind) and of(event):
                    return at
            heard = [type(event).__name__ for _, event in self.news[debate_id][since:]]
            assert time.monotonic() < end, f"no {kind.__name__} in {heard}"
            await asyncio.sleep(0.01)

    def freeze(self) -> None:
        """Let it do nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    async def kill(self) -> float:
        """End it in the middle of whatever it does; the moment."""
        self.process.kill()
        moment = time.monotonic()
        await asyncio.to_thread(self.process.wait)
        return moment

    async def end(self) -> int:
        """Ask it to end in order. Its exit status."""
        self.process.terminate()
        return await asyncio.to_thread(self.process.wait, 20)

    async def _listen(self) -> None:
        async for line in self._heard:
            said = json.loads(line)
            if "news" in said:
                events = [EVENT.validate_json(event) for event in said["events"]]
                self.news[said["news"]] += [(said["at"], event) for event in events]
            elif "refused" in said:
                self._answers[said["n"]].set_exception(Refused(*said["refused"]))
            else:
                self._answers[said["n"]].set_result(said["answer"])
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(ConnectionError("the process ended"))
                answer.exception()

    async def close(self) -> None:
        """Whatever it does, it is gone."""
        await self.kill()
        await self._listening
        self._said.close()


@asynccontextmanager
async def neighbour(
    folder: Path, addresses: Mapping[str, str], words: int = 16, **settings: str
) -> AsyncIterator[Neighbour]:
    """Such a process, from when it stands by."""
    named = {"DATABASE": addresses["database"], "REDIS": addresses["redis"], **settings}
    environment = {**os.environ, **{f"REBUTTAL_{name}": value for name, value in named.items()}}
    # Two sockets: a process that does not wait on one for words would not wait on it to speak.
    (ours, stdout), (mouth, stdin) = socket.socketpair(), socket.socketpair()
    with stdout, stdin:
        process = start(
            *("-m", "tests.neighbour", str(folder), str(words)),
            environment=environment,
            folder=ROOT,
            stdin=stdin.fileno(),
            stdout=stdout.fileno(),
        )
    heard, ear = await asyncio.open_connection(sock=ours, limit=2**24)
    _, said = await asyncio.open_connection(sock=mouth)
    one = Neighbour(process, heard, said)
    try:
        await one.ask("stand_by")
        yield one
    finally:
        await one.close()
        ear.close()


# --- inside the process ---------------------------------------------------------------------------


class Clock:
    """A ChatModel that says, in each word, when it says it: a sentence that nobody else says."""

    def __init__(self, words: int) -> None:
        self._words = words

    async def context(self) -> int:
        """Tokens."""
        return 100_000

    async def stream(
        self, messages: Sequence[Message], options: Options
    ) -> AsyncGenerator[Chunk, None]:
        """See ChatModel."""
        for number in range(self._words):
            await asyncio.sleep(PACE)
            end = "." if number == self._words - 1 else " "
            yield Chunk(text=f"{secrets.token_hex(6)}-{time.monotonic_ns() // 1000}{end}")
        yield Chunk(finish="stop")


class Inside:
    """Does what the lines say."""

    def __init__(self, app: DebateApp) -> None:
        self.app = app
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Until there are no more lines."""
        lines = asyncio.StreamReader(limit=2**24)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        async for line in lines:
            self._begin(self._answer(json.loads(line)))

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, line: dict[str, Any]) -> None:
        try:
            answer = await self._do(line["do"], line["with"], line["named"])
            say({"n": line["n"], "answer": answer})
        except RebuttalError as error:
            say({"n": line["n"], "refused": [type(error).__name__, error.message, error.hint]})

    async def _do(self, method: str, given: list[Any], named: dict[str, Any]) -> Any:
        visitor = Visitor(**named.pop("visitor")) if "visitor" in named else OPERATOR
        if method == "start":
            topic, seats = "Should cats vote?", CYNIC_AND_RATIONAL
            return await self.app.start(topic, seats, rounds=given[0], visitor=visitor, **named)
        if method == "watch":
            return self._begin(self._watch(given[0], visitor))
        if method == "delete":
            return await self.app.history.delete(given, visitor=visitor)
        if method == "rename":
            return await self.app.history.rename(*given, visitor=visitor)
        if method == "title":
            return (await self.app.debate(*given, visitor=visitor)).title
        if method == "problem":
            return self.app._works.bus.problem
        if method == "cpu":
            return time.process_time()
        if method == "stand_by":
            return await self.app.stand_by()
        if method == "halt":
            return await self.app.halt(*given)
        found = await getattr(self.app, method)(*given, visitor=visitor, **named)
        return [turn.model_dump_json() for turn in found] if isinstance(found, tuple) else found

    async def _watch(self, debate_id: str, visitor: Visitor) -> None:
        async for batch in self.app.watch(debate_id, visitor=visitor):
            if batch:
                events = [EVENT.dump_json(event).decode() for event in batch]
                say({"news": debate_id, "at": time.monotonic(), "events": events})


def say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


async def main(folder: Path, words: int) -> None:
    """Serve until standard input ends, or SIGTERM comes."""
    settings = load_settings(data=folder, cache=folder, offline=True)
    async with DebateApp(settings, chat_models={"Scripted": Clock(words)}) as app:
        listening = asyncio.create_task(Inside(app).listen())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, listening.cancel)
        with suppress(asyncio.CancelledError):
            await listening


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))

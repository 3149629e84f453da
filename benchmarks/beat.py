"""An endpoint for many at once: python -m benchmarks.beat 50 200.

Every answer has as many words, at as many a second: of a made-up vocabulary, some often and most
seldom, but for each seventh, which says when it was sent (``benchmarks.stamps``). Answers share
beats: whoever speaks on one says the same word, which is made once, so that thousands of words a
second cost little.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from random import Random

from benchmarks.paced import MODEL
from benchmarks.stamps import clock, stamp

BEATS = 5
"""Within the time between two words of one answer."""
STAMPED = 7
"""Words of an answer, of which one is a stamp: seven beats are no multiple of an update's ten."""
VOCABULARY = 2000
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Words:
    """Words as a language has them: the second is said half as often as the first, and so on."""

    def __init__(self) -> None:
        self._chance = Random(7)
        self._known = [self._word() for _ in range(VOCABULARY)]
        self._weights = [1 / rank for rank in range(1, VOCABULARY + 1)]

    def take(self) -> str:
        """Any of them."""
        return self._chance.choices(self._known, self._weights)[0]

    def _word(self) -> str:
        pairs = self._chance.randint(1, 4)
        return "".join(
            self._chance.choice("bcdfghklmnprstvw") + self._chance.choice("aeiou")
            for _ in range(pairs)
        )


@dataclass(eq=False)
class Answer:
    """One that is being said."""

    writer: asyncio.StreamWriter
    left: int
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Endpoint:
    """Says the next word of every answer on time, whoever listens."""

    def __init__(self, pace: float, words: int) -> None:
        self._between = 1 / pace / BEATS
        self._words = words
        self._answers: list[dict[Answer, None]] = [{} for _ in range(BEATS)]
        self._vocabulary = Words()
        self._said_at = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request after the other."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = head.lower().partition(b"content-length:")[2].split()
                await reader.readexactly(int(length[0]) if length else 0)
                answer = Answer(writer, self._words)
                writer.write(HEAD)
                min(self._answers, key=len)[answer] = None
                await answer.over.wait()
        writer.close()

    async def beat(self) -> None:
        """Until cancelled. A beat that comes late is made up for at once."""
        at = time.monotonic()
        for number in count():
            at += self._between
            await asyncio.sleep(max(at - time.monotonic(), 0.0))
            # Those of one beat say theirs when those of the next do not.
            is_stamp = (number // BEATS + number % BEATS) % STAMPED == 0
            self._say(self._answers[number % BEATS], self._stamp() if is_stamp else None)

    def _stamp(self) -> str:
        self._said_at = max(clock(), self._said_at + 1)
        return stamp(self._said_at).decode()

    def _say(self, answers: dict[Answer, None], mark: str | None) -> None:
        word = mark or self._vocabulary.take()
        first, further = (_said({"content": text}) for text in (word, f" {word}"))
        for answer in list(answers):
            answer.writer.write(first if answer.left == self._words else further)
            answer.left -= 1
            if answer.left == 0:
                answer.writer.write(self._end())
            if answer.left == 0 or answer.writer.is_closing():
                del answers[answer]
                answer.over.set()

    def _end(self) -> bytes:
        usage = {"prompt_tokens": 100, "completion_tokens": self._words}
        return _said({}, "stop", usage) + _framed(b"data: [DONE]\n\n") + _framed(b"")


def _said(
    delta: dict[str, str], finish: str | None = None, usage: dict[str, int] | None = None
) -> bytes:
    event = {
        "id": "chatcmpl-0123456789",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": MODEL,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        "usage": usage,
    }
    return _framed(f"data: {json.dumps(event)}\n\n".encode())


def _framed(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


async def run(pace: float, words: int) -> None:
    """Serve at a free port of this machine until it is ended."""
    endpoint = Endpoint(pace, words)
    async with await asyncio.start_server(endpoint.serve, "127.0.0.1", 0, backlog=500) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"http://127.0.0.1:{port}/v1", flush=True)
        await endpoint.beat()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("pace", type=float, help="words a second of each answer")
    parser.add_argument("words", type=int, help="words of an answer")
    args = parser.parse_args(arguments)
    asyncio.run(run(args.pace, args.words))


if __name__ == "__main__":
    main()

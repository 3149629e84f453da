"""An OpenAI-compatible endpoint that speaks at a known pace: python -m benchmarks.paced 0.25 0.02.

``GET /times`` tells of each request when it came, when its first token was sent, and when its last,
in seconds of the machine's monotonic clock, which all processes share; ``GET /sent`` when each
token of the latest one was.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence

SPEECH = (
    "Tea keeps a calm mind awake through every long evening of careful reading and writing. "
    "Whoever hurries over a page forgets it before the cup is cold, and learns nothing. "
    "A slow drink teaches patience, which no stronger brew has ever taught to anybody here."
)
MODEL = "paced"


def words_of(tokens: int) -> list[str]:
    """So many words. More than the speech has are one long sentence, which no limit shortens."""
    said = SPEECH.split(" ")
    if tokens <= len(said):
        return said[:tokens]
    endless = SPEECH.replace(".", ",").lower().split(" ")
    return [endless[number % len(endless)] for number in range(tokens)]


class Paced:
    """Answers every completion with the same words."""

    def __init__(
        self, first: float, every: float, tokens: Sequence[str] = tuple(SPEECH.split(" "))
    ) -> None:
        self._first = first
        self._every = every
        self._tokens = tokens
        self._times: list[list[float]] = []
        self._sent: list[float] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request after the other."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                asked, _, headers = head.decode("latin-1").partition("\r\n")
                fields = dict(
                    line.lower().split(": ", 1) for line in headers.split("\r\n") if ": " in line
                )
                await reader.readexactly(int(fields.get("content-length", "0")))
                if "chat/completions" in asked:
                    await self._speak(writer)
                else:
                    told = {"times": self._times, "sent": self._sent}
                    wanted = asked.split(" ")[1].rpartition("/")[2]
                    said = told.get(wanted, {"data": [{"id": MODEL}]})
                    body = json.dumps(said).encode()
                    await _send(
                        writer, b"application/json", body, b"content-length: %d" % len(body)
                    )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _speak(self, writer: asyncio.StreamWriter) -> None:
        times = [time.monotonic(), 0.0, 0.0]
        self._times.append(times)
        await _send(writer, b"text/event-stream", b"", b"transfer-encoding: chunked")
        at = times[0] + self._first
        self._sent = sent = []
        for number, token in enumerate(self._tokens):
            await asyncio.sleep(max(at - time.monotonic(), 0.0))
            times[2] = time.monotonic()
            times[1] = times[1] or times[2]
            sent.append(times[2])
            await _event(writer, {"content": f" {token}" if number else token})
            at += self._every
        usage = {"prompt_tokens": 100, "completion_tokens": len(self._tokens), "total_tokens": 0}
        await _event(writer, {}, finish="stop", usage=usage)
        await _chunk(writer, b"data: [DONE]\n\n")
        await _chunk(writer, b"")


async def _event(
    writer: asyncio.StreamWriter,
    delta: dict[str, str],
    finish: str | None = None,
    usage: dict[str, int] | None = None,
) -> None:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    event = {
        "id": "x",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": MODEL,
        "choices": [choice],
        "usage": usage,
    }
    await _chunk(writer, f"data: {json.dumps(event)}\n\n".encode())


async def _chunk(writer: asyncio.StreamWriter, piece: bytes) -> None:
    writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
    await writer.drain()


async def _send(writer: asyncio.StreamWriter, kind: bytes, body: bytes, framing: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: " + kind + b"\r\n" + framing + b"\r\n\r\n"
    writer.write(head + body)
    await writer.drain()


async def run(first: float, every: float, tokens: int) -> None:
    """Serve at a free port of this machine until it is ended."""
    paced = Paced(first, every, words_of(tokens))
    async with await asyncio.start_server(paced.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"http://127.0.0.1:{port}/v1", flush=True)
        await server.serve_forever()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("first", type=float, help="seconds until the first token")
    parser.add_argument("every", type=float, help="seconds between two tokens")
    words = len(SPEECH.split(" "))
    parser.add_argument("--tokens", type=int, default=words, help="of each answer")
    args = parser.parse_args(arguments)
    asyncio.run(run(args.first, args.every, args.tokens))


if __name__ == "__main__":
    main()

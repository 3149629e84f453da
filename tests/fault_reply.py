"""One answer of the fault server while it is being written."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

TOKENS = ("One ", "two ", "three.")
USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 3,
    "prompt_tokens_details": {"cached_tokens": 5},
}
TIMINGS = {"cache_n": 7, "prompt_n": 5, "predicted_n": 3}


@dataclass(frozen=True)
class Request:
    """What a client asked; header names are lower case, the body is decoded JSON."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Script:
    """What a server plays with: ``to`` is where the fault ``redirect`` points."""

    fault: str = "good"
    tokens: Sequence[str] = TOKENS
    delay: float = 0.0
    to: str = ""
    models: Sequence[str] = ("one", "two")
    sent: int = 0
    """Bytes written so far."""


@dataclass
class Reply:
    """An answer being written, in HTTP's chunked form where nothing else is said."""

    script: Script
    request: Request
    nth: int
    """Which request of its server this answers, from 1."""
    writer: asyncio.StreamWriter

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        self.script.sent += len(data)
        await self.writer.drain()
        await asyncio.sleep(0)

    async def head(self, status: int = 200, kind: str = "text/event-stream", **more: str) -> None:
        lines = [f"HTTP/1.1 {status} Word", f"content-type: {kind}", "transfer-encoding: chunked"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
        await self.raw("\r\n".join((*lines, "", "")).encode())

    async def piece(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    async def line(self, data: str) -> None:
        await self.piece(f"data: {data}\n\n".encode())

    async def event(self, delta: dict[str, Any], finish: str | None = None, index: int = 0) -> None:
        choice = {"index": index, "delta": delta, "finish_reason": finish}
        await self.line(json.dumps({"choices": [choice]}))

    async def token(self, text: str) -> None:
        await self.event({"content": text})

    async def end(self) -> None:
        await self.raw(b"0\r\n\r\n")

    async def finish(self, reason: str = "stop") -> None:
        await self.event({}, reason)
        await self.line(json.dumps({"choices": [], "usage": USAGE, "timings": TIMINGS}))
        await self.line("[DONE]")
        await self.end()

    async def say(self, reason: str = "stop") -> None:
        """The whole good answer."""
        await self.head()
        await self.event({"role": "assistant", "content": ""})
        for token in self.script.tokens:
            if self.script.delay:
                await asyncio.sleep(self.script.delay)
            await self.token(token)
        await self.finish(reason)

    async def begin(self) -> None:
        """The answer up to its first token."""
        await self.head()
        await self.token(self.script.tokens[0])

    async def json(self, status: int, value: object, **headers: str) -> None:
        await self.head(status, "application/json", **headers)
        await self.piece(json.dumps(value).encode())
        await self.end()

    async def error(self, status: int, message: str, /, **more: Any) -> None:
        await self.json(status, {"error": {"message": message, "code": status, **more}})

    async def reset(self) -> None:
        """Once what was written has arrived, cut the connection with a TCP reset."""
        await asyncio.sleep(0.05)
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def hang_up(self) -> None:
        self.writer.close()

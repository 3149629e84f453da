"""A small HTTP server that plays an upstream, good or broken in one of many ways.

``async with FaultServer("one_token_then_silence") as server`` listens on ``server.address``.
``server.open`` counts connections that the other side holds, ``server.requests`` keeps what it
asked. faults.py holds every name; ``good`` speaks ``tokens`` with ``delay`` seconds before each.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Self

from tests.fault_reply import Reply, Request, Script
from tests.faults import FAULTS

__all__ = ["FAULTS", "FaultServer", "Request"]


@dataclass
class FaultServer(Script):
    """Listens on loopback while entered."""

    open: int = 0
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        """What goes into a catalog's endpoint."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Self:
        self._connections: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        if self.fault == "refuse":
            self._server.close()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._connections.values():
            writer.transport.abort()
        await asyncio.gather(*self._connections)
        await self._server.wait_closed()

    async def die(self) -> None:
        """Refuse every connection from here on, and cut those that are open."""
        self._server.close()
        for writer in list(self._connections.values()):
            writer.transport.abort()
        await asyncio.gather(*self._connections)

    async def come_back(self) -> None:
        """Listen again, where it was."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    def play(self, reply: Reply) -> Coroutine[None, None, None]:
        """What is done with a request."""
        return FAULTS[self.fault](reply)

    async def until(self, condition: Callable[[FaultServer], bool], within: float = 1.0) -> float:
        """Seconds until ``condition(self)`` holds. Raises TimeoutError."""
        clock = asyncio.get_running_loop().time
        began = clock()
        async with asyncio.timeout(within):
            while not condition(self):  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        return clock() - began

    async def until_closed(self, within: float = 1.0) -> float:
        """Seconds until the other side holds no connection any more. Raises TimeoutError."""
        return await self.until(lambda server: server.open == 0, within)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        self.open += 1
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            del self._connections[task]
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer each request until the other side hangs up, which ends an answer in progress."""
        first = await reader.read(1)
        while first.isalpha():
            self.requests.append(await _read_request(first, reader))
            reply = Reply(self, self.requests[-1], len(self.requests), writer)
            answering = asyncio.ensure_future(self.play(reply))
            try:
                first = await reader.read(1)
            finally:
                answering.cancel()
                await asyncio.gather(answering, return_exceptions=True)


async def _read_request(first: bytes, reader: asyncio.StreamReader) -> Request:
    head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.strip().split("\r\n")
    method, path, _ = line.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, json.loads(body) if body else None)

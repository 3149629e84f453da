"""A way to a server that can be cut: what comes in goes there, until somebody pulls the plug."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Relay:
    """``heads`` are the first bytes of every connection, as they were asked for."""

    address: str = ""
    heads: list[bytes] = field(default_factory=list)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _server: asyncio.Server | None = None

    def close(self) -> None:
        """Take no more connections."""
        if self._server:
            self._server.close()

    def cut(self) -> bool:
        """Break every connection; whether there was one."""
        were = [writer for writer in self._open if not writer.is_closing()]
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()
        return bool(were)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def relaying(target: str) -> AsyncIterator[Relay]:
    """A relay in front of that address."""
    there, relay = urlsplit(target), Relay()
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay._open.add(writer)
        try:
            inner, outer = await asyncio.open_connection(there.hostname, there.port)
        except OSError:
            writer.transport.abort()
            return
        first = await reader.read(65536)
        relay.heads.append(first)
        relay._open.add(outer)
        outer.write(first)
        for one, other in ((reader, outer), (inner, writer)):
            task = asyncio.create_task(relay._carry(one, other))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    relay._server = server = await asyncio.start_server(accept, "127.0.0.1", 0)
    relay.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield relay
    finally:
        relay.cut()
        relay.close()
        for task in [*tasks]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.05)  # until the transports know

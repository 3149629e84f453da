"""MCP over stdin and stdout, for programs that start Rebuttal themselves."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rebuttal.app import DebateApp
from rebuttal.mcp.caller import operator
from rebuttal.mcp.server import build_server

PIECE = 65_536
"""Bytes that are read at once."""


async def serve_stdio(app: DebateApp) -> None:
    """Serve until stdin ends, or SIGINT or SIGTERM says so. Who started us is the operator.

    Raises KeyboardInterrupt, in order, for the first of these.
    """
    server, interrupted = build_server(app, operator), False
    with _stdin_that_ends() as stdin:

        def interrupt() -> None:
            nonlocal interrupted
            interrupted = True
            stdin.end()

        loop = asyncio.get_running_loop()
        with suppress(NotImplementedError):  # on Windows
            loop.add_signal_handler(signal.SIGINT, interrupt)
            loop.add_signal_handler(signal.SIGTERM, stdin.end)
        await server.run_stdio_async()
    if interrupted:
        raise KeyboardInterrupt


class _Stdin:
    """Pours the true stdin into a pipe. A read of the true one could not be called off."""

    def __init__(self, source: int, pipe: int) -> None:
        self._source = source
        self._pipe = pipe
        self._lock = threading.Lock()
        self._is_open = True

    def pour(self) -> None:
        """Until the true one ends."""
        with suppress(OSError):
            while self._pass(os.read(self._source, PIECE)):
                pass
        self.end()

    def end(self) -> None:
        """Let whoever reads the pipe find its end."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                os.close(self._pipe)

    def _pass(self, data: bytes) -> bool:
        with self._lock:
            # Nothing may be written to a number that is another file's by now.
            while data and self._is_open:
                data = data[os.write(self._pipe, data) :]
                if not data:
                    return True
        return False


@contextmanager
def _stdin_that_ends() -> Iterator[_Stdin]:
    source = os.dup(0)
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)
    stdin = _Stdin(source, writing)
    threading.Thread(target=stdin.pour, name="stdin", daemon=True).start()
    try:
        yield stdin
    finally:
        stdin.end()
        os.dup2(source, 0)

"""The interfaces for programs without a page, behind the same guard."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import uvicorn

from rebuttal.app import DebateApp
from rebuttal.serving import close_app, free_port, on_free_port, wait_for_the_end
from rebuttal.settings import Settings
from rebuttal.web.asgi import Receive, Scope, Send, answer_text
from rebuttal.web.guard import Guard

STARTS_WITHIN = 30.0
ENDS_WITHIN = 2.0
"""Seconds in which those who listen may hear the last of it."""


class Alone:
    """Serves ``guard``, with no page behind it, from a thread of its own."""

    def __init__(self, settings: Settings, app: DebateApp, guard: Guard) -> None:
        self.settings = settings
        self.app = app
        self.address = ""
        self.port = 0
        self.public_address = ""
        self._guard = guard
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Listen. Returns when it answers. Raises InvalidInput."""
        host, asked = self.settings.host, self.settings.port
        free_port(host, asked)
        self.port = on_free_port(host, asked, self._listen)
        name = "localhost" if host in ("0.0.0.0", "::") else host
        self.address = f"http://{name}:{self.port}/"

    def wait(self) -> None:
        """Until Ctrl-C or SIGTERM."""
        wait_for_the_end()

    def close(self) -> None:
        """End debates, keeping what was said, then the server."""
        close_app(self.app, self._loop)
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join(ENDS_WITHIN)

    def _listen(self, port: int) -> None:
        """Raises OSError where the port was taken meanwhile."""
        config = uvicorn.Config(
            self._guard.stand_alone(self._live),
            host=self.settings.host.strip("[]"),
            port=port,
            log_level="warning",
            lifespan="on",
            proxy_headers=False,
        )
        config.load()
        server = uvicorn.Server(config)
        self._guard.harden(server)
        started = threading.Event()
        thread = threading.Thread(target=self._run, args=(server, started), daemon=True)
        thread.start()
        started.wait(STARTS_WITHIN)
        if not server.started:
            raise OSError("the server did not start")
        self._server, self._thread = server, thread

    def _run(self, server: uvicorn.Server, started: threading.Event) -> None:
        async def serve() -> None:
            serving = asyncio.ensure_future(server.serve())
            # uvicorn tells nobody when it has begun to listen.
            while not (server.started or serving.done()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            started.set()
            await serving

        try:
            asyncio.run(serve())
        except SystemExit:
            pass  # uvicorn's way to say that the port is taken
        finally:
            started.set()

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is beside the requests, from the server's start to its end."""
        if scope["type"] != "lifespan":
            await answer_text(send, 404, "There is nothing here.")
            return
        await receive()
        self._loop = asyncio.get_running_loop()
        works: tuple[Any, ...] = (
            self.app.history.keep_tidy(),
            self.app.stand_by(),
            self._guard.live(),
        )
        tasks = [asyncio.create_task(work) for work in works]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        await send({"type": "lifespan.shutdown.complete"})

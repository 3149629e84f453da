"""Serving the page: the port, the address, and an orderly end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import FrameType
from typing import Any, Protocol
from urllib.parse import urlparse

from rebuttal.app import DebateApp
from rebuttal.errors import InvalidInput, RebuttalError
from rebuttal.settings import Settings

FIRST_PORT = 7860
PORTS = 100
TRIES = 5
CLOSE_WITHIN = 10.0
"""Seconds that debates and models get to end in order."""

# Read by Gradio when it is imported. The first keeps the price of a queued event from growing.
_ENVIRONMENT = {
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # uvicorn would believe any program of this machine about where a request came from.
    "FORWARDED_ALLOW_IPS": "",
}
LISTENERS = 2
"""Events that run for one stream: what is settled, and what is being said."""


class PageGuard(Protocol):
    """What stands between the network and the page."""

    def stand_before(self, inner: Any, queue: Any) -> Any:
        """The ASGI app in front of ``inner``, given a look at Gradio's queue."""
        ...

    def harden(self, server: Any) -> None:
        """Bound what a connection costs uvicorn's server."""
        ...

    def answer_to(self, host: str) -> None:
        """Know one more name of this server."""
        ...

    async def live(self) -> None:
        """What it does beside the requests; runs until cancelled."""
        ...


def run_page(page: Page) -> None:
    """Open the page, say where it is, and close it in the end."""
    page.open()
    moved = page.settings.port is None and page.port != FIRST_PORT
    why = f"port {FIRST_PORT} is taken; " if moved else ""
    kind = "" if page.settings.profile == "local" else f"profile {page.settings.profile}; "
    print(f"Rebuttal is at {page.address}   ({why}{kind}Ctrl-C ends it)", flush=True)
    if page.settings.profile == "lan" and page.settings.host in ("0.0.0.0", "::"):
        print(f"and, for your network, at {' or '.join(house_addresses(page.port))}", flush=True)
    if page.public_address:
        print(f"and, for everybody, at {page.public_address}")
        told = "Anyone with the link can debate here within today's budget; Ctrl-C ends it."
        print(told, flush=True)
    elif page.settings.share:
        print("There is no public link: no tunnel could be opened. Start again to try again.")
    page.wait()
    page.close()


class Page:
    """A served page and its app, which lives in the server's event loop.

    Without a ``guard`` whoever reaches it may do all that Gradio allows: for tests.
    """

    def __init__(
        self,
        settings: Settings,
        app: DebateApp | None = None,
        guard: PageGuard | None = None,
    ) -> None:
        self.settings = settings
        self._guard = guard
        self.app = app or DebateApp(settings)
        self.address = ""
        self.port = 0
        self.public_address = ""
        self._demo: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = threading.Event()

    def open(self) -> None:
        """Listen. Returns when the page can be read."""
        os.environ.update(_ENVIRONMENT)
        # Gradio makes a folder there, which must not be beside our own.
        os.environ.setdefault("GRADIO_TEMP_DIR", str(self.settings.cache / "gradio"))
        asked = self.settings.port
        if asked is not None:
            free_port(self.settings.host, asked)  # a wrong wish is told before the long import
        self._demo, options = self.build()
        for _ in range(TRIES):
            port = free_port(self.settings.host, asked)
            try:
                self._launch(port, options)
            except OSError:
                continue  # somebody took it between the look and the launch
            self.port = port
            return
        raise InvalidInput(f"Port {port} was taken meanwhile.", "Start again.")

    def build(self) -> tuple[Any, dict[str, Any]]:
        """The Blocks that are served, and how."""
        from rebuttal.ui.page import build_ui, launch_options

        return build_ui(self.app), launch_options()

    def _launch(self, port: int, options: dict[str, Any]) -> None:
        _, self.address, public = self._demo.launch(
            server_name=self.settings.host,
            server_port=port,
            share=self.settings.share,
            prevent_thread_lock=True,
            app_kwargs={"lifespan": self._lifespan},
            **{**options, "max_threads": LISTENERS * self.settings.streams},
        )
        self.public_address = public or ""
        if self._guard:
            self._guard.harden(self._demo.server)
            if self.public_address:
                self._guard.answer_to(urlparse(self.public_address).hostname or "")

    def wait(self) -> None:
        """Until Ctrl-C or SIGTERM."""

        def end(_: int, __: FrameType | None) -> None:
            self._ended.set()

        signal.signal(signal.SIGTERM, end)
        with suppress(KeyboardInterrupt):
            # Windows does not interrupt an endless wait.
            while not self._ended.wait(1.0):
                pass

    def close(self) -> None:
        """End debates, keeping what was said, then the server."""
        if self._loop and self._loop.is_running():
            closing = asyncio.run_coroutine_threadsafe(self.app.close(), self._loop)
            with suppress(RebuttalError, TimeoutError):
                closing.result(CLOSE_WITHIN)
        if self._demo:
            self._demo.close(verbose=False)

    @asynccontextmanager
    async def _lifespan(self, served: Any) -> AsyncIterator[None]:
        from rebuttal.ui.raw import OneState, RawBlocks

        self._loop = asyncio.get_running_loop()
        if isinstance(self._demo, RawBlocks):
            served.state_holder = OneState(self._demo)
        tidying = asyncio.create_task(self.app.history.keep_tidy())
        standing_by = asyncio.create_task(self.app.stand_by())
        try:
            async with self._guarded(served):
                yield
        finally:
            tidying.cancel()
            standing_by.cancel()

    @asynccontextmanager
    async def _guarded(self, served: Any) -> AsyncIterator[None]:
        if self._guard is None:
            yield
            return
        from rebuttal.ui.queue import PageQueue

        # Not as a middleware of the app's: Gradio puts its own, which answers any Origin, outside.
        guarded = self._guard.stand_before(served.middleware_stack, PageQueue(self._demo))
        served.middleware_stack = guarded
        living = asyncio.create_task(self._guard.live())
        yield
        living.cancel()


def free_port(host: str, asked: int | None) -> int:
    """The asked port, else the first free one from 7860. Raises InvalidInput when it is taken."""
    if asked is not None:
        if not _is_free(host, asked):
            raise InvalidInput(
                f"Port {asked} is taken.", "Choose another with --port, or leave it out."
            )
        return asked
    for port in range(FIRST_PORT, FIRST_PORT + PORTS):
        if _is_free(host, port):
            return port
    raise InvalidInput(
        f"No port from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} is free.",
        "Choose one with --port.",
    )


def house_addresses(port: int) -> list[str]:
    """Where others of the network find this machine: by its name, and by its address if known."""
    names = [socket.gethostname()]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # sends nothing: the system chooses the way out
        names.append(probe.getsockname()[0])
    return [f"http://{name}:{port}/" for name in names]


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError:
            return False
    return True

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
from typing import Any

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
}


def serve(settings: Settings) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises RebuttalError, InvalidInput for a taken port."""
    run_page(Page(settings))


def run_page(page: Page) -> None:
    """Open the page, say where it is, and close it in the end."""
    page.open()
    moved = page.settings.port is None and page.port != FIRST_PORT
    why = f"port {FIRST_PORT} is taken; " if moved else ""
    print(f"Rebuttal is at {page.address}   ({why}Ctrl-C ends it)", flush=True)
    if page.public_address:
        print(f"and, for everybody, at {page.public_address}", flush=True)
    page.wait()
    page.close()


class Page:
    """A served page and its app, which lives in the server's event loop."""

    def __init__(self, settings: Settings, app: DebateApp | None = None) -> None:
        self.settings = settings
        self.app = app or DebateApp(settings)
        self.address = ""
        self.port = 0
        self.public_address = ""
        self._demo: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = threading.Event()

    def open(self) -> None:
        """Listen. Returns when the page can be read."""
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        asked = self.settings.port
        if asked is not None:
            free_port(self.settings.host, asked)  # a wrong wish is told before the long import
        from rebuttal.ui.page import build_ui, launch_options

        self._demo = build_ui(self.app)
        for _ in range(TRIES):
            port = free_port(self.settings.host, asked)
            try:
                self._launch(port, launch_options())
            except OSError:
                continue  # somebody took it between the look and the launch
            self.port = port
            return
        raise InvalidInput(f"Port {port} was taken meanwhile.", "Start again.")

    def _launch(self, port: int, options: dict[str, Any]) -> None:
        _, self.address, public = self._demo.launch(
            server_name=self.settings.host,
            server_port=port,
            share=self.settings.share,
            prevent_thread_lock=True,
            app_kwargs={"lifespan": self._lifespan},
            **options,
        )
        self.public_address = public or ""

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
    async def _lifespan(self, _: object) -> AsyncIterator[None]:
        self._loop = asyncio.get_running_loop()
        yield


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

"""Serving the page: the port, the address, and an orderly end."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol
from urllib.parse import urlparse

from rebuttal.app import DebateApp
from rebuttal.errors import Busy
from rebuttal.serving import close_app, free_port, on_free_port, run_served, wait_for_the_end
from rebuttal.settings import Settings
from rebuttal.ui.lean_import import lean_import

# Read by Gradio when it is imported. The first keeps the price of a queued event from growing.
_ENVIRONMENT = {
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # uvicorn would believe any program of this machine about where a request came from.
    "FORWARDED_ALLOW_IPS": "",
}
OURSELVES = ("localhost", "127.0.0.1", "::1")
LISTENERS = 2
"""Events that run for one stream: what is settled, and what is being said."""


def _reach_ourselves(host: str) -> None:
    """Gradio asks its own address when it starts, which no proxy of the environment may answer."""
    named = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    without = ",".join(dict.fromkeys((*filter(None, named.split(",")), *OURSELVES, host)))
    os.environ.update(NO_PROXY=without, no_proxy=without)


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
    # Gradio would set matplotlib up for each update of a page, and ours draw nothing with it.
    sys.modules.setdefault("matplotlib", None)  # type: ignore[arg-type]
    run_served(page)


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

    def open(self) -> None:
        """Listen. Returns when the page can be read."""
        os.environ.update(_ENVIRONMENT)
        # Gradio makes a folder there, which must not be beside our own.
        os.environ.setdefault("GRADIO_TEMP_DIR", str(self.settings.cache / "gradio"))
        _reach_ourselves(self.settings.host)
        asked = self.settings.port
        if asked is not None:
            free_port(self.settings.host, asked)  # a wrong wish is told before the long import
        self._demo, options = self.build()
        self.port = on_free_port(
            self.settings.host, asked, lambda port: self._launch(port, options)
        )

    def build(self) -> tuple[Any, dict[str, Any]]:
        """The Blocks that are served, and how."""
        with lean_import():
            from rebuttal.ui.page import build_ui, launch_options

        return build_ui(self.app), launch_options(self.settings.style)

    def _launch(self, port: int, options: dict[str, Any]) -> None:
        try:
            _, self.address, public = self._demo.launch(
                server_name=self.settings.host,
                server_port=port,
                share=self.settings.share,
                prevent_thread_lock=True,
                app_kwargs={"lifespan": self._lifespan},
                **{**options, "max_threads": LISTENERS * self.settings.streams},
            )
        except ValueError as exc:
            if "localhost is not accessible" not in str(exc):
                raise
            # Gradio's advice is a public link.
            raise Busy(
                f"The page was opened at port {port} and did not answer within 3 s.",
                "This machine may have too much to do: start again.",
            ) from None
        self.public_address = public or ""
        if self._guard:
            self._guard.harden(self._demo.server)
            if self.public_address:
                self._guard.answer_to(urlparse(self.public_address).hostname or "")

    def wait(self) -> None:
        """Until Ctrl-C or SIGTERM."""
        wait_for_the_end()

    def close(self) -> None:
        """End debates, keeping what was said, then the server."""
        close_app(self.app, self._loop)
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

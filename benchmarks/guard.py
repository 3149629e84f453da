"""What the guard adds to a request, and to each update of a streamed turn.

    python -m benchmarks.guard

The guard as strangers have it, in front of an app that does nothing, without sockets.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rebuttal.app import DebateApp
from rebuttal.settings import load_settings
from rebuttal.web.asgi import App, Message, Receive, Scope, Send
from rebuttal.web.guard import Guard
from rebuttal.web.visitors import Visitors

TIMES = 3000
UPDATES = 30_000
UPDATE = b"x" * 340
TAB = "cpxb3z2o0l9"
CALL = json.dumps(
    {
        "data": ["a debate and a mark"] * 30,
        "event_data": None,
        "fn_index": 64,
        "trigger_id": 256,
        "session_hash": TAB,
    }
).encode()
BROWSER = [
    (b"host", b"127.0.0.1:7860"),
    (b"origin", b"http://127.0.0.1:7860"),
    (b"sec-fetch-site", b"same-origin"),
    (b"user-agent", b"x" * 100),
    (b"accept", b"*/*"),
    (b"content-type", b"application/json"),
]


class IdleQueue:
    """A queue in which nothing happens."""

    def works(self) -> bool:
        return True

    def is_full(self) -> bool:
        return False

    def takes(self, fn_index: int, inputs: int, queued: bool) -> bool:
        return True

    def pending(self, session_hash: str) -> tuple[str, ...]:
        return ()

    def holds(self, session_hash: str) -> bool:
        return True

    def backlog(self, session_hash: str) -> int:
        return 0

    async def forget(self, session_hash: str) -> None: ...


async def idle(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers at once; a stream with many updates."""
    if scope["method"] == "POST":
        await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(UPDATES if scope["path"].endswith("/data") else 0):
        await send({"type": "http.response.body", "body": UPDATE, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


class Browser:
    """Sends requests of the page to an app, with the cookie it was given."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._cookie = b""

    async def send(self, method: str, path: str, query: bytes = b"") -> None:
        """One request; raises where it was refused."""
        scope: Scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "scheme": "http",
            "client": ("203.0.113.7", 4711),
            "headers": [*BROWSER, (b"cookie", self._cookie)],
        }
        await self._app(scope, self._receive, self._keep)

    async def _receive(self) -> Message:
        return {"type": "http.request", "body": CALL, "more_body": False}

    async def _keep(self, message: Message) -> None:
        if message["type"] != "http.response.start":
            return
        if message["status"] != 200:
            raise RuntimeError(f"refused: {message['status']}")
        for name, value in message["headers"]:
            if name == b"set-cookie":
                self._cookie = value.partition(b";")[0]


async def measure(make: Callable[[], App]) -> dict[str, float]:
    """Microseconds of processor time, by what was asked."""
    browser = Browser(make())
    await browser.send("GET", "/")
    api = "/gradio_api"
    requests = {
        "asset": ("GET", "/assets/index.js"),
        "event": ("POST", f"{api}/run/predict"),
        "join": ("POST", f"{api}/queue/join"),
    }
    took = {}
    for name, (method, path) in requests.items():
        began = time.process_time()
        for _ in range(TIMES):
            await browser.send(method, path)
        took[name] = (time.process_time() - began) / TIMES * 1e6
    began = time.process_time()
    await browser.send("GET", f"{api}/queue/data", f"session_hash={TAB}".encode())
    took["update"] = (time.process_time() - began) / UPDATES * 1e6
    return took


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        limits = ("requests_per_visitor", "requests_per_network", "requests")
        settings = load_settings(
            profile="public",
            data=Path(folder),
            cache=Path(folder),
            **dict.fromkeys(limits, 10**9),
        )

        def guarded() -> App:
            app = DebateApp(settings)
            guard = Guard(app, Visitors(settings), environment={})
            return guard.stand_before(idle, IdleQueue())

        with_it, without = await measure(guarded), await measure(lambda: idle)
    for name, took in with_it.items():
        print(f"{name:8} {took - without[name]:6.1f} us more")


if __name__ == "__main__":
    asyncio.run(main())

"""MCP at ``/mcp``, behind the guard: streamable HTTP without sessions, so any process serves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from mcp.server.transport_security import TransportSecuritySettings

from rebuttal.app import DebateApp
from rebuttal.mcp.caller import visitor
from rebuttal.mcp.server import build_server
from rebuttal.records import Visitor

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PATH = "/mcp"


class McpOverHttp:
    """An ASGI app. The guard has looked at name and origin and found out who asks."""

    def __init__(self, app: DebateApp) -> None:
        server = build_server(app, visitor)
        checked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        self._inner = server.streamable_http_app(
            streamable_http_path=PATH, stateless_http=True, transport_security=checked
        )
        self._requests = server.session_manager
        self._starting = asyncio.Lock()
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await _refuse(send, 404, "There is nothing here; MCP is at /mcp.")
        elif not isinstance(scope.get("rebuttal.visitor"), Visitor):
            await _refuse(send, 401, "Send a token as Authorization: Bearer ...")
        elif scope["method"] != "POST":
            # Nothing is ever said without having been asked for, so there is no stream to get.
            await _refuse(send, 405, "Only POST.")
        else:
            await self._start()
            await self._inner(scope, receive, send)

    async def _start(self) -> None:
        """The package wants to be running before the first request."""
        async with self._starting:
            if self._running is None:
                ready = asyncio.Event()
                self._running = asyncio.create_task(self._run(ready), name="mcp")
                await ready.wait()

    async def _run(self, ready: asyncio.Event) -> None:
        async with self._requests.run():
            ready.set()
            await asyncio.Event().wait()


async def _refuse(send: Send, status: int, words: str) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": words}})
    headers = [(b"content-type", b"application/json")]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if status == 405:
        headers.append((b"allow", b"POST"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})

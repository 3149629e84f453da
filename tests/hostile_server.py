"""A server that says what a hostile upstream would, and one that must never be asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Refusal = Callable[[Mapping[str, str]], tuple[int, str, bytes]]
"""From a request's headers to status, content type and body."""


class Upstream:
    """Speaks the OpenAI-compatible API on loopback while entered.

    ``said`` are its speeches, in turn; ``names`` the models it reports. With ``refusal`` every
    request is answered by that. ``asked`` keeps paths, ``keys`` the Authorization headers.
    """

    def __init__(
        self,
        said: Sequence[str] = ("Yes.",),
        names: Sequence[str] = (),
        refusal: Refusal | None = None,
    ) -> None:
        self.said = said
        self.names = names
        self.refusal = refusal
        self.asked: list[str] = []
        self.keys: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port: int = self._server.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None: ...

            def do_GET(self) -> None:
                upstream.answer(self)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                upstream.answer(self)

        return Handler

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Write the answer to one request."""
        self.asked.append(handler.path)
        self.keys.append(handler.headers.get("authorization", ""))
        status, kind, body = self._reply(handler)
        handler.send_response(status)
        handler.send_header("content-type", kind)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        try:
            handler.wfile.write(body)
        except OSError:
            return  # the other side has read enough

    def _reply(self, handler: BaseHTTPRequestHandler) -> tuple[int, str, bytes]:
        if self.refusal:
            return self.refusal(dict(handler.headers))
        if handler.path.endswith("/models"):
            listed = json.dumps({"data": [{"id": name} for name in self.names]})
            return 200, "application/json", listed.encode()
        turn = sum(path.endswith("/completions") for path in self.asked) - 1
        text = self.said[turn % len(self.said)]
        pieces = [text[at : at + 40] for at in range(0, len(text), 40)]
        chunks = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
        return 200, "text/event-stream", "".join([*lines, "data: [DONE]\n\n"]).encode()


class Spy:
    """Listens on loopback and keeps what it was asked."""

    def __init__(self) -> None:
        self._upstream = Upstream(refusal=lambda _: (200, "image/gif", b""))
        self.asked = self._upstream.asked
        self.port = self._upstream.port

    def __enter__(self) -> Self:
        self._upstream.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._upstream.__exit__()

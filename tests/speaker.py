"""An OpenAI-compatible server that says one speech after the other, each a word a token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from threading import Thread

import pytest

SPEECHES = cycle(
    f"{who} {does} before anybody has {asked}."
    for who, does, asked in zip(
        ("A kettle", "Every market", "No library", "The harbour", "My neighbour", "Some bridge"),
        ("sings", "closes its gates", "lends a novel", "freezes over", "paints fences", "bends"),
        ("counted the cups", "paid a toll", "read the rules", "come home", "rung twice", "slept"),
        strict=True,
    )
)


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._send("application/json", json.dumps({"data": [{"id": "small"}]}).encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        words = next(SPEECHES).split(" ")
        said = [
            {"content": word if not number else f" {word}"} for number, word in enumerate(words)
        ]
        choices: list[dict[str, object]] = [
            {"index": 0, "delta": delta, "finish_reason": None} for delta in said
        ]
        choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
        usage = {"prompt_tokens": 40, "completion_tokens": len(words), "total_tokens": 40}
        events = [*({"choices": [choice]} for choice in choices), {"choices": [], "usage": usage}]
        lines = [f"data: {json.dumps(event)}\n\n" for event in events]
        self._send("text/event-stream", "".join([*lines, "data: [DONE]\n\n"]).encode())

    def _send(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="session")
def speaker() -> Iterator[str]:
    """Where it listens."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()

"""Programs that take more than they were given: answers after their token ended, and places."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import Any

import httpx
import pytest

from tests.listening import ANN, calling, served, token
from tests.served import Served
from tests.test_api_live import revoke_all

SEAT = {"persona": "cynic", "model": "Endless"}
ASKED: list[tuple[str, dict[str, Any]]] = [
    ("api/v1/generate", {"prompt": "x", "model": "Endless", "stream": True}),
    ("api/v1/chat", {"message": "x", "model": "Endless"}),
    ("api/v1/panels/endless/ask", {"question": "x", "stream": True}),
    ("mcp", {"name": "ask_panel", "arguments": {"panel": "endless", "question": "x"}}),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("abuse")


@pytest.fixture(scope="module")
def there(folder: Path) -> Iterator[Served]:
    with served(folder, "profile=public", "mcp=true", "looks=0.2", "running=1") as running:
        with calling(running, token(folder, ANN)) as ann:
            table = {"seats": [SEAT], "rounds": 1, "chair": SEAT}
            assert ann.web.put("/panels/endless", json=table).status_code == 200
        yield running


@pytest.mark.parametrize(("path", "body"), ASKED)
def test_an_answer_ends_with_the_token_that_asked_for_it(
    folder: Path, there: Served, path: str, body: dict[str, Any]
) -> None:
    headers = {
        "authorization": f"Bearer {token(folder, ANN)}",
        "accept": "application/json, text/event-stream",
    }
    if path == "mcp":
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": body}
    revoking = Timer(0.5, revoke_all, [folder])
    revoking.start()
    began = time.monotonic()
    with httpx.Client(headers=headers, timeout=8) as web, pytest.raises(httpx.TransportError):
        web.post(f"{there.address}{path}", json=body)
    revoking.join()
    assert time.monotonic() - began < 5
    with calling(there, token(folder, ANN)) as ann:  # the one place is free again
        ann.post("/generate", {"prompt": "x", "model": "Quick"})

"""docs/chat-api.md against the real program and its built-in model."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rebuttal.settings import HOME
from rebuttal.web.api.chat_schemas import Generate, Said
from tests.built_in import BuiltIn
from tests.served import Served, serving
from tests.snippets import blocks, runs

DOCS = (HOME / "docs" / "chat-api.md").read_text("utf-8")
SERVE, *COMMANDS = blocks("docs/chat-api.md", "sh")
DOCUMENTED = "http://127.0.0.1:7860/"

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("curl") is None,
    reason="the commands are for curl and a POSIX shell",
)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory, built_in: BuiltIn) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("docs")
    environment = {**os.environ, "REBUTTAL_DATA": str(folder)}
    with serving(folder, "-m", *SERVE.text.split(), environment=environment) as page:
        yield page


def run(there: Served, command: str) -> str:
    """Type a command; what it printed."""
    words = ["sh", "-c", command.replace(DOCUMENTED, there.address)]
    done = subprocess.run(words, capture_output=True, encoding="utf-8", timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@runs(SERVE, *COMMANDS)
def test_every_command_of_the_page_does_what_it_says(there: Served) -> None:
    lines = (line for block in COMMANDS for line in block.lines)
    chat, streamed, generate, info, load, unload = lines
    assert json.loads(run(there, info))["state"] == "ready"
    answer = json.loads(run(there, chat))
    assert set(answer) == set(Said.model_fields)
    assert (answer["model"], answer["persona"]) == ("SmolLM2", "polite")
    assert answer["text"]
    events = re.findall(r"^event: (\w+)$", run(there, streamed), re.M)
    assert (events[0], events[-1]) == ("begun", "done")
    assert "delta" in events
    first, second = (json.loads(run(there, generate))["text"] for _ in range(2))
    assert first == second
    loaded = run(there, load)
    assert loaded.startswith("event: ")
    assert '"state":"loaded"' in loaded
    assert json.loads(run(there, info))["memory"] > 100_000_000
    assert json.loads(run(there, unload))["state"] == "ready"


def test_what_the_page_names_is_there(there: Served) -> None:
    described = json.loads(run(there, f"curl -s {DOCUMENTED}api/v1/openapi.json"))["paths"]
    named = set(re.findall(r"`(?:GET|POST) (/[\w/-]+)", DOCS))
    known = {re.sub(r"\{\w+\}", "ID", path.removeprefix("/api/v1")) for path in described}
    assert named <= known
    fields = re.search(r"Fields: (.*?)\. ", DOCS)
    assert fields
    assert set(re.findall(r"`(\w+)`", fields[1])) == set(Generate.model_fields)

"""docs/programs.md: each of its commands, in the terminal and over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from rebuttal.app import DebateApp
from rebuttal.records import Power
from rebuttal.settings import HOME, load_settings
from tests.served import serving
from tests.snippets import blocks, runs
from tests.terminal_app import TEA
from tests.test_cli import Typing, typed

__all__ = ["typed"]

DOCS = (HOME / "docs" / "programs.md").read_text("utf-8")
TOKENS, PANELS, HTTP = blocks("docs/programs.md", "sh")
DOCUMENTED = "http://127.0.0.1:7860/"


def words_of(command: str) -> list[str]:
    """What is typed behind ``rebuttal``, to a model that is there."""
    first, *words = shlex.split(command.partition(" >")[0].replace(":SmolLM2", ":Tea"))
    assert first == "rebuttal"
    return words


@runs(TOKENS)
def test_the_commands_of_tokens_do_what_they_say(typed: Typing) -> None:
    ended = [typed(*words_of(command)) for command in TOKENS.lines]
    assert [one.code for one in ended] == [0] * 4
    assert re.fullmatch(r"rebuttal-[\w-]{43}\n", ended[0].out)
    assert "It may read, works until" in ended[1].err
    assert [name in ended[2].out for name in ("my editor", "dashboard")] == [True, True]
    assert "dashboard" not in typed("token", "list").out


@runs(PANELS)
def test_the_commands_of_panels_do_what_they_say(typed: Typing) -> None:
    ended = [typed(*words_of(command)) for command in PANELS.lines]
    assert [(one.code, one.err) for one in ended] == [(0, "")] * 6
    _, listed, shown, asked, answer, _ = (one.out for one in ended)
    assert "Philosopher, Cynic, Rational" in listed
    assert "chair  Pragmatist" in shown
    assert answer.strip() in TEA
    assert "Summing up" in asked
    assert typed("panel", "list", "--json").out == "[]\n"


@runs(HTTP)
@pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("curl") is None,
    reason="the commands are for curl and a POSIX shell",
)
def test_the_same_over_http_with_a_token(tmp_path: Path) -> None:
    async def make() -> str:
        async with DebateApp(load_settings(data=tmp_path)) as app:
            return await app.tokens.make("docs")

    (tmp_path / "token.txt").write_text(f"{asyncio.run(make())}\n")
    with serving(tmp_path, "-m", "tests.api_app", str(tmp_path), "profile=lan") as page:

        def run(command: str) -> str:
            command = command.replace(DOCUMENTED, page.address).replace("SmolLM2", "Quick")
            words = ["sh", "-ec", command]
            done = subprocess.run(words, capture_output=True, encoding="utf-8", cwd=tmp_path)
            assert done.returncode == 0, done.stderr
            return done.stdout

        saved, asked, listed = (json.loads(run(command)) for command in HTTP.lines)
        refused = json.loads(run(f"curl -s {DOCUMENTED}api/v1/panels"))
    assert saved["name"] == "three"
    assert asked["answer"].startswith("Speech")
    assert listed == {"items": [saved]}
    assert refused["status"] == 401


def test_every_power_is_explained() -> None:
    assert re.findall(r"^\| `(\w+)` \|", DOCS, re.M) == [*get_args(Power)]

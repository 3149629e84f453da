"""The programs of docs/python.md, each run as it is written, and typed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rebuttal.settings import HOME

PAGE = (HOME / "docs" / "python.md").read_text("utf-8")
TEN_LINES, SYNC, SCHEDULER, PROVIDER = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
PROGRAMS = {"ten_lines": TEN_LINES, "sync": SYNC, "scheduler": SCHEDULER, "provider": PROVIDER}


def run(folder: Path, program: str) -> str:
    """What it prints."""
    file = folder / "program.py"
    file.write_text(program, "utf-8")
    env = os.environ | {"PYTHONPATH": str(HOME), "REBUTTAL_DATA": str(folder / "data")}
    done = subprocess.run(
        [sys.executable, str(file)],
        cwd=folder,
        env=env,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def own_lines(program: str) -> int:
    """Lines of what it does, without imports and what every such program has."""
    begins = program.index("async def main")
    return len([line for line in program[begins:].splitlines()[1:] if line.startswith("    ")])


@pytest.mark.usefixtures("built_in")
def test_a_debate_in_ten_lines(tmp_path: Path) -> None:
    assert own_lines(TEN_LINES) <= 10
    said = run(tmp_path, TEN_LINES).split("\n\n")
    assert said[0] == "Is tea better than coffee?"
    assert len([speech for speech in said if speech.strip()]) >= 3


@pytest.mark.usefixtures("built_in")
def test_a_script_without_await(tmp_path: Path) -> None:
    assert "# Is tea better than coffee?" in run(tmp_path, SYNC)


@pytest.mark.usefixtures("built_in")
def test_an_own_scheduler_and_what_it_keeps(tmp_path: Path) -> None:
    *said, kept = run(tmp_path, SCHEDULER).strip().split("\n\n")
    assert {line.split(":")[0] for line in said} >= {"Idealist", "Cynic", "Historian"}
    reading = [sys.executable, "-m", "rebuttal", "show", kept.removeprefix("kept as ")]
    env = os.environ | {"PYTHONPATH": str(HOME), "REBUTTAL_DATA": str(tmp_path / "data")}
    shown = subprocess.run(reading, cwd=tmp_path, env=env, capture_output=True, encoding="utf-8")
    assert "Should zoos be closed?" in shown.stdout


def test_an_own_provider(tmp_path: Path) -> None:
    said = run(tmp_path, PROVIDER)
    assert said.count("none of them true") == 2


WRONG = """
from typing import assert_type
from rebuttal import Seat, SyncDebateApp, Turn
from rebuttal.events import DebateEvent

with SyncDebateApp() as app:
    debate = app.start("Tea?", [Seat(persona="cynic", model="SmolLM2")], rounds=1)
    assert_type(debate, str)
    for events in app.watch(debate):
        assert_type(events, list[DebateEvent])
    assert_type(app.transcript(debate), tuple[Turn, ...])
    app.start("Tea?", [], round=1)
    app.history.rename(debate, 3)
"""
"""In its last two lines."""


def test_type_checkers_know_every_argument_and_answer(tmp_path: Path) -> None:
    for name, program in {**PROGRAMS, "wrong": WRONG}.items():
        (tmp_path / f"{name}.py").write_text(program, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *map(str, tmp_path.glob("*.py"))],
        cwd=HOME,
        capture_output=True,
        encoding="utf-8",
    )
    first, second, _ = done.stdout.splitlines()
    assert "wrong.py:12: error: Unexpected keyword" in first
    assert "wrong.py:13: error: Argument 2" in second
    assert 'did you mean "rounds"' in first
    assert 'expected "str"' in second

"""The programs of docs/python.md, each run as it is written, and typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from rebuttal.settings import HOME
from tests.desk import Desk
from tests.snippets import blocks, runs

TEN_LINES, SYNC, BUILT_IN, SCHEDULER, PROVIDER = PROGRAMS = blocks("docs/python.md", "python")


def own_lines(program: str) -> int:
    """Lines of what it does, without imports and what every such program has."""
    begins = program.index("async def main")
    return len([line for line in program[begins:].splitlines()[1:] if line.startswith("    ")])


@runs(TEN_LINES)
def test_a_debate_in_ten_lines(real_desk: Desk) -> None:
    assert own_lines(TEN_LINES.text) <= 10
    said = real_desk.python(TEN_LINES).split("\n\n")
    assert said[0] == "Is tea better than coffee?"
    assert len([speech for speech in said if speech.strip()]) >= 3


@runs(SYNC)
def test_a_script_without_await(desk: Desk) -> None:
    assert "# Is tea better than coffee?" in desk.python(SYNC)


@runs(BUILT_IN)
def test_the_built_in_model_for_an_own_client(real_desk: Desk) -> None:
    assert real_desk.python(BUILT_IN).strip()


@runs(SCHEDULER)
def test_an_own_scheduler_and_what_it_keeps(desk: Desk) -> None:
    *said, kept = desk.python(SCHEDULER).strip().split("\n\n")
    assert {line.split(":")[0] for line in said} >= {"Idealist", "Cynic", "Historian"}
    shown = desk.sh(f"rebuttal show {kept.removeprefix('kept as ')}")
    assert "Should zoos be closed?" in shown


@runs(PROVIDER)
def test_an_own_provider(desk: Desk) -> None:
    assert desk.python(PROVIDER).count("none of them true") == 2


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


@runs(*PROGRAMS)
def test_type_checkers_know_every_argument_and_answer(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(WRONG, "utf-8")
    for program in PROGRAMS:
        (tmp_path / f"line{program.line}.py").write_text(program.text, "utf-8")
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

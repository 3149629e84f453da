"""The terminal as a process: Ctrl-C, pipes that close, a real terminal of 80 columns."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rebuttal.settings import HOME
from tests.terminal_app import COFFEE, HALF, TEA

TWO = ("--seat", "philosopher:Tea", "--seat", "cynic:Coffee:1b", "--rounds", "1")

ENV = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
ENV |= {"COLUMNS": "80", "TERM": "xterm-256color"}


def start(
    *words: str, data: Path, stream: int = subprocess.PIPE, **env: str
) -> subprocess.Popen[str]:
    """The scripted command line as a process; all three streams are ``stream``."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.terminal_app", *words, "--data", str(data)],
        cwd=HOME,
        env=ENV | env,
        encoding="utf-8",
        stdin=stream,
        stdout=stream,
        stderr=stream,
    )


@contextmanager
def running(*words: str, data: Path) -> Iterator[subprocess.Popen[str]]:
    """``start`` with pipes; the process is gone afterwards whatever happened."""
    with start(*words, data=data) as process:
        try:
            yield process
        finally:
            process.kill()


def test_ctrl_c_keeps_the_half_said_turn_and_says_how_to_go_on(tmp_path: Path) -> None:
    seats = ("--seat", "cynic:Tea", "--seat", "polite:Silent", "--rounds", "1")
    with running("debate", "Tea?", *seats, "--json", data=tmp_path) as process:
        assert process.stdout
        events, said = [], ""
        while said != HALF:
            events.append(json.loads(process.stdout.readline()))
            if events[-1]["kind"] == "turn_delta" and events[-1]["seat"] == "seat2":
                said += events[-1]["text"]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 130
    events += map(json.loads, out.splitlines())
    assert events[-1]["kind"] == "debate_paused"
    half = events[-2]
    assert (half["kind"], half["seat"], half["finish"]) == ("turn_finished", "seat2", "stopped")
    assert half["text"] == HALF
    assert f"rebuttal resume {events[0]['debate']}" in err
    assert "Traceback" not in err


def test_a_reader_that_goes_away_ends_the_debate_quietly(tmp_path: Path) -> None:
    words = ("debate", "Tea?", "--seat", "polite:Endless", "--json")
    with running(*words, data=tmp_path) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=20) == 1
        assert "Traceback" not in process.stderr.read()


def test_chat_answers_every_line_of_a_pipe(tmp_path: Path) -> None:
    with running("chat", "rational:Tea", data=tmp_path) as process:
        out, err = process.communicate("What is tea?\n\nAnd why?\n", timeout=20)
        assert (process.returncode, err) == (0, "")
    assert [line for line in out.splitlines() if line in TEA] == [*TEA]
    assert "round" not in out


def test_chat_tries_again_after_a_problem(tmp_path: Path) -> None:
    with running("chat", "rational:Away", data=tmp_path) as process:
        _, err = process.communicate("What is tea?\nAnd now?\n", timeout=20)
        assert process.returncode == 1
    assert err.count("connection refused") == 2


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    code = "import sys, rebuttal.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"gradio", "openai", "sqlalchemy", "ollama", "xllamacpp", "huggingface_hub"}
    assert not heavy & set(done.stdout.split())


@pytest.mark.parametrize("program", ["debate_app.py", "-m rebuttal serve"])
def test_help_explains_each_option_of_the_page(program: str) -> None:
    command = [sys.executable, *program.split(), "--help"]
    env = ENV | {"NO_COLOR": "1"}
    done = subprocess.run(command, cwd=HOME, env=env, capture_output=True, text=True, check=True)
    for option in ("host", "port", "share", "models", "personas", "data"):
        assert f"--{option} " in done.stdout
        assert f"REBUTTAL_{option.upper()}" in done.stdout.replace("\n", " ")


class Screen:
    """A terminal of 80 columns on which one command runs."""

    def __init__(self, data: Path) -> None:
        # Imported here because Windows has no such terminals.
        import pty

        self._data = data
        self._ours, self._theirs = pty.openpty()
        self._shown = b""
        self._process: subprocess.Popen[str] | None = None

    def run(self, *words: str, **env: str) -> None:
        self._process = start(*words, data=self._data, stream=self._theirs, **env)

    def until(self, text: str) -> str:
        """Read until ``text`` has been shown; everything so far."""
        deadline = time.monotonic() + 20
        while text not in self.plain:
            readable, _, _ = select.select([self._ours], [], [], 0.2)
            if readable:
                self._shown += os.read(self._ours, 4096)
            assert time.monotonic() < deadline, self.text
        return self.text

    @property
    def text(self) -> str:
        return self._shown.decode("utf-8", "replace").replace("\r\n", "\n")

    @property
    def plain(self) -> str:
        """What is shown, without what colours it."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.text)

    def interrupt(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGINT)

    def wait(self) -> int:
        assert self._process
        return self._process.wait(timeout=20)

    def close(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
        os.close(self._ours)
        os.close(self._theirs)


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    if sys.platform == "win32":
        pytest.skip("Windows has no pseudo-terminals of this kind")
    screen = Screen(tmp_path)
    yield screen
    screen.close()


def test_a_plain_debate_streams_in_colour_and_breaks_at_words(screen: Screen) -> None:
    screen.run("debate", "Tea or coffee?", *TWO, "--plain")
    assert screen.wait() == 0
    text = screen.until("page.")
    lines = screen.plain.splitlines()
    assert max(map(len, lines)) <= 80
    assert "38;2;" in text or "38;5;" in text
    said = [line.removeprefix("│ ") for line in lines if line.startswith("│ ")]
    assert " ".join(said) == f"{TEA[0]} {COFFEE[0]}"
    assert len(said) > 2


def test_no_colour_where_none_is_wanted(screen: Screen) -> None:
    screen.run("debate", "Tea or coffee?", *TWO, NO_COLOR="1")
    assert screen.wait() == 0
    assert "38;" not in screen.until("page.")


def test_what_is_waited_for_stands_there_only_while_it_lasts(screen: Screen) -> None:
    screen.run("debate", "Tea?", "--seat", "polite:Silent")
    screen.until("loading the model")
    screen.until("The half that was")
    screen.interrupt()
    assert screen.wait() == 130
    screen.until("rebuttal resume")
    assert "(stopped by a person)" in screen.plain

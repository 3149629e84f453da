"""A terminal whose screen can be read, and a command line to run on it: python -m tests.glass.

What is printed goes through pyte, which emulates a terminal, so that a test sees what a person
would see, and what they would find above it when they scroll back.
"""

from __future__ import annotations

import os
import select
import struct
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyte

from rebuttal.__main__ import run
from rebuttal.app import DebateApp
from rebuttal.cli.commands import terminal
from rebuttal.providers.base import ChatModel
from rebuttal.providers.scripted import Line, ScriptedModel
from rebuttal.settings import HOME, Settings
from tests.running import Running, start
from tests.terminal_app import chat_models, serve

HELD = "Tea keeps a mind calm, and a calm mind weighs every claim before it speaks one word of it."
LONG = " ".join(f"Reason {number} is that it grows on hills." for number in range(1, 61))
STING = "\x1b]0;owned\x07\x1b[2J\x1b[31;1m\x9b5A\u202e[bold]it[/bold] \x1b[?1049h said"
UNSET = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "COLORFGBG", "XTERM_VERSION", "TMUX", "STY")


def models() -> dict[str, ChatModel]:
    """Those of terminal_app, one that holds its turn open, and long and hostile ones."""
    return {
        **chat_models(),
        "Held": ScriptedModel([Line(HELD, next="silence")], delay=0.06),
        "Long": ScriptedModel([LONG], repeat=True, delay=0.004),
        "Sting": ScriptedModel([STING + " " + HELD], repeat=True, delay=0.01),
        "Thinker": ScriptedModel([Line("So.", reasoning="well " * 40)], repeat=True, delay=0.03),
        "Wide": ScriptedModel(
            ["茶は心を静め、静かな心は言葉を量る。👩‍👩‍👧 " * 6], repeat=True, delay=0.02
        ),
    }


def open_app(settings: Settings) -> DebateApp:
    """An app on the scripted models."""
    return DebateApp(settings, chat_models=models())


class Glass:
    """A terminal of that size on which one command runs."""

    def __init__(self, columns: int, rows: int) -> None:
        # Imported here because Windows has no such terminals.
        import pty

        self._ours, self._theirs = pty.openpty()
        self._screen = pyte.HistoryScreen(columns, rows, history=2000, ratio=0.01)
        self._stream = pyte.ByteStream(self._screen)
        self._process: Running | None = None
        self.raw = b""
        self._tell_size(columns, rows)

    def run(self, *words: str, data: Path | None, module: str = "tests.glass", **env: str) -> None:
        """Start it, with that data folder unless it works at a server."""
        kept = {name: value for name, value in os.environ.items() if name not in UNSET}
        self._process = start(
            *("-m", module, *words, *(("--data", str(data)) if data else ())),
            environment={**kept, "TERM": "xterm-256color", **env},
            folder=HOME,
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
        )

    def resize(self, columns: int, rows: int) -> None:
        """As somebody does who pulls at the window's corner."""
        self._screen.resize(rows, columns)
        self._tell_size(columns, rows)

    def _tell_size(self, columns: int, rows: int) -> None:
        import fcntl
        import termios

        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, size)

    @property
    def shown(self) -> str:
        """The screen, without the spaces at the ends of its lines."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip("\n")

    @property
    def whole(self) -> str:
        """What has scrolled away, and the screen."""
        columns = self._screen.columns
        above = (
            "".join(line[x].data for x in range(columns)).rstrip()
            for line in self._screen.history.top
        )
        return "\n".join([*above, self.shown])

    @property
    def title(self) -> str:
        """The window's."""
        return self._screen.title

    @property
    def cursor_is_hidden(self) -> bool:
        """Whether the program has left it so."""
        return bool(self._screen.cursor.hidden)

    def colours(self) -> set[str]:
        """Those of the signs on the screen."""
        rows = self._screen.buffer.values()
        return {sign.fg for row in rows for sign in row.values() if sign.data.strip()}

    def until(self, seen: str | Callable[[], Any], within: float = 20.0) -> str:
        """Read until ``seen`` stands on the screen, or is true; the screen then."""
        look = (lambda: seen in self.shown) if isinstance(seen, str) else seen
        deadline = time.monotonic() + within
        while not look():
            self._read(0.05)
            assert time.monotonic() < deadline, self.whole
        return self.shown

    def _read(self, within: float) -> bool:
        readable, _, _ = select.select([self._ours], [], [], within)
        if readable:
            piece = os.read(self._ours, 65536)
            self.raw += piece
            self._stream.feed(piece)
        return bool(readable)

    def interrupt(self) -> None:
        """Ctrl-C."""
        import signal

        assert self._process
        self._process.send_signal(signal.SIGINT)

    def end(self, within: float = 30.0) -> int:
        """Read until the program ends, and all that it wrote; its exit code."""
        assert self._process
        process = self._process
        self.until(lambda: process.poll() is not None, within)
        while self._read(0.05):
            pass
        return process.wait()

    def close(self) -> None:
        """Whatever happened."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._ours)
        os.close(self._theirs)


def main(arguments: Sequence[str]) -> None:
    """Run one command."""
    run(terminal(serve, open_app), arguments, "rebuttal")


if __name__ == "__main__":
    main(sys.argv[1:])

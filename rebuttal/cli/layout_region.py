"""The last lines of a terminal, drawn anew in place, below what scrolls away for good."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from math import ceil

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
"""Shown at once by terminals that know it, and left alone by others."""
_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
_CROP, _WRAP = "\x1b[?7l", "\x1b[?7h"
"""A line that a terminal takes for wider than we do is cut, and not two lines."""


class Region:
    """Lines that stand at the bottom of ``console`` until others take their place.

    Whatever is settled goes above them, into the terminal's own history, and is never touched
    again. ``reflows`` says whether the terminal breaks lines anew when it gets narrower.
    """

    def __init__(self, console: Console, reflows: bool = True) -> None:
        self._console = console
        self._reflows = reflows
        self._drawn: list[int] = []

    def size(self) -> tuple[int, int]:
        """Columns and rows now; the console is told of them too."""
        try:
            columns, rows = os.get_terminal_size(self._console.file.fileno())
        except (OSError, ValueError):
            columns = rows = 0
        columns, rows = columns or self._console.width, rows or self._console.height
        self._console.width = columns
        return columns, rows

    def draw(self, lines: Sequence[Text], settled: Sequence[Text] = ()) -> None:
        """Put ``settled`` above, for good, and ``lines`` in the place of those that stand there."""
        columns, rows = self.size()
        above = self._written(settled)
        below = self._written(lines).removesuffix("\n")
        cut = f"{_HIDE}{_CROP}{below}\r{_WRAP}" if lines else _SHOW
        self._console.file.write(f"{_BEGIN}{self._erased(columns, rows)}{above}{cut}{_END}")
        self._console.file.flush()
        self._drawn = [cell_len(line.plain) for line in lines]

    def _erased(self, columns: int, rows: int) -> str:
        """What takes away the lines that stand there. The cursor is at the start of the last."""
        if not self._drawn:
            return ""
        above = self._drawn[:-1]
        up = sum(max(1, ceil(w / columns)) for w in above) if self._reflows else len(above)
        # Line by line: what clears a whole screen at once makes tmux keep it in its history.
        return "\r\x1b[J" + "\x1b[A\x1b[2K" * min(up, rows - 1)

    def _written(self, lines: Sequence[Text]) -> str:
        with self._console.capture() as captured:
            for line in lines:
                self._console.print(line, soft_wrap=True)
        return captured.get()


def reflows(environment: Mapping[str, str]) -> bool:
    """Whether a terminal breaks its lines anew when it gets narrower. Most do."""
    term = environment.get("TERM", "")
    in_tmux = "TMUX" in environment
    plain = "XTERM_VERSION" in environment or term in ("linux", "screen") or "STY" in environment
    return in_tmux or not plain

"""The end of a terminal's scroll: lines that stay, and below them lines that are drawn again."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

WIDEST = 100
"""Longer lines are hard to read."""
_UP, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[{}A", "\x1b[K", "\x1b[J"


class Scroll:
    """Lines are as wide as ``width`` or less, so that none of them takes two rows.

    Where nothing can be drawn again, on a dumb terminal, there are only lines that stay.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._drawn: list[Text] = []
        self._size = console.size

    @property
    def width(self) -> int:
        """Now, for it may change at any time."""
        return max(min(self.console.width - 1, WIDEST), 10)

    @property
    def draws(self) -> bool:
        """Whether lines can be drawn again."""
        console = self.console
        return not (console.is_dumb_terminal or console.legacy_windows) and console.is_terminal

    def show(self, staying: Sequence[Text], drawn: Sequence[Text] = ()) -> None:
        """Put ``staying`` below all that stays, and ``drawn`` in the place of what was drawn.

        Of more lines than the screen has, the last are drawn.
        """
        size, tail = self.console.size, [*drawn][-max(self.console.height - 1, 1) :]
        tail = tail if self.draws else []
        if not staying and tail == self._drawn and size == self._size:
            return
        with self.console.capture() as written:
            for line in (*staying, *tail):
                self.console.print(line, end="", no_wrap=True, overflow="ignore", crop=False)
                self.console.out(_CLEAR_LINE if self.draws else "", highlight=False)
        up = _UP.format(len(self._drawn)) if self._drawn else ""
        self.console.file.write(f"{up}{written.get()}{_CLEAR_BELOW if self._drawn else ''}")
        self.console.file.flush()
        self._drawn, self._size = tail, size

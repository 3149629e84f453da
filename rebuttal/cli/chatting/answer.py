"""An answer in Markdown, set as it comes: what is certain stays, the rest is drawn again."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import takewhile

from rich.text import Text

from rebuttal.cli.chatting.leaves import Leaf, Line
from rebuttal.cli.chatting.markdown import Look, Reading, as_it_is, read, takes_long
from rebuttal.cli.chatting.scroll import Scroll
from rebuttal.material import Cleaner

PATIENCE = 4.0
"""So many times as long as a drawing took, nothing is drawn again: a text that takes long to read
may not take the whole machine."""


class Answer:
    """Takes text in pieces; however it is cut, nothing of it is left out.

    A line stays when no more text can change it: of a paragraph all but the last, unless something
    before it may yet be markup; of code all but the last; a table when it is whole.
    """

    def __init__(self, scroll: Scroll, patience: float = PATIENCE) -> None:
        self._scroll = scroll
        self._patience = patience
        console = scroll.console
        self._look = Look(console.options.ascii_only, colour=not console.no_color and scroll.draws)
        self._cleaner = Cleaner()
        self._text = ""
        """From the beginning of the last block that is certain."""
        self._leaf = 0
        """The leaf of ``_text`` that is being shown."""
        self._shown = ""
        """What of its body stays."""
        self._plain = False
        self._begun = False
        self._idle_until = 0.0

    def feed(self, piece: str) -> None:
        """More of it."""
        self._text += self._cleaner.feed(piece)

    def draw(self) -> None:
        """Show what has come, unless that was done a moment ago."""
        begin = time.monotonic()
        if begin >= self._idle_until:
            self._set(closed=False)
            end = time.monotonic()
            self._idle_until = end + self._patience * (end - begin)

    def end(self) -> None:
        """Show all of it for good."""
        self._set(closed=True)

    def _set(self, closed: bool) -> None:
        whole = self._read(self._text)
        lines_end = len(self._text) if closed else self._text.rfind("\n") + 1
        certain = whole if closed else self._read(self._text[:lines_end])
        final = len(whole.leaves) if closed else certain.final
        stay, draw = list[Text](), list[Text]()
        for number, leaf in enumerate(whole.leaves[self._leaf :], self._leaf):
            lines = self._lines(leaf, is_first=number == self._leaf)
            if number < final:
                stay += [line.text for line in lines]
                self._leaf, self._shown, self._begun = number + 1, "", True
                continue
            sure = [*takewhile(lambda line: line.sure, lines)] if number == self._leaf else []
            stay += [line.text for line in sure]
            draw += [line.text for line in lines[len(sure) :]]
            if sure:
                self._shown, self._begun = leaf.body[: sure[-1].said], True
        self._scroll.show(stay, draw)
        self._forget(certain)

    def _lines(self, leaf: Leaf, is_first: bool) -> list[Line]:
        """What is left to show of a leaf."""
        shown = self._shown if is_first and leaf.body.startswith(self._shown) else ""
        console, width = self._scroll.console, self._scroll.width
        lines = leaf.lines(console, width, len(shown))
        if lines and not shown and leaf.place.gap is not None and self._begun:
            gap = Text(leaf.place.gap, style="dim")
            return [replace(lines[0], text=gap, said=0), *lines]
        return lines

    def _read(self, text: str) -> Reading:
        if not self._plain and takes_long(text):
            self._plain, self._leaf, self._shown = True, 0, ""
        return as_it_is(text) if self._plain else read(text, self._look)

    def _forget(self, certain: Reading) -> None:
        """Leave what is before the last block, which is all shown."""
        if certain.last_block_at:
            self._text = "\n".join(self._text.split("\n")[certain.last_block_at :])
            self._leaf -= certain.earlier

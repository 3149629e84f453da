"""What stands on lines of its own in Markdown: a paragraph, an item, code, a table, a rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from rich import box
from rich.console import Console
from rich.segment import Segment
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from rebuttal.cli.chatting.lines import broken, folded

CONTEXT_LINES = 60
"""Lines of code before one that are read again for its colours."""
INDENT = "  "
"""Before code."""


@dataclass(frozen=True)
class Line:
    """One line of a leaf. ``said`` is how much of the leaf's ``body`` is said when it is shown.

    ``sure``: what may follow cannot change it.
    """

    text: Text
    said: int
    sure: bool = False


@dataclass(frozen=True)
class Place:
    """Where a leaf stands: in which of the outermost blocks, behind which margin.

    The margin holds bars of quotes, and the bullet on the first line of an item. ``gap`` is the
    empty line before the leaf, if there is one.
    """

    block: int
    first: str = ""
    rest: str = ""
    gap: str | None = ""

    def margin(self, width: int, is_first: bool) -> Text:
        """At most half of the width."""
        return Text((self.first if is_first else self.rest)[-(width // 2) :], style="dim")


class Leaf(Protocol):
    """Lines that can be set in parts."""

    @property
    def place(self) -> Place: ...

    @property
    def body(self) -> str:
        """What is said, without what depends on the width."""
        ...

    def lines(self, console: Console, width: int, said: int) -> list[Line]:
        """The lines behind the first ``said`` characters of the body."""
        ...


@dataclass(frozen=True)
class Words:
    """A paragraph, a heading or an item. Up to ``undecided`` no more text can change it."""

    place: Place
    text: Text
    undecided: int

    @property
    def body(self) -> str:
        return "".join(self.text.plain.split())

    def lines(self, console: Console, width: int, said: int) -> list[Line]:
        at, margin = _behind(self.text.plain, said), self.place.margin(width, not said)
        if at == len(self.text) and (at or not margin):
            return []
        lines = list[Line]()
        for part in broken(self.text[at:], max(width - len(margin), 1)):
            said += len("".join(part.plain.split()))
            at = _behind(self.text.plain, said)
            # If the next word gets shorter, it may yet stand on this line.
            sure = _end_of_word(self.text.plain, at) <= self.undecided
            lines.append(Line(margin + part, said, sure))
            margin = self.place.margin(width, is_first=False)
        # The last word may get longer, and stand on another line then.
        return [*lines[:-1], replace(lines[-1], sure=False)]


@dataclass(frozen=True)
class Code:
    """Lines of a program, in colours where its language is known."""

    place: Place
    code: str
    language: str

    @property
    def body(self) -> str:
        return f"{self.code}\n" if self.code else ""

    def lines(self, console: Console, width: int, said: int) -> list[Line]:
        if said >= len(self.body):
            return []
        margin, lines = self.place.margin(width, not said) + Text(INDENT), list[Line]()
        for source in self._coloured(self.body.count("\n", 0, said)):
            said += len(source) + 1
            for part in folded(source, max(width - len(margin), 1)):
                lines.append(Line(margin + part, said, sure=said < len(self.body)))
                margin = self.place.margin(width, is_first=False) + Text(INDENT)
        return lines

    def _coloured(self, first: int) -> list[Text]:
        """The lines from the one numbered ``first``."""
        sources = self.code.split("\n")
        begin = max(first - CONTEXT_LINES, 0)
        text = Text("\n".join(sources[begin:]))
        if self.language:
            text = Syntax("", self.language, theme="ansi_dark").highlight(text.plain)
        return list(text.split("\n", allow_blank=True))[first - begin : len(sources) - begin]


@dataclass(frozen=True)
class Cells:
    """A table, whose columns are known when its last row is."""

    place: Place
    rows: tuple[tuple[Text, ...], ...]
    """The first one holds the headings."""

    @property
    def body(self) -> str:
        return ""

    def lines(self, console: Console, width: int, said: int) -> list[Line]:
        shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        headings, *rows = self.rows
        for heading in headings:
            shown.add_column(heading, overflow="fold")
        for row in rows:
            shown.add_row(*row)
        margin, rest = (self.place.margin(width, first) for first in (True, False))
        options = console.options.update(width=max(width - len(margin), 1), height=None)
        lines = []
        for segments in console.render_lines(shown, options, pad=False):
            lines.append(Line(margin + _text(segments), 0))
            margin = rest
        return lines


@dataclass(frozen=True)
class Rule:
    """A line across."""

    place: Place

    @property
    def body(self) -> str:
        return ""

    def lines(self, console: Console, width: int, said: int) -> list[Line]:
        margin = self.place.margin(width, is_first=True)
        sign = "-" if console.options.ascii_only else "─"
        return [Line(margin + Text(sign * min(width - len(margin), 40), style="dim"), 0)]


def _behind(text: str, signs: int) -> int:
    """Where ``text`` goes on behind so many characters that are no spaces."""
    at = 0
    for at, sign in enumerate(text):
        if not sign.isspace():
            if not signs:
                return at
            signs -= 1
    return len(text) if text else at


def _end_of_word(text: str, start: int) -> int:
    return next((at for at in range(start, len(text)) if text[at].isspace()), len(text))


def _text(segments: list[Segment]) -> Text:
    line = Text()
    for segment in segments:
        line.append(segment.text, segment.style)
    return line

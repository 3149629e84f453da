"""Where text is broken into lines, and text that came from elsewhere, made ready to be set."""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.text import Text

from rebuttal.material import clean

TAB = 4
# Scripts written without spaces break anywhere, so each of their signs is a word.
_WIDE = "\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef"
_PARTS = re.compile(rf"\s+|[{_WIDE}]|[^\s{_WIDE}]+")


def settable(text: str) -> str:
    """``text`` without what acts on a terminal and without tabs, whose width no one knows."""
    return clean(text).expandtabs(TAB)


def broken(text: Text, width: int) -> list[Text]:
    """``text`` in lines of at most ``width`` cells, broken between words where that is possible."""
    lines: list[Text] = []
    for line in text.split("\n", allow_blank=True):
        lines += line.divide(_breaks(line.plain, width))
    return [_stripped(line) for line in lines]


def _stripped(line: Text) -> Text:
    line.rstrip()
    return line[len(line.plain) - len(line.plain.lstrip()) :]


def folded(text: Text, width: int) -> list[Text]:
    """One line in pieces of at most ``width`` cells, spaces included."""
    offsets, column = [], 0
    for at, sign in enumerate(text.plain):
        column += (cells := cell_len(sign))
        if column > width and at:
            offsets.append(at)
            column = cells
    return list(text.divide(offsets))


def _breaks(line: str, width: int) -> list[int]:
    offsets, column = [], 0
    for part in _PARTS.finditer(line):
        cells = cell_len(part[0])
        if column + cells <= width or part[0].isspace():
            column += cells
            continue
        if column:
            offsets.append(part.start())
        column = cells
        if cells > width:
            column = 0
            for at, sign in enumerate(part[0], part.start()):
                column += (cells := cell_len(sign))
                if column > width and at > part.start():
                    offsets.append(at)
                    column = cells
    return offsets

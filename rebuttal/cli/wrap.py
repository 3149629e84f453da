"""Streamed text broken at words, so that it reads well in any width."""

from __future__ import annotations

import re

from rich.cells import cell_len

# Scripts written without spaces break anywhere, so each of their signs is a word.
_WIDE = "\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef"
_SIGN = re.compile(f"[{_WIDE}]")
_PARTS = re.compile(rf"\n|[^\S\n]+|[{_WIDE}]|[^\s{_WIDE}]+")


class Wrap:
    """Takes text piece by piece and gives it back with line breaks at ``width`` columns.

    A word waits until its end is known. Work per piece is proportional to the piece.
    """

    def __init__(self, width: int) -> None:
        self._width = max(width, 20)
        self._column = 0
        self._space = ""
        self._word: list[str] = []
        self._word_width = 0

    def feed(self, piece: str) -> str:
        """What can be written for certain."""
        return "".join(map(self._take, _PARTS.findall(piece)))

    def flush(self) -> str:
        """The last word; the next piece begins a new text."""
        out = self._end_word()
        self._column, self._space = 0, ""
        return out

    def _take(self, part: str) -> str:
        if part == "\n":
            out = self._end_word() + "\n"
            self._column, self._space = 0, ""
            return out
        if part.isspace():
            out = self._end_word()
            self._space += part.replace("\t", "    ")
            return out
        out = self._end_word() if _SIGN.match(part) else ""
        if self._word_width + cell_len(part) <= self._width:
            return out + self._grow(part)
        return out + "".join(map(self._grow, part))

    def _grow(self, part: str) -> str:
        """Put ``part`` at the end of the word; a word that no line can hold is broken."""
        width = cell_len(part)
        out = self._end_word() if self._word_width + width > self._width else ""
        self._word.append(part)
        self._word_width += width
        return out

    def _end_word(self) -> str:
        if not self._word:
            return ""
        word, space = "".join(self._word), self._space
        column = self._column + cell_len(space) + self._word_width
        fits = column <= self._width
        turn = "" if fits or not self._column else "\n"
        self._column = column if fits else self._word_width
        self._word, self._word_width, self._space = [], 0, ""
        return f"{space}{word}" if fits else f"{turn}{word}"

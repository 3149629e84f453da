"""Parts what a model says from what it thinks aloud in ``<think>`` tags."""

from __future__ import annotations

import re

_TAG = re.compile(r"<(/?)think(?:ing)?>")
_TAGS = ("<think>", "</think>", "<thinking>", "</thinking>")
_LONGEST = max(map(len, _TAGS))


class ThinkSplitter:
    """Splits a text that arrives in pieces; a tag may be cut anywhere.

    A closing tag that nothing opened is dropped: what came before it has already been said. Work is
    proportional to the piece.
    """

    def __init__(self) -> None:
        self._held = ""
        self._inside = False

    def feed(self, piece: str) -> tuple[str, str]:
        """The speech and the reasoning in ``piece``, less an end that may yet become a tag."""
        if not self._held and "<" not in piece:
            return ("", piece) if self._inside else (piece, "")
        text = self._held + piece
        cut = _possible_tag(text)
        self._held = text[cut:]
        return self._split(text[:cut])

    def close(self) -> tuple[str, str]:
        """What was held back, now that nothing follows."""
        rest, self._held = self._held, ""
        return ("", rest) if self._inside else (rest, "")

    def _split(self, text: str) -> tuple[str, str]:
        said: list[str] = []
        thought: list[str] = []
        start = 0
        for tag in _TAG.finditer(text):
            (thought if self._inside else said).append(text[start : tag.start()])
            self._inside = not tag[1]
            start = tag.end()
        (thought if self._inside else said).append(text[start:])
        return "".join(said), "".join(thought)


def _possible_tag(text: str) -> int:
    """Where an unfinished tag at the end of ``text`` begins, else its length."""
    start = text.rfind("<", max(0, len(text) - _LONGEST + 1))
    if start >= 0 and any(tag.startswith(text[start:]) for tag in _TAGS):
        return start
    return len(text)

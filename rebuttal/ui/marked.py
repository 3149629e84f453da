"""A line of foreign text with the words in it that were looked for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rebuttal.markdown import safe_line
from rebuttal.words import Wanted, wanted, words

# ``safe_line`` has to see the beginning of an address whole.
_WORD = re.compile(r"(?:ftps?|xmpp)(?=:)|([^\W_]+|[^\w\s])", re.IGNORECASE)
_OPEN, _CLOSE = "\ue000", "\ue001"
_NO_MARKS = str.maketrans("", "", _OPEN + _CLOSE)
_NEXT = re.compile(f"{_CLOSE}{_OPEN}")


def marked_line(text: str, query: str) -> str:
    """``text`` as ``safe_line`` has it, with what ``query`` finds in it as ``mark``."""
    looked_for = wanted(query)
    if not looked_for:
        return safe_line(text)
    pieces = _WORD.sub(lambda found: _marked(found, looked_for), text.translate(_NO_MARKS))
    line = safe_line(_NEXT.sub("", pieces))
    return line.replace(_OPEN, "<mark>").replace(_CLOSE, "</mark>")


def _marked(found: re.Match[str], looked_for: Wanted) -> str:
    word, there = found[0], words(found[1] or "")
    if not any(map(looked_for.matches, there)):
        return word
    if words(word[0]) <= there:
        return "".join(_signs(word, looked_for))
    return f"{_OPEN}{word}{_CLOSE}"


def _signs(run: str, looked_for: Wanted) -> Iterator[str]:
    """A run of signs without spaces: each that belongs to a pair that was looked for is marked."""
    for at, sign in enumerate(run):
        around = (sign, run[max(0, at - 1) : at + 1], run[at : at + 2])
        hit = any(any(map(looked_for.matches, words(part))) for part in around)
        yield f"{_OPEN}{sign}{_CLOSE}" if hit else sign

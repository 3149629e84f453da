"""A line of foreign text with the words in it that were looked for."""

from __future__ import annotations

import re
import unicodedata

from rebuttal.markdown import safe_line

_WORD = re.compile(r"\w+")
_OPEN, _CLOSE = "\ue000", "\ue001"
_NO_MARKS = str.maketrans("", "", _OPEN + _CLOSE)


def marked_line(text: str, query: str) -> str:
    """``text`` as ``safe_line`` has it, with what ``query`` found in it as ``mark``.

    As in a search every word counts alike, in any case and without its accents; the last one may
    be the beginning of a word.
    """
    words = [_folded(word) for word in _WORD.findall(query)]
    if not words:
        return safe_line(text)
    whole, beginning = set(words), words[-1]

    def mark(found: re.Match[str]) -> str:
        word = _folded(found[0])
        hit = word in whole or word.startswith(beginning)
        return f"{_OPEN}{found[0]}{_CLOSE}" if hit else found[0]

    line = safe_line(_WORD.sub(mark, text.translate(_NO_MARKS)))
    return line.replace(_OPEN, "<mark>").replace(_CLOSE, "</mark>")


def _folded(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))

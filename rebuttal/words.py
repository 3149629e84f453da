"""The words of a text as a search knows them, and the place in a text where one of them stands.

Letters are compared without case and accents. Scripts without spaces, and pictures such as emoji,
count sign by sign and in pairs: whoever looks for three signs in a row finds where both pairs are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

LONGEST = 64
"""Letters of a word that count."""
SHORT = 3
"""Beginnings of so many letters are kept as words of their own: too many words begin with them."""
BEGINS = "^"
"""Stands before such a beginning; in no word."""

_UNSPACED = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF)),  # Thai, Lao, Burmese, Khmer
    *((0x3005, 0x3007), (0x3040, 0x30FF), (0x31F0, 0x31FF)),  # Kana
    *((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF)),  # Han
)
_VARIANTS = "\ufe0e\ufe0f"
"""Ask for a sign as text or as a picture."""
_AROUND = 80
"""Characters of an excerpt before and behind what was found."""


class _Folding(dict[int, str]):
    """What each character becomes, found out once: a letter, nothing for an accent, or a space.

    A sign that is a word of its own is marked by a NUL before it.
    """

    def __missing__(self, code: int) -> str:
        folded = "".join(map(_folded, unicodedata.normalize("NFKD", chr(code)).casefold()))
        self[code] = folded
        return folded


def _folded(char: str) -> str:
    if unicodedata.combining(char) or char in _VARIANTS:
        return ""
    if _is_sign(char):
        return f"\0{char}"
    return char if unicodedata.category(char)[0] in "LNM" else " "


@cache
def _is_sign(char: str) -> bool:
    code = ord(char)
    if any(first <= code <= last for first, last in _UNSPACED):
        return unicodedata.category(char)[0] in "LNM"
    return unicodedata.category(char) == "So"


_FOLDING = _Folding()
_WORD = re.compile(r"((?:\0[^\0])+)|[^\s\0]+")


def words(text: str) -> set[str]:
    """Every word of ``text``, and of signs every one and every pair."""
    found: set[str] = set()
    for run in _runs(text):
        if run[0] == "\0":
            signs = run[1::2]
            found.update(signs, _pairs(signs))
        else:
            found.add(run[:LONGEST])
    return found


def beginnings(found: Iterable[str]) -> set[str]:
    """The short beginnings of these words, as they are kept beside them."""
    return {
        BEGINS + word[:letters]
        for word in found
        if not _is_sign(word[0])
        for letters in range(1, min(len(word), SHORT) + 1)
    }


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for: words, all of them, and the beginning of one more."""

    words: frozenset[str]
    beginning: str = ""

    def __bool__(self) -> bool:
        return bool(self.words or self.beginning)

    def matches(self, word: str) -> bool:
        """Whether the word is one of them."""
        return word in self.words or bool(self.beginning and word.startswith(self.beginning))

    def all_in(self, held: Iterable[str]) -> bool:
        """Whether these are the words of a text that is found."""
        there = set(held)
        begun = not self.beginning or any(word.startswith(self.beginning) for word in there)
        return begun and self.words <= there


def wanted(text: str) -> Wanted:
    """What ``text`` asks for. Punctuation alone asks for nothing; no sign is an operator."""
    runs = list(_runs(text))
    found: set[str] = set()
    beginning = ""
    for number, run in enumerate(runs, 1):
        if run[0] == "\0":
            signs = run[1::2]
            found.update(_pairs(signs) or signs)
        elif number == len(runs):
            beginning = run[:LONGEST]
        else:
            found.add(run[:LONGEST])
    return Wanted(frozenset(found), beginning)


def excerpt(text: str, looked_for: Wanted) -> str:
    """One line around the first word that was looked for; empty where none stands in ``text``."""
    at = _place(text, looked_for)
    if at is None:
        return ""
    start, end = max(0, at - _AROUND), at + _AROUND
    if start:
        start = next((m.end() for m in re.finditer(r"\s+", text[start:at])), 0) + start
    before, behind = "…" if start else "", "…" if end < len(text) else ""
    return before + " ".join(text[start:end].split()) + behind


def _place(text: str, looked_for: Wanted) -> int | None:
    if not any(map(looked_for.matches, words(text))):
        return None
    for chunk in re.finditer(r"\S+", text):
        matching = [word for word in words(chunk[0]) if looked_for.matches(word)]
        if matching:
            within = min(max(0, chunk[0].find(word)) for word in matching)
            return chunk.start() + within
    return None


def _runs(text: str) -> Iterator[str]:
    return (found[0] for found in _WORD.finditer(text.translate(_FOLDING)))


def _pairs(signs: str) -> list[str]:
    return [signs[at : at + 2] for at in range(len(signs) - 1)]

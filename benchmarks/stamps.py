"""Words that carry when they were said, so that whoever reads one knows how old it is.

A stamp is a capital and five small letters: a millisecond of the machine's monotonic clock, which
all processes share, scrambled so that a text of stamps has the letters of any text, and a letter by
which other words are told apart.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

_LETTERS = b"abcdefghijklmnopqrstuvwxyz"
_RANGE = 26**5
"""Milliseconds after which stamps repeat: three hours."""
_FACTOR = 7_654_321
_BACK = pow(_FACTOR, -1, _RANGE)
_STAMP = re.compile(rb"[A-Z][a-z]{5}(?![a-z])")
OLDEST = 600_000
"""Milliseconds beyond which a word is taken for any other."""


def clock() -> int:
    """Now, in milliseconds."""
    return time.monotonic_ns() // 1_000_000


def stamp(moment: int) -> bytes:
    """The word for a millisecond."""
    number = moment * _FACTOR % _RANGE
    word = bytearray()
    for _ in range(5):
        number, letter = divmod(number, 26)
        word.append(_LETTERS[letter])
    return bytes(word).capitalize() + bytes((_check(word),))


def moments(text: bytes, now: int) -> Iterator[int]:
    """When each stamp in it was made, up to ``now``."""
    for found in _STAMP.finditer(text):
        word = found[0].lower()
        if _check(word[:5]) != word[5]:
            continue
        number = 0
        for letter in reversed(word[:5]):
            number = number * 26 + letter - 97
        age = (now - number * _BACK) % _RANGE
        if age <= OLDEST:
            yield now - age


def _check(word: bytes | bytearray) -> int:
    return _LETTERS[sum(place * letter for place, letter in enumerate(word, 3)) % 26]

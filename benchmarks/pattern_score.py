"""What goes wrong in a debate, counted, and what it cost."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from rebuttal.records import Finish
from rebuttal.speech import NEAR_COPY, concedes, count_sentences

_WORD = re.compile(r"[a-z]{4,}")
_PLAIN = {"should", "does", "more", "than", "will", "make", "ever", "this", "that", "with", "what"}
COUNTED = (
    "near_copies",
    "labels",
    "for_another",
    "empty",
    "cut",
    "conceding",
    "sentences_off",
    "off_topic",
    "asked_again",
)


@dataclass(frozen=True)
class Said:
    """One turn."""

    name: str
    text: str
    finish: Finish


@dataclass
class Cost:
    """What requests took: tokens, and seconds until the first of each and from there on."""

    requests: int = 0
    prompt: int = 0
    """Tokens of the prompts, known to the server or not."""
    evaluated: int = 0
    """Those of them that the server had to read anew."""
    generated: int = 0
    reading: float = 0.0
    speaking: float = 0.0
    seconds: float = 0.0
    """Of whole debates, with everything between two requests."""


@dataclass
class Score:
    """What was counted over the turns of one view."""

    turns: int = 0
    near_copies: int = 0
    labels: int = 0
    for_another: int = 0
    empty: int = 0
    cut: int = 0
    conceding: int = 0
    sentences_off: int = 0
    off_topic: int = 0
    asked_again: int = 0
    sentences: int = 0
    words: int = 0
    distinct_3grams: float = 0.0
    cost: Cost = field(default_factory=Cost)
    texts: list[list[str]] = field(default_factory=list)

    def count(self, topic: str, names: tuple[str, str], turns: list[Said]) -> None:
        """Add one debate."""
        stems = {word[:5] for word in _WORD.findall(topic.casefold()) if word not in _PLAIN}
        said: list[str] = []
        for turn in turns:
            text = turn.text
            other = names[1] if turn.name == names[0] else names[0]
            self.turns += 1
            self.near_copies += any(_alike(text, old) > NEAR_COPY for old in said)
            self.labels += bool(re.search(rf"(?:^|\n)\W*(?:{turn.name}|{other})\W*[:：]", text))
            self.for_another += bool(
                re.search(rf"\n\W*{other}\W*[:：]|\[{other}\]|\bAs {other}\b", text)
            )
            self.empty += not text.strip()
            self.cut += turn.finish in ("length", "limit", "timeout", "lost")
            self.conceding += concedes(text)
            count = count_sentences(text)
            self.sentences += count
            self.sentences_off += not 1 <= count <= 4
            known = stems | {word[:5] for old in said[:2] for word in _WORD.findall(old.casefold())}
            self.off_topic += not known & {word[:5] for word in _WORD.findall(text.casefold())}
            said.append(text)
        self.distinct_3grams += _variety(said)
        self.words += sum(len(text.split()) for text in said)
        self.texts.append([f"{turn.name}: {turn.text}" for turn in turns])


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _variety(said: list[str]) -> float:
    """The share of three words in a row that were not said before."""
    words = [word for text in said for word in text.casefold().split()]
    grams = list(zip(words, words[1:], words[2:], strict=False))
    return len(Counter(grams)) / max(len(grams), 1)

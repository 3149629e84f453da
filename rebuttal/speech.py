"""What a debater really said: its own words only, as they stream in, cut where a turn ends."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from difflib import SequenceMatcher

NEAR_COPY = 0.8
"""difflib ratio over which a turn counts as a copy of an earlier one."""
MOST_PAIRS = 400_000
"""Pairs of equal letters up to which difflib is asked: a twentieth of a second."""

MOST_BLANK = 20
"""Line breaks in a row; of more, so many are kept."""

_BLANK = re.compile(rf"\n{{{MOST_BLANK + 1},}}")
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]*_]*+(?=\s|$)|[。！？]+[」』”]*")
_ABBREVIATION = re.compile(
    r"(?:\b(?:[Ee]\.g|[Ii]\.e|etc|vs|Mr|Mrs|Ms|Dr|Prof|St|No|approx)|\b[A-Z]|\d)\.$"
)


class Speech:
    """Takes a turn piece by piece and gives back what may be shown.

    A name in front is taken away; the text ends where another name begins to speak, and after
    ``sentences`` whole sentences (0: no such end). Where it ``cites`` others, their names end
    nothing. Work per piece is O(piece).
    """

    def __init__(
        self, name: str, others: Iterable[str] = (), sentences: int = 0, *, cites: bool = False
    ) -> None:
        known = (*others, name, "Moderator")
        names = "|".join(re.escape(one) for one in known)
        self._names = tuple(one.casefold() for one in known)
        tag = rf"\**\[?(?:{names})\]?\**\s*[:：]"
        guest = r"\[[^\]\n]{1,40}\]\s*:"
        self._label = re.compile(rf"\s*[\"“(]?(?:{tag}|{guest})\s*\**\s*", re.IGNORECASE)
        # From the last line break alone: a run of them would be read anew from each of its own.
        self._foreign = re.compile(
            rf"\n[^\S\n]*+(?:{tag}|\((?:{names}),|(?:Question|Topic):)|\[(?:{names})\]"
        )
        self._reach = max(len(one) for one in known) + 12
        self._limit = sentences
        self._cites = cites
        self._shown: list[str] = []
        self._tail = ""
        self._held = ""
        self._opened = False
        self._sentences = 0
        self.done = False
        """Whether the turn has all it may have; the rest of the answer is not wanted."""

    def feed(self, piece: str) -> str:
        """Take a piece, give back what can be shown for certain."""
        if self.done:
            return ""
        self._held = _BLANK.sub("\n" * MOST_BLANK, self._held + piece)
        if not self._opened:
            if self._may_be_a_name():
                return ""
            self._open()
        return self._release(final=False)

    def close(self) -> str:
        """The answer is over: give back what was still held."""
        if self.done:
            return ""
        if not self._opened:
            self._open()
        rest = self._release(final=True)
        self.done = True
        return rest

    @property
    def text(self) -> str:
        """Everything shown so far."""
        return "".join(self._shown)

    def _may_be_a_name(self) -> bool:
        """Whether what was said so far could still turn out to be a name in front."""
        head = self._held.lstrip(' \t\n"“(*').casefold()
        if len(head) > self._reach:
            return False
        bare = head.removeprefix("[")
        return bare != head or any(
            one.startswith(bare) or bare.startswith(one) for one in self._names
        )

    def _open(self) -> None:
        self._opened = True
        label = self._label.match(self._held)
        self._held = self._held[label.end() if label else 0 :].lstrip()

    def _release(self, final: bool) -> str:
        text = self._held
        foreign = None if self._cites else self._foreign.search(text)
        if foreign:
            text, self.done = text[: foreign.start()].rstrip("\n"), True
        elif not final:
            keep = self._uncertain(text)
            text = text[: len(text) - keep]
        self._held = "" if self.done else self._held[len(text) :]
        if self._limit:
            text = self._until_limit(text)
        if text:
            self._shown.append(text)
        return text

    def _uncertain(self, text: str) -> int:
        """Characters at the end that may yet turn out to be the beginning of a foreign name."""
        start = max(len(text) - self._reach, 0)
        line = text.rfind("\n", start)
        bracket = text.rfind("[", start)
        cut = min((at for at in (line, bracket) if at >= 0), default=len(text))
        # The blank lines before a foreign name belong to it.
        return len(text) - len(text[:cut].rstrip("\n"))

    def _until_limit(self, text: str) -> str:
        line = self._tail + text
        for end in _SENTENCE_END.finditer(line):
            # An end at the very edge may go on ("3." + "5"): it counts once something follows it.
            if end.end() < len(self._tail) or end.end() >= len(line):
                continue
            if _ABBREVIATION.search(line[max(end.start() - 8, 0) : end.start() + 1]):
                continue
            self._sentences += 1
            if self._sentences >= self._limit:
                self.done, self._held = True, ""
                return line[len(self._tail) : end.end()]
        self._tail = line[-12:]
        return text


def whole_sentences(text: str) -> str:
    """``text`` cut back to its last whole sentence, or as it is where there is none."""
    text = text.rstrip()
    ends = [end for end in _SENTENCE_END.finditer(text) if not _is_abbreviation(text, end)]
    return text[: ends[-1].end()] if ends else text


def count_sentences(text: str) -> int:
    """Sentences, an unfinished last one included."""
    text = text.strip()
    ends = [end.end() for end in _SENTENCE_END.finditer(text) if not _is_abbreviation(text, end)]
    return len(ends) + bool(text[ends[-1] if ends else 0 :].strip())


_CONCESSION = re.compile(
    r"\bi (?:fully |completely |totally |do |must |have to |understand and )?"
    r"(?:agree|concede|apologi[sz]e)\b"
    r"|\b(?:i(?: a|')m (?:so )?sorry|thank(?:s| you)|my apologies)\b"
    r"|\b(?:you(?: a|')re|you are|that(?: i|')s|that is|it is"
    r"|(?:point|argument|idea|reasoning)s? [^.!?]{0,60}\bis) "
    r"(?:absolutely |quite |completely |entirely |indeed )?(?:right|correct|valid|true)\b"
    r"|\byou (?:make|raise|have) (?:a|some|an) (?:very )?"
    r"(?:good|valid|fair|excellent|great|interesting) (?:point|question)s?\b"
    r"|\bi understand (?:your|you're|that you)"
    r"|^\W*(?:absolutely|agreed|certainly|definitely|exactly|indeed|of course|sure|true)[,.!;:]",
    re.IGNORECASE,
)


def concedes(text: str) -> bool:
    """Whether an (English) turn agrees, thanks or apologises in so many words.

    "I agree" behind a negation is no concession.
    """
    text = text.replace("’", "'")
    for match in _CONCESSION.finditer(text):
        before = text[max(match.start() - 16, 0) : match.start()].casefold()
        if not re.search(
            r"\b(?:not|never|no|cannot|can't|don't|won't|hardly|if)(?: say)?\s+$", before
        ):
            return True
    return False


def copied_share(text: str, earlier: Iterable[str]) -> float:
    """The highest difflib ratio of ``text`` with any of ``earlier``; 0 where none is a near copy.

    difflib takes a second for two turns of 8,000 letters, and many for two of a single letter. What
    its blocks match is a common subsequence, so the longest one bounds the ratio, and that is known
    in milliseconds; where difflib would compare too many pairs of letters, it stands for the ratio.
    """
    highest = 0.0
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(text)
    for other in earlier:
        matcher.set_seq1(other)
        bound = max(highest, NEAR_COPY)
        share = _subsequence_share(text, other) if matcher.real_quick_ratio() > bound else 0.0
        if share > bound:
            highest = max(highest, matcher.ratio() if _pairs(text, other) <= MOST_PAIRS else share)
    return highest


def _pairs(one: str, other: str) -> int:
    """Pairs of the same letter, which is what difflib looks at."""
    signs = Counter(other)
    return sum(count * signs[sign] for sign, count in Counter(one).items())


def _subsequence_share(one: str, other: str) -> float:
    """Twice the length of the longest common subsequence, by the length of both (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for at, sign in enumerate(one):
        places[sign] = places.get(sign, 0) | 1 << at
    free = every = (1 << len(one)) - 1
    for sign in other:
        here = free & places.get(sign, 0)
        free = (free + here | free - here) & every
    return 2 * (len(one) - free.bit_count()) / max(len(one) + len(other), 1)


def _is_abbreviation(text: str, end: re.Match[str]) -> bool:
    at_end = end.end() >= len(text)
    return not at_end and bool(
        _ABBREVIATION.search(text[max(end.start() - 8, 0) : end.start() + 1])
    )

"""What stands in the index for a debate, and what a search asks of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

from rebuttal.records import Debate, Search, Turn
from rebuttal.words import BEGINS, SHORT, beginnings, wanted, words

MOST_CHARS = 200_000
"""Of all terms of one debate; further words are not found."""

MARK = ":"
"""Begins a marker; in no word."""
FINISHED, PINNED = f"{MARK}f", f"{MARK}t"

FIRST, LAST = date(2020, 1, 1), date(2099, 12, 31)
"""Debates begun before and after count to these days in the index."""


def terms_of(debate: Debate, turns: Iterable[Turn]) -> set[str]:
    """The whole document of a debate, without beginnings of words."""
    terms = {_mark("o", debate.owner), *_days(debate.created_at)}
    terms |= words(debate.topic) | words(debate.title or "") | state_of(debate)
    for debater in debate.debaters:
        terms |= {_mark("m", debater.model), _mark("p", debater.persona.key)}
    for turn in turns:
        terms |= terms_of_turn(turn)
    return terms


def terms_of_turn(turn: Turn) -> set[str]:
    """What a turn adds."""
    terms = words(turn.text)
    for debater in turn.debaters or ():
        terms |= {_mark("m", debater.model), _mark("p", debater.persona.key)}
    if turn.model is not None:
        terms.add(_mark("m", turn.model))
    if turn.persona is not None:
        terms.add(_mark("p", turn.persona))
    return terms


def state_of(debate: Debate) -> set[str]:
    """Markers that come and go."""
    return {*([FINISHED] if debate.finished else []), *([PINNED] if debate.pinned else [])}


def fitting(terms: Iterable[str], held: Iterable[str] = ()) -> set[str]:
    """Of these as many as there is room for beside those held; the beginnings of words with them.

    Markers come first.
    """
    room = MOST_CHARS - sum(map(len, held))
    whole = {*terms} | beginnings(term for term in terms if term[0] != MARK)
    if sum(map(len, whole)) <= room:
        return whole
    kept = set()
    for term in sorted(whole, key=lambda term: (term[0] != MARK, term)):
        room -= len(term)
        if room < 0:
            break
        kept.add(term)
    return kept


@dataclass(frozen=True)
class Sought:
    """A search in terms of the index: each of ``all``, one out of each of ``any``, of none ``no``.

    ``begins`` is the beginning of a word, longer than those that are terms themselves.
    """

    all: frozenset[str]
    any: tuple[tuple[str, ...], ...] = ()
    no: frozenset[str] = frozenset()
    begins: str = ""

    def pinned(self, pinned: bool) -> Sought:
        """The same of debates that are pinned, or of those that are not."""
        if pinned:
            return Sought(self.all | {PINNED}, self.any, self.no, self.begins)
        return Sought(self.all, self.any, self.no | {PINNED}, self.begins)


def sought(owner: str | None, search: Search) -> Sought | None:
    """None where words, models and personas are not asked for, which needs no index of words."""
    looked_for = wanted(search.text)
    terms = set(looked_for.words) | marks_of(search)
    short = len(looked_for.beginning) <= SHORT
    if looked_for.beginning and short:
        terms.add(BEGINS + looked_for.beginning)
    if not terms and short:
        return None
    if owner is not None:
        terms.add(_mark("o", owner))
    if search.finished:
        terms.add(FINISHED)
    return Sought(
        frozenset(terms),
        (tuple(_between(search.since, search.until)),) if search.since or search.until else (),
        frozenset({FINISHED} if search.finished is False else ()),
        "" if short else looked_for.beginning,
    )


def marks_of(search: Search) -> set[str]:
    """The markers of the model and the persona that are looked for."""
    asked = {"m": search.model, "p": search.persona}
    return {_mark(kind, name) for kind, name in asked.items() if name is not None}


def _mark(kind: str, name: str) -> str:
    return f"{MARK}{kind}{sha256(name.encode(errors='surrogatepass')).hexdigest()[:20]}"


def _days(moment: datetime) -> Sequence[str]:
    day = min(max(moment.astimezone(UTC).date(), FIRST), LAST)
    return f"{MARK}y{day:%Y}", f"{MARK}n{day:%Y%m}", f"{MARK}d{day:%Y%m%d}"


def _between(since: datetime | None, until: datetime | None) -> Iterator[str]:
    """Years, months and days that cover that time, the days of its ends as a whole."""
    day = min(max(since.astimezone(UTC).date(), FIRST), LAST) if since else FIRST
    last = min(max(until.astimezone(UTC).date(), FIRST), LAST) if until else LAST
    while day <= last:
        year, month = date(day.year + 1, 1, 1), _next_month(day)
        if day.timetuple().tm_yday == 1 and year - timedelta(1) <= last:
            yield f"{MARK}y{day:%Y}"
            day = year
        elif day.day == 1 and month - timedelta(1) <= last:
            yield f"{MARK}n{day:%Y%m}"
            day = month
        else:
            yield f"{MARK}d{day:%Y%m%d}"
            day += timedelta(1)


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(31)).replace(day=1)

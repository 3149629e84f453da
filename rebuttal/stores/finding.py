"""A search without an index: whether a debate is what somebody looks for, and in which order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from datetime import UTC, date, datetime
from typing import NamedTuple

from rebuttal.errors import InvalidInput
from rebuttal.records import Debate, Search, Tally, Turn
from rebuttal.words import Wanted, excerpt

Whole = tuple[Debate, Sequence[Turn]]
"""A debate and all its turns, oldest first."""


class Place(NamedTuple):
    """Where a debate stands in a history; the greatest comes first."""

    pinned: bool
    seq: int

    def __str__(self) -> str:
        return f"{self.pinned:d}-{self.seq}"


def place_of(more: str) -> Place:
    """The place that a page ended with. Raises InvalidInput for what is none."""
    pinned, _, seq = more.partition("-")
    if pinned not in ("0", "1") or not (seq.isascii() and seq.isdigit()) or len(seq) > 15:
        raise InvalidInput("this is no place in a list", "Begin with its first page.")
    return Place(pinned == "1", int(seq))


def check_search(search: Search) -> None:
    """Raises InvalidInput for moments of no time zone."""
    for moment in (search.since, search.until):
        if moment is not None and moment.tzinfo is None:
            raise InvalidInput("a search needs moments with a time zone")


def fits(debate: Debate, search: Search) -> bool:
    """Whether it is one of these by what it says of itself, its table and words left aside."""
    return not (
        (search.since is not None and debate.created_at < search.since)
        or (search.until is not None and debate.created_at >= search.until)
        or (search.finished is not None and debate.finished != search.finished)
    )


def sat_there(whole: Whole, search: Search) -> bool:
    """Whether that model and that persona ever sat at the table or spoke."""
    debate, turns = whole
    tables = (debate.debaters, *(turn.debaters for turn in turns if turn.debaters))
    debaters = [debater for table in tables for debater in table]
    models = {debater.model for debater in debaters} | {turn.model for turn in turns}
    personas = {debater.persona.key for debater in debaters} | {turn.persona for turn in turns}
    return (search.model is None or search.model in models) and (
        search.persona is None or search.persona in personas
    )


def says(held: str, looked_for: Wanted, marks: Set[str] = frozenset()) -> bool:
    """Whether all that is looked for is among these terms, which stand apart by spaces."""
    # In most debates not even the letters are.
    if not all(part in held for part in (*looked_for.words, looked_for.beginning, *marks)):
        return False
    terms = set(held.split(" "))
    return marks <= terms and looked_for.all_in(terms)


def excerpt_of(whole: Whole, looked_for: Wanted) -> str:
    """Around the first word that was looked for; empty where nothing was."""
    debate, turns = whole
    texts = (debate.title or "", debate.topic, *(turn.text for turn in turns))
    places = (excerpt(text, looked_for) for text in texts if looked_for)
    return next(filter(None, places), "")


def tallies_of(debates: Iterable[Whole], since: datetime, until: datetime) -> tuple[Tally, ...]:
    """What was said in that time, by day, model and persona."""
    said: dict[tuple[date, str, str], list[tuple[str, Turn]]] = defaultdict(list)
    for debate, turns in debates:
        for turn in _between(turns, since, until):
            day = turn.created_at.astimezone(UTC).date()
            said[day, turn.model or "", turn.persona or ""].append((debate.id, turn))
    return tuple(
        Tally(
            day=day,
            model=model,
            persona=persona,
            debates=len({debate_id for debate_id, _ in turns}),
            turns=len(turns),
            prompt_tokens=sum((turn.usage and turn.usage.prompt_tokens) or 0 for _, turn in turns),
            completion_tokens=sum(
                (turn.usage and turn.usage.completion_tokens) or 0 for _, turn in turns
            ),
            seconds=sum((turn.timings.total if turn.timings else 0.0) for _, turn in turns),
        )
        for (day, model, persona), turns in sorted(said.items())
    )


def _between(turns: Sequence[Turn], since: datetime, until: datetime) -> Iterator[Turn]:
    return (turn for turn in turns if not turn.from_user and since <= turn.created_at < until)

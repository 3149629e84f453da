"""Whether a document holds a debate that could have been held here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rebuttal.document import LEFT_OUT, Document
from rebuttal.errors import InvalidInput
from rebuttal.material import one_line
from rebuttal.records import USER, Debate, Debater, Turn
from rebuttal.settings import Settings
from rebuttal.wish import MAX_LANGUAGE, MAX_SEATS, MAX_SEED, MAX_TEXT

MOST_ROUNDS = 1000
MOST_COUNTED = 10**9
"""Tokens of a turn, and milliseconds it may have taken."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)
"""How far ahead another machine's clock may be."""


def check_document(document: Document, settings: Settings, moment: datetime) -> None:
    """Raises InvalidInput naming the field: of the debate, of its tables, or of its tree."""
    _check_length(len(document.turns), settings.max_turns)
    latest = moment + AHEAD
    _check_debate(document.debate, latest)
    longest = max(MAX_TEXT, settings.max_turn_chars)
    for at, turn in enumerate(document.turns):
        _check_turn(turn, f"turns.{at}", longest, latest)
    _check_tree(document, settings.max_turns)


def _check_debate(debate: Debate, latest: datetime) -> None:
    for field in LEFT_OUT:
        _refuse(f"debate.{field}", field in debate.model_fields_set, "no document has it")
    _check_text("debate.topic", debate.topic, MAX_TEXT)
    _check_line("debate.language", debate.language, MAX_LANGUAGE)
    _check_line("debate.title", debate.title or "-", 200)
    _check_number("debate.rounds", debate.rounds, MOST_ROUNDS)
    _check_number("debate.seed", debate.seed, MAX_SEED)
    _check_moment("debate.created_at", debate.created_at, latest)
    _check_moment("debate.imported_at", debate.imported_at, latest)
    _check_table("debate.debaters", debate.debaters)


def _check_table(field: str, table: Sequence[Debater]) -> None:
    _check_number(field, len(table), MAX_SEATS, 1)
    seats = [debater.seat for debater in table]
    _refuse(field, len(set(seats)) < len(seats), "two debaters have one seat")
    _refuse(field, USER in seats, f"no seat may be called {USER!r}")
    for at, debater in enumerate(table):
        here = f"{field}.{at}"
        _check_line(f"{here}.name", debater.name, 60)
        _check_line(f"{here}.model", debater.model, 300)
        _refuse(f"{here}.stance", len(debater.stance or "") > MAX_TEXT, "is too long")
        _check_line(f"{here}.persona.name", debater.persona.name, 40)
        _check_line(f"{here}.persona.emoji", debater.persona.emoji or "-", 8)
        _check_text(f"{here}.persona.instructions", debater.persona.instructions, 4000)
        if debater.sampling:
            _check_number(f"{here}.sampling.max_tokens", debater.sampling.max_tokens, 10**6)
            _check_line(f"{here}.sampling.reasoning", debater.sampling.reasoning or "-", 40)
        _check_line(f"{here}.digest", debater.digest or "-", 128)


def _check_turn(turn: Turn, field: str, longest: int, latest: datetime) -> None:
    _refuse(
        f"{field}.text", len(turn.text) > (MAX_TEXT if turn.from_user else longest), "is too long"
    )
    _check_number(f"{field}.rounds", turn.rounds, MOST_ROUNDS if turn.from_user else 0)
    _check_moment(f"{field}.created_at", turn.created_at, latest)
    _check_line(f"{field}.model", turn.model or "-", 300)
    _check_line(f"{field}.persona", turn.persona or "-", 64)
    if turn.debaters:
        _refuse(f"{field}.debaters", not turn.from_user, "only the user changes the table")
        _check_table(f"{field}.debaters", turn.debaters)
    for name, count in (turn.usage.model_dump() if turn.usage else {}).items():
        _check_number(f"{field}.usage.{name}", count, MOST_COUNTED)
    if turn.timings:
        for name, seconds in turn.timings.model_dump().items():
            _check_number(f"{field}.timings.{name}", seconds and seconds * 1000, MOST_COUNTED)


def _check_tree(document: Document, most: int) -> None:
    """One root, parents before children, and everybody speaks at a table that they sit at."""
    tables: dict[str, tuple[Debater, ...]] = {}
    lines: dict[str, tuple[int, int]] = {}  # turns up to here, and turns owed behind it
    for at, turn in enumerate(document.turns):
        field, parent = f"turns.{at}", turn.parent_id
        _refuse(f"{field}.id", turn.id in tables, "is the id of an earlier turn")
        if at == 0:
            _refuse(field, not turn.from_user, "the first turn is not the user's")
        _refuse(f"{field}.parent_id", (parent is None) != (at == 0), "only the first turn has none")
        _refuse(f"{field}.parent_id", bool(parent) and parent not in tables, "is no earlier turn")
        before = tables.get(parent or "", document.debate.debaters)
        sits = turn.from_user or any(one.seat == turn.speaker for one in before)
        _refuse(f"{field}.speaker", not sits, "sits at no table there")
        tables[turn.id] = turn.debaters or before
        length, owed = lines.get(parent or "", (0, 0))
        bought = turn.rounds * len(tables[turn.id]) - (not turn.from_user)
        owed = max(bought + (0 if turn.debaters else owed), 0)
        lines[turn.id] = length + 1, owed
        _check_length(length + 1 + owed, most)
    _refuse("debate.tip", document.debate.tip not in tables, "is no turn")


# --- fields ---------------------------------------------------------------------------------------


def _refuse(field: str, wrong: bool, problem: str) -> None:
    if wrong:
        raise InvalidInput(f"{field}: {problem}")


def _check_text(field: str, text: str, longest: int) -> None:
    _refuse(field, not text.strip(), "is empty")
    _refuse(field, len(text) > longest, f"has more than {longest} characters")


def _check_line(field: str, text: str, longest: int) -> None:
    _check_text(field, text, longest)
    _refuse(field, len(text.splitlines()) > 1, "is more than a line")


def _check_number(field: str, number: float | None, most: int, least: int = 0) -> None:
    if number is not None and not least <= number <= most:
        said = one_line(str(number), 24)
        raise InvalidInput(f"{field}: {said} is not between {least} and {most}")


def _check_length(turns: int, most: int) -> None:
    if turns > most:
        raise InvalidInput(
            f"The debate would have {turns} turns with those that it owes; {most} are allowed.",
            "Whoever runs this can allow more with REBUTTAL_MAX_TURNS.",
        )


def _check_moment(field: str, moment: datetime | None, latest: datetime) -> None:
    if moment is None:
        return
    _refuse(field, moment.tzinfo is None, "has no time zone")
    _refuse(field, not EARLIEST <= moment <= latest, "is no time between 2000 and now")

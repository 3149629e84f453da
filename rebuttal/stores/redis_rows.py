"""How debates, turns and tokens lie in Redis. Nothing outside the store sees these texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from rebuttal.errors import StoreError
from rebuttal.records import Debate, Panel, Token, Turn
from rebuttal.stores.finding import Place
from rebuttal.stores.memory_shelf import Held
from rebuttal.stores.sql_terms import terms_of, terms_of_turn
from rebuttal.stores.storable import in_utc, refuse_unstorable
from rebuttal.words import words


@dataclass(frozen=True)
class Kept:
    """A debate as it lies there."""

    debate: Debate
    place: Place
    version: str
    kept_at: float
    deleted_at: float | None


@dataclass(frozen=True)
class Tree:
    """A debate with its turns, oldest first, and the numbers by which they are in that order."""

    kept: Kept
    turns: tuple[Turn, ...]
    numbers: Mapping[str, str]

    @property
    def held(self) -> Held:
        """The same in memory."""
        kept = self.kept
        return Held(
            kept.debate,
            {turn.id: turn for turn in self.turns},
            kept.place.seq,
            datetime.fromtimestamp(kept.kept_at, UTC),
            None if kept.deleted_at is None else datetime.fromtimestamp(kept.deleted_at, UTC),
        )


def debate_args(debate: Debate, turns: Sequence[Turn]) -> Iterator[str]:
    """For the script ADD. Raises InvalidInput for what no store keeps."""
    refuse_unstorable(debate)
    yield from (debate.id, debate.owner, in_utc(debate).model_dump_json(), debate.tip)
    yield from (flag(debate.finished), debate.title or "", flag(debate.pinned))
    untitled = debate.model_copy(update={"title": None})
    yield from (" ".join(terms_of(untitled, ())), title_terms(debate.title or ""), str(len(turns)))
    for turn in turns:
        yield from turn_args(turn)


def turn_args(turn: Turn) -> tuple[str, str, str]:
    """Its id, its JSON and its terms. Raises InvalidInput for what no store keeps."""
    refuse_unstorable(turn)
    return turn.id, in_utc(turn).model_dump_json(), " ".join(terms_of_turn(turn))


def title_terms(title: str) -> str:
    """What finds a debate by its title."""
    return " ".join(words(title))


def kept_of(fields: Mapping[str, str]) -> Kept | None:
    """What the hash of a debate holds; None where there is none. What changes lies beside its body.

    Raises StoreError for what was tampered with.
    """
    if "body" not in fields:
        return None
    with _readable():
        pinned = fields["pinned"] == "1"
        debate = Debate.model_validate_json(fields["body"]).model_copy(
            update={
                "tip": fields["tip"],
                "finished": fields["finished"] == "1",
                "title": fields["title"] or None,
                "pinned": pinned,
            }
        )
        deleted_at = fields.get("deleted_at")
        return Kept(
            debate,
            Place(pinned, int(fields["seq"])),
            fields["version"],
            float(fields["kept_at"]),
            float(deleted_at) if deleted_at else None,
        )


def tree_of(fields: Mapping[str, str], turns: Mapping[str, str]) -> Tree | None:
    """The debate with its turns; None where there is none."""
    kept = kept_of(fields)
    if kept is None or not turns:
        return None
    with _readable():
        numbered = sorted((_numbered(text) for text in turns.values()), key=lambda one: one[0])
        found = [Turn.model_validate_json(json) for _, json in numbered]
        numbers = {turn.id: str(number) for (number, _), turn in zip(numbered, found, strict=True)}
        return Tree(kept, tuple(found), numbers)


def token_of(json: str) -> Token:
    """Raises StoreError for what was tampered with."""
    with _readable():
        return Token.model_validate_json(json)


def panel_of(json: str) -> Panel:
    """Raises StoreError for what was tampered with."""
    with _readable():
        return Panel.model_validate_json(json)


def flag(value: bool) -> str:
    """As it lies there."""
    return "1" if value else "0"


def seconds(moment: datetime) -> str:
    """As it lies there: microseconds are kept."""
    return f"{moment.timestamp():.6f}"


def _numbered(text: str) -> tuple[int, str]:
    number, _, json = text.partition(":")
    return int(number), json


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (KeyError, ValueError) as exc:
        raise StoreError(
            "Something that Redis keeps is not as it was written.", "Did another program change it?"
        ) from exc

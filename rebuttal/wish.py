"""What a person asks a debate to be: checked here, and made into a debate and its first turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rebuttal.errors import InvalidInput
from rebuttal.material import clean
from rebuttal.records import USER, Debate, Seat, Turn, new_id, now
from rebuttal.seats import Seating
from rebuttal.settings import Settings

MAX_SEATS = 6
MAX_TEXT = 8000
"""Characters of a topic or a note."""
MAX_LANGUAGE = 60
MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class Wish:
    """A debate as it is asked for; ``keys`` are the visitor's own, by endpoint.

    ``context``, unless it is empty, is a note behind the topic, which everybody hears.
    """

    topic: str
    seats: tuple[Seat, ...]
    rounds: int
    language: str = "English"
    seed: int | None = None
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    context: str = ""
    run: bool = True
    """Whether it begins at once."""
    id: str = field(default_factory=new_id)

    def check(self, settings: Settings) -> None:
        """Raises InvalidInput for what cannot be, whatever the catalog holds."""
        checked_text(self.topic, "topic")
        if self.context:
            checked_text(self.context, "context")
        checked_text(self.language, "language", MAX_LANGUAGE)
        check_number(self.rounds, "rounds", 1, settings.max_rounds)
        check_number(len(self.seats), "seats", 1, MAX_SEATS)
        check_number(self.seed or 0, "seed", 0, MAX_SEED)
        check_length(1 + bool(self.context) + self.rounds * len(self.seats), settings.max_turns)

    def begin(self, owner: str, seating: Seating) -> tuple[Debate, Turn]:
        """The debate and the turn that opens it. Raises NotFound."""
        topic, moment, first = checked_text(self.topic, "topic"), now(), new_id()
        debate = Debate(
            id=self.id,
            topic=topic,
            debaters=seating.table(topic, self.seats),
            rounds=self.rounds,
            language=checked_text(self.language, "language", MAX_LANGUAGE),
            seed=self.seed,
            tip=first,
            owner=owner,
            own_keys=tuple(self.keys),
            created_at=moment,
        )
        return debate, _opening(debate)

    def note(self, first: Turn) -> Turn | None:
        """The turn behind the topic, if there is to be one."""
        if not self.context:
            return None
        text = checked_text(self.context, "context")
        said = {"id": new_id(), "parent_id": first.id, "text": text, "rounds": 0}
        return first.model_copy(update=said)


@dataclass(frozen=True)
class Again:
    """A debate to be run once more; what is None stays as it was. ``seats`` is by seat."""

    topic: str | None = None
    rounds: int | None = None
    language: str | None = None
    seed: int | None = None
    seats: Mapping[str, Seat] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)

    def check(self, debate: Debate, settings: Settings) -> None:
        """Raises InvalidInput for what cannot be here, also where that debate had it.

        It may have come in as a file, or from a time of other settings.
        """
        rounds = debate.rounds if self.rounds is None else self.rounds
        check_number(self.seed or 0, "seed", 0, MAX_SEED)
        check_number(rounds, "rounds", 1, settings.max_rounds)
        check_length(1 + rounds * len(debate.debaters), settings.max_turns)

    def begin(self, debate: Debate, owner: str, seating: Seating) -> tuple[Debate, Turn]:
        """A new debate of ``owner`` like that one, and the turn that opens it. Raises NotFound."""
        topic = checked_text(self.topic or debate.topic, "topic")
        again = Debate(
            id=new_id(),
            topic=topic,
            debaters=seating.same_table(debate.topic, topic, debate.debaters, self.seats),
            rounds=self.rounds or debate.rounds,
            language=checked_text(self.language or debate.language, "language", MAX_LANGUAGE),
            seed=debate.seed if self.seed is None else self.seed,
            tip=new_id(),
            rerun_of=debate.id,
            owner=owner,
            own_keys=tuple(self.keys),
            created_at=now(),
        )
        return again, _opening(again)


def _opening(debate: Debate) -> Turn:
    return Turn(
        id=debate.tip,
        parent_id=None,
        speaker=USER,
        text=debate.topic,
        rounds=debate.rounds,
        created_at=debate.created_at,
    )


def checked_text(text: str, noun: str, longest: int = MAX_TEXT) -> str:
    """The text, cleaned. Raises InvalidInput where it is empty or too long."""
    if len(text) <= 4 * longest:  # cleaning takes time, and removes little
        text = clean(text).strip()
    if not text:
        raise InvalidInput(f"The {noun} is empty.", "Type something first.")
    if len(text) > longest:
        raise InvalidInput(f"The {noun} has {len(text)} characters; {longest} are allowed.")
    return text


def kept_text(debate: Debate) -> str:
    """Everything that a person said in it and that is kept."""
    said = (f"{one.stance} {one.persona.instructions}" for one in debate.debaters)
    return "\n".join((debate.topic, *said))


def spoken_text(turn: Turn) -> str:
    """Everything that a person said with a turn of theirs."""
    said = (f"{one.stance} {one.persona.instructions}" for one in turn.debaters or ())
    return "\n".join((turn.text, *said)).strip()


def whole_text(debate: Debate, turns: Sequence[Turn]) -> str:
    """Everything that is kept of a debate that comes in whole, and not only what somebody said.

    A file can hold a megabyte of names, labels and empty turns.
    """
    kept = (record.model_dump_json(exclude_none=True) for record in (debate, *turns))
    return "\n".join(kept)


def check_number(number: int, noun: str, least: int, most: int) -> None:
    """Raises InvalidInput where it is not between these two."""
    if not least <= number <= most:
        said = number if abs(number) < 10**12 else "such a number"
        raise InvalidInput(f"{noun}: {said} is not between {least} and {most}.")


def check_length(turns: int, most: int) -> None:
    """Raises InvalidInput where a debate would have more turns than it may."""
    if turns > most:
        raise InvalidInput(
            f"The debate would have {turns} turns; {most} are allowed.", "Begin another debate."
        )

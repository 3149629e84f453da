"""What a person asks a debate to be: checked here, and made into a debate and its first turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rebuttal.catalog import Catalog
from rebuttal.errors import InvalidInput
from rebuttal.material import clean
from rebuttal.prompts import default_stances
from rebuttal.records import USER, Debate, Debater, Persona, Seat, Turn, new_id, now
from rebuttal.settings import Settings

MAX_SEATS = 6
MAX_TEXT = 8000
"""Characters of a topic or a note."""
MAX_LANGUAGE = 60
MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class Wish:
    """A debate as it is asked for; ``keys`` are the visitor's own, by endpoint."""

    topic: str
    seats: tuple[Seat, ...]
    rounds: int
    language: str = "English"
    seed: int | None = None
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)

    def check(self, settings: Settings) -> None:
        """Raises InvalidInput for what cannot be, whatever the catalog holds."""
        checked_text(self.topic, "topic")
        checked_text(self.language, "language", MAX_LANGUAGE)
        check_number(self.rounds, "rounds", 1, settings.max_rounds)
        check_number(len(self.seats), "seats", 1, MAX_SEATS)
        check_number(self.seed or 0, "seed", 0, MAX_SEED)
        check_length(1 + self.rounds * len(self.seats), settings.max_turns)

    def begin(
        self, owner: str, catalog: Catalog, label_of: Callable[[str], str]
    ) -> tuple[Debate, Turn]:
        """The debate and the turn that opens it. Raises NotFound."""
        topic, moment, first = checked_text(self.topic, "topic"), now(), new_id()
        debate = Debate(
            id=new_id(),
            topic=topic,
            debaters=_debaters(topic, self.seats, catalog, label_of),
            rounds=self.rounds,
            language=checked_text(self.language, "language", MAX_LANGUAGE),
            seed=self.seed,
            tip=first,
            owner=owner,
            own_keys=tuple(self.keys),
            created_at=moment,
        )
        opening = Turn(
            id=first,
            parent_id=None,
            speaker=USER,
            text=topic,
            rounds=self.rounds,
            created_at=moment,
        )
        return debate, opening


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


def _debaters(
    topic: str, seats: Sequence[Seat], catalog: Catalog, label_of: Callable[[str], str]
) -> tuple[Debater, ...]:
    stances = default_stances(topic, len(seats))
    personas = [_persona(seat, catalog) for seat in seats]
    names = [persona.name for persona in personas]
    return tuple(
        Debater(
            seat=f"seat{number + 1}",
            name=name if names.count(name) == 1 else f"{name} {names[:number].count(name) + 1}",
            persona=personas[number],
            model=label_of(seat.model),
            stance=clean(seat.stance or "").strip() or stances[number],
            temperature=seat.temperature,
        )
        for number, (seat, name) in enumerate(zip(seats, names, strict=True))
    )


def _persona(seat: Seat, catalog: Catalog) -> Persona:
    persona = catalog.persona(seat.persona)
    instructions = clean(seat.instructions or "").strip()
    return persona.model_copy(update={"instructions": instructions}) if instructions else persona

"""What each event of the page accepts: the raw values that a browser sent -> one strict record.

Nothing has looked at them before: what the page declares binds only the page's own script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self, cast
from urllib.parse import parse_qs

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from rebuttal.catalog import Catalog
from rebuttal.errors import InvalidInput
from rebuttal.material import clean, one_line
from rebuttal.records import Id, Record
from rebuttal.settings import Settings
from rebuttal.ui.wrong import RELOAD, in_words
from rebuttal.wish import MAX_SEATS, MAX_TEXT

PLAIN_TEMPERATURE = 0.8
"""Where the slider stands for a persona that has no temperature of its own."""
TICKET = r"^[A-Za-z0-9_-]{1,64} [A-Za-z0-9_-]{1,64}$"
"""A debate's id and a mark."""


@dataclass(frozen=True, slots=True)
class House:
    """What is known and allowed here, for checks that need more than the value."""

    catalog: Catalog
    settings: Settings


def _cleaned(value: object) -> object:
    """None is what an emptied field sends."""
    if value is None:
        return ""
    return clean(value) if isinstance(value, str) else value


def in_one_line(text: str) -> str:
    """Without line ends and runs of blanks."""
    return " ".join(text.split())


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else _cleaned(value)


def _house(info: ValidationInfo) -> House:
    return cast(House, info.context)


def _known_persona(key: str, info: ValidationInfo) -> str:
    if key not in _house(info).catalog.personas:
        raise ValueError(f"no persona is called {_brief(key)}")
    return key


def _known_model(label: str, info: ValidationInfo) -> str:
    """Beyond models.yaml only where visitors may seat such models; the app finds them."""
    house = _house(info)
    if label and not (house.settings.any_model or label in house.catalog.models):
        raise ValueError(f"no model is called {_brief(label)}")
    return label


def _brief(name: str) -> str:
    return repr(one_line(name, 60))


def _allowed_rounds(rounds: int, info: ValidationInfo) -> int:
    most = _house(info).settings.max_rounds
    if rounds > most:
        raise ValueError(f"{rounds} is not between 1 and {most}")
    return rounds


Clean = BeforeValidator(_cleaned)
Topic = Annotated[str, Field(max_length=MAX_TEXT), Clean]
PersonaKey = Annotated[str, Field(max_length=64), Clean]
Label = Annotated[str, Field(max_length=300), Clean]
KnownPersona = Annotated[PersonaKey, AfterValidator(_known_persona)]
KnownModel = Annotated[Label, AfterValidator(_known_model)]
Rounds = Annotated[int, Field(ge=1), AfterValidator(_allowed_rounds)]
Language = Annotated[str, Field(max_length=60), AfterValidator(in_one_line), Clean]
SeatCount = Annotated[int, Field(ge=1, le=MAX_SEATS)]
Key = Annotated[
    str, Field(max_length=500, pattern=r"^[!-~]*$", repr=False), BeforeValidator(_stripped)
]


class Entry(Record):
    """Values by the order of the fields."""

    @classmethod
    def read(cls, values: Sequence[object], scope: Mapping[str, Any], house: House) -> Self:
        """From what the browser sent and its request. Raises InvalidInput naming the field."""
        try:
            return cls.model_validate(cls.named(values, scope), context=house)
        except ValidationError as exc:
            raise in_words(exc) from None

    @classmethod
    def named(cls, values: Sequence[object], scope: Mapping[str, Any]) -> dict[str, object]:
        """Each value under the name of its field."""
        return _under(cls.sent(), values)

    @classmethod
    def sent(cls) -> list[str]:
        """The fields that take one value each."""
        return [name for name in cls.model_fields if name not in ("places", "tokens")]


def _under(names: Sequence[str], values: Sequence[object]) -> dict[str, object]:
    if len(values) != len(names):
        raise InvalidInput(f"The form sent {len(values)} values, not {len(names)}.", RELOAD)
    return dict(zip(names, values, strict=True))


class Nothing(Entry):
    """An event that carries no value."""


class Opened(Entry):
    """The page was loaded, with a debate in its address or none."""

    debate: Id | None = None

    @classmethod
    def named(cls, values: Sequence[object], scope: Mapping[str, Any]) -> dict[str, object]:
        query: dict[str, list[Any]] = {**parse_qs(scope.get("query_string", b"").decode("latin-1"))}
        return {**_under((), values), "debate": query.get("debate", [None])[0]}


class Place(Record):
    """The fields of one seat on the page, in their order."""

    persona: PersonaKey
    model: Label
    stance: Annotated[str, Field(max_length=500), Clean] = ""
    instructions: Annotated[str, Field(max_length=4000), Clean] = ""
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] = PLAIN_TEMPERATURE


class SentPlace(Place):
    """A seat whose persona and model are known here."""

    persona: KnownPersona
    model: KnownModel


class Cards(Entry):
    """The fields of every card, one after the other."""

    places: Annotated[tuple[SentPlace, ...], Field(min_length=1, max_length=MAX_SEATS)]

    @classmethod
    def named(cls, values: Sequence[object], scope: Mapping[str, Any]) -> dict[str, object]:
        """What the other fields do not take fills the cards."""
        names = cls.sent()
        rows = values[len(names) :]
        named = _under(names, values[: len(names)])
        columns = list(Place.model_fields)
        if not rows or len(rows) % len(columns):
            raise InvalidInput(f"The form sent {len(values)} values, which fill no seats.", RELOAD)
        cards = [rows[at : at + len(columns)] for at in range(0, len(rows), len(columns))]
        return {**named, "places": tuple(_under(columns, card) for card in cards)}


class Form(Cards):
    """The form before a debate: its topic, its cards, and how many of them are taken."""

    topic: Topic
    seats: SeatCount

    @model_validator(mode="after")
    def _has_as_many_cards(self) -> Self:
        if len(self.places) < self.seats:
            raise ValueError(f"{self.seats} seats were asked for, {len(self.places)} are here")
        return self

    @property
    def taken(self) -> tuple[SentPlace, ...]:
        """The seats that somebody sits at."""
        return self.places[: self.seats]


class WithKey(Entry):
    """A key of the visitor's own may come along; ``tokens``, by endpoint, are of a sign-in."""

    endpoint: Annotated[str, Field(max_length=80), Clean]
    key: Key
    tokens: Annotated[dict[str, str], Field(repr=False)]

    @classmethod
    def named(cls, values: Sequence[object], scope: Mapping[str, Any]) -> dict[str, object]:
        tokens = scope.get("rebuttal.keys")
        found = dict(tokens) if isinstance(tokens, Mapping) else {}
        return {**super().named(values, scope), "tokens": found}

    @model_validator(mode="after")
    def _has_a_home(self, info: ValidationInfo) -> Self:
        house = _house(info)
        if self.key and not house.settings.own_keys:
            raise ValueError("No keys of visitors are taken here")
        endpoint = house.catalog.endpoints.get(self.endpoint)
        if self.key and (endpoint is None or endpoint.key is None):
            raise ValueError("Say whose key it is")
        return self

    @property
    def keys(self) -> dict[str, str]:
        """The visitor's own, by endpoint."""
        return {**self.tokens, **({self.endpoint: self.key} if self.key else {})}


class Start(WithKey, Form):
    """A debate that shall begin."""

    rounds: Rounds
    language: Language
    request: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,64}$"), Clean]

    @model_validator(mode="after")
    def _seats_have_models(self) -> Self:
        for number, place in enumerate(self.taken, 1):
            if not place.model:
                raise ValueError(f"Seat {number} has no model to speak through")
        return self

    @model_validator(mode="after")
    def _key_has_a_use(self, info: ValidationInfo) -> Self:
        if self.key and self.endpoint not in self.endpoints(_house(info).catalog):
            raise ValueError(f"It is a key for {self.endpoint}, through which nobody speaks here")
        return self

    def endpoints(self, catalog: Catalog) -> set[str]:
        """Where the models live that shall speak."""
        return catalog.endpoints_of([place.model for place in self.taken])


class ChosenPersona(Entry):
    """Who shall sit at a seat."""

    persona: KnownPersona


class ChosenModel(Entry):
    """A model from a list, or none where the list was emptied."""

    model: KnownModel


class ChosenEndpoint(Entry):
    """Whose key it is, or nobody's yet."""

    endpoint: Annotated[str, Field(max_length=80), Clean]


class Ticket(Entry):
    """Something is to happen to the debate on the stage."""

    ticket: Annotated[str, Field(pattern=TICKET)]

    @property
    def debate_id(self) -> str:
        """The debate it is for."""
        return debate_of(self.ticket)


class Resume(WithKey, Ticket):
    """A debate shall go on, perhaps with a key that was forgotten meanwhile."""


class Note(Ticket):
    """A user's turn."""

    note: Topic


class Look(Entry):
    """The stage wants to be shown, or has been cleared."""

    ticket: Annotated[str, Field(pattern=rf"^$|{TICKET}"), Clean]

    @property
    def debate_id(self) -> str:
        """The debate to watch, or empty."""
        return debate_of(self.ticket)


class Hear(Look):
    """The turn in progress wants to be heard, word by word or whole."""

    streaming: bool


def debate_of(ticket: str) -> str:
    """The id of the debate that a ticket is for, or empty."""
    return ticket.partition(" ")[0]

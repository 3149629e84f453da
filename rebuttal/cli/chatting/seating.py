"""Commands about who answers, and how: models, personas, seats, instructions, sampling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError
from rich.text import Text

from rebuttal.cli.chatting.command import Command
from rebuttal.cli.chatting.session import Session
from rebuttal.cli.lists import table
from rebuttal.cli.options import parse_seat
from rebuttal.errors import InvalidInput, NotFound
from rebuttal.material import clean, one_line
from rebuttal.records import Seat
from rebuttal.wish import MAX_SEATS, MAX_SEED, check_number

NONE = "-"
"""Typed to have what the catalog says again."""


async def switch(session: Session, typed: str) -> None:
    """Another model for one seat, or for all of them."""
    numbers, name = _whose(session, typed)
    label = await _label(session, name)
    session.seats = [
        _changed(seat, model=label) if number in numbers else seat
        for number, seat in enumerate(session.seats)
    ]
    _tell(session)


async def persona(session: Session, typed: str) -> None:
    """Another persona for a seat, which leaves what was told to the one before."""
    number, name = _one(session, typed, "/persona NUMBER NAME")
    key = session.house.catalog.persona(name).key
    cleared = {"persona": key, "instructions": None, "stance": None}
    _put(session, number, _changed(session.seats[number], **cleared))
    _tell(session)


async def seat(session: Session, typed: str) -> None:
    """Add a debater, take one away, or list those at the table."""
    if typed.startswith(NONE):
        _remove(session, typed.removeprefix(NONE).strip())
    elif typed:
        check_number(len(session.seats) + 1, "seats", 1, MAX_SEATS)
        whole = typed if ":" in typed else f"{typed}:{session.seats[0].model}"
        new = parse_seat(whole, session.house.catalog)
        new = _changed(new, model=await _label(session, new.model))
        session.seats = [*session.seats, new]
    _tell(session)


async def system(session: Session, typed: str) -> None:
    """Own instructions for a seat, instead of its persona's."""
    number, text = _one(session, typed, "/system NUMBER TEXT") if typed else (0, "")
    if text:
        instructions = None if text == NONE else clean(text)
        _put(session, number, _changed(session.seats[number], instructions=instructions))
        session.note("From the next line on.")
        return
    for number, one in enumerate(session.seats, 1):
        persona = session.house.catalog.persona(one.persona)
        session.note(f"{number}  {one_line(persona.name)}")
        session.show(Text(clean(one.instructions or persona.instructions).strip()))


async def params(session: Session, typed: str) -> None:
    """Show how models are asked, or change one thing of it."""
    if typed:
        name, value = _split(typed)
        if name not in PARAMS:
            raise NotFound(
                f"{one_line(name, 40)!r} is no parameter.", f"Known: {', '.join(PARAMS)}."
            )
        PARAMS[name].write(session, value)
    shown = table("Parameter", "Now", "")
    for name, param in PARAMS.items():
        shown.add_row(name, one_line(param.read(session)), param.about)
    session.show(shown)


@dataclass(frozen=True)
class Param:
    """``write`` takes what was typed, and ``-`` for what holds without it."""

    about: str
    read: Callable[[Session], str]
    write: Callable[[Session, str], None]


def _of_seats(field: str, kind: type[float] | type[int], about: str) -> Param:
    def read(session: Session) -> str:
        values = {getattr(one, field) for one in session.seats}
        return ", ".join(sorted("as the catalog says" if v is None else str(v) for v in values))

    def write(session: Session, typed: str) -> None:
        value = None if typed == NONE else _number(typed, kind, field)
        session.seats = [_changed(one, **{field: value}) for one in session.seats]

    return Param(about, read, write)


def _write_seed(session: Session, typed: str) -> None:
    seed = None if typed == NONE else _number(typed, int, "seed")
    check_number(int(seed or 0), "seed", 0, MAX_SEED)
    session.conversation.seed = None if seed is None else int(seed)


def _write_language(session: Session, typed: str) -> None:
    session.conversation.language = "English" if typed == NONE else one_line(typed, 60)


def _write_rounds(session: Session, typed: str) -> None:
    rounds = 3 if typed == NONE else int(_number(typed, int, "rounds"))
    check_number(rounds, "rounds", 1, 1000)
    session.rounds = rounds


PARAMS = {
    "temperature": _of_seats("temperature", float, "0 to 2, from the next line on"),
    "max_tokens": _of_seats("max_tokens", int, "of one answer, from the next line on"),
    "seed": Param(
        "from /new on; with it models repeat themselves",
        lambda session: (
            "none" if session.conversation.seed is None else str(session.conversation.seed)
        ),
        _write_seed,
    ),
    "language": Param(
        "from /new on", lambda session: session.conversation.language, _write_language
    ),
    "rounds": Param("of what /debate begins", lambda session: str(session.rounds), _write_rounds),
}
"""What can be set, by name."""


async def models_there(session: Session, typed: str) -> Sequence[str]:
    """Labels, behind the number of a seat where one is typed."""
    before = f"{_split(typed)[0]} " if typed.split(" ")[0].isdecimal() else ""
    return [f"{before}{label}" for label in _labels(session)]


async def personas_there(session: Session, typed: str) -> Sequence[str]:
    """Keys, behind the number of a seat where one is typed."""
    before = f"{_split(typed)[0]} " if typed.split(" ")[0].isdecimal() else ""
    return [f"{before}{key}" for key in session.house.catalog.personas]


async def seats_there(session: Session, typed: str) -> Sequence[str]:
    """Personas, and behind a colon the models; or those that can leave."""
    if typed.startswith(NONE):
        return [f"{NONE}{number}" for number in range(1, len(session.seats) + 1)]
    key, colon, _ = typed.partition(":")
    if colon:
        return [f"{key}:{label}" for label in _labels(session)]
    return [*session.house.catalog.personas]


async def params_there(session: Session, typed: str) -> Sequence[str]:
    """Names."""
    return [*PARAMS]


SEATING = (
    Command("switch", "[NUMBER] MODEL", "another model", switch, models_there),
    Command("persona", "[NUMBER] NAME", "another persona", persona, personas_there),
    Command(
        "seat",
        "[PERSONA:MODEL | -NUMBER]",
        "add a debater, remove one, or list them",
        seat,
        seats_there,
    ),
    Command("system", "[[NUMBER] TEXT]", "own instructions; - takes them back", system),
    Command("params", "[NAME VALUE]", "show or set temperature and others", params, params_there),
)


def _labels(session: Session) -> list[str]:
    known = dict.fromkeys(session.house.catalog.models)
    return [*known | dict.fromkeys(state.label for state in session.models)]


async def _label(session: Session, name: str) -> str:
    """The label of a model that is there. Raises NotFound."""
    label = parse_seat(f"{session.seats[0].persona}:{name}", session.house.catalog).model
    if label in _labels(session):
        return label
    session.models = await session.house.models()  # of servers that list more than the catalog
    alike = [one for one in _labels(session) if one.casefold() == label.casefold()]
    if not alike:
        raise NotFound(f"No model is called {one_line(name, 80)!r}.", "See: /models")
    return alike[0]


def _split(typed: str) -> tuple[str, str]:
    """The first word and the rest; an equals sign also parts them."""
    first, _, rest = typed.replace("=", " ", 1).strip().partition(" ")
    return first, rest.strip()


def _whose(session: Session, typed: str) -> tuple[Sequence[int], str]:
    """The seats that are meant: the one whose number is typed first, or all; and the rest."""
    first, _, rest = typed.partition(" ")
    if first.isdecimal() and rest.strip():
        return [_place(session, first)], rest.strip()
    return range(len(session.seats)), typed


def _one(session: Session, typed: str, usage: str) -> tuple[int, str]:
    numbers, rest = _whose(session, typed)
    if len(numbers) > 1:
        raise InvalidInput("Several debaters sit here.", f"Say which one: {usage}")
    return numbers[0], rest


def _place(session: Session, number: str) -> int:
    check_number(int(number[:9]), "seat", 1, len(session.seats))
    return int(number) - 1


def _remove(session: Session, who: str) -> None:
    at = [n for n, one in enumerate(session.seats) if one.persona.casefold() == who.casefold()]
    if who.isdecimal():
        at = [_place(session, who)]
    if len(at) != 1:
        problem = "stands for several seats" if at else "is no seat"
        raise InvalidInput(f"{one_line(who, 40)!r} {problem}.", "Name it by its number: /seat -2")
    if len(session.seats) == 1:
        raise InvalidInput("Nobody else sits here.", "Put another there: /persona NAME")
    session.seats = [one for number, one in enumerate(session.seats) if number != at[0]]


def _put(session: Session, number: int, seat: Seat) -> None:
    session.seats = [seat if at == number else one for at, one in enumerate(session.seats)]


def _changed(seat: Seat, **fields: object) -> Seat:
    """Raises InvalidInput for what cannot be."""
    try:
        return Seat.model_validate({**seat.model_dump(), **fields})
    except ValidationError as exc:
        error = exc.errors(include_url=False, include_input=False)[0]
        raise InvalidInput(f"{error['loc'][0]}: {error['msg']}") from None


def _number(typed: str, kind: type[float] | type[int], name: str) -> float | int:
    try:
        return kind(typed)
    except ValueError:
        raise InvalidInput(f"{name}: {one_line(typed, 40)!r} is no number.") from None


def _tell(session: Session) -> None:
    """Who sits there now."""
    shown = table("", "Persona", "Model", "")
    for number, one in enumerate(session.seats, 1):
        told = "own instructions" if one.instructions else ""
        shown.add_row(str(number), one_line(one.persona), one_line(one.model), told)
    session.show(shown)

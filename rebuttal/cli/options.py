"""What commands share: the options of every command, seats as they are typed, exit codes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, get_type_hints

import typer

from rebuttal.catalog import Catalog
from rebuttal.cli.terminal import say_error
from rebuttal.errors import InvalidInput, RebuttalError
from rebuttal.records import Seat
from rebuttal.settings import Settings, load_settings

DONE, FAILED, STOPPED = 0, 1, 130
"""Exit codes: done, a problem said on stderr, stopped by Ctrl-C."""

DEFAULT_PERSONAS = ("philosopher", "cynic")
"""Who debates when no seat is asked for."""


def _field(name: str, kind: object, metavar: str) -> object:
    """An option that says of itself what the setting says."""
    variable = f"REBUTTAL_{name.upper()}"
    text = f"{Settings.model_fields[name].description} ({variable})"
    option = typer.Option(
        f"--{name}",
        help=text,
        metavar=metavar,
        show_default=False,
        rich_help_panel="Settings",
    )
    return Annotated[kind, option]


SETTINGS = {
    "models": _field("models", Path | None, "FILE"),
    "personas": _field("personas", Path | None, "FOLDER"),
    "data": _field("data", Path | None, "FOLDER"),
}
"""Settings that are options of every command."""

AUTH = {"auth": _field("auth", Path | None, "FILE")}
"""Names the file of users, where they are added and where they sign in."""

PROFILE = {"profile": _field("profile", str | None, "PROFILE")}
"""Chooses the limits, where the page is served and where its figures are shown."""

PAGE_SETTINGS = {
    **PROFILE,
    "host": _field("host", str | None, "ADDRESS"),
    "port": _field("port", int | None, "PORT"),
    "share": _field("share", bool | None, ""),
    **AUTH,
    **SETTINGS,
}
"""Settings that are options where the page is served."""

NOTHING: Mapping[str, object] = MappingProxyType({})


def as_command(
    call: Callable[..., int],
    described: Callable[..., object],
    settings: Mapping[str, object] = SETTINGS,
    further: Mapping[str, object] = NOTHING,
) -> Callable[..., None]:
    """A command with the words and options of ``described`` (but its first), and ``settings``.

    It runs ``call`` with the Settings and those options, and with ``further`` ones, and ends with
    the exit code that comes back: FAILED, with its words on stderr, for an error of ours, and
    STOPPED for Ctrl-C.
    """

    def command(**given: Any) -> None:
        chosen = {name: given.pop(name) for name in settings}
        try:
            _check_place(given.get("server"), chosen)
            code = call(load_settings(**chosen), **given)
        except RebuttalError as error:
            say_error(error)
            code = FAILED
        except KeyboardInterrupt:
            code = STOPPED
        raise typer.Exit(code)

    kind = inspect.Parameter.KEYWORD_ONLY
    hints = get_type_hints(described, include_extras=True)
    own = list(inspect.signature(described).parameters.values())[1:]
    parameters = [
        *(p.replace(annotation=hints[p.name], kind=kind) for p in own),
        *(
            inspect.Parameter(name, kind, default=None, annotation=annotation)
            for name, annotation in {**further, **settings}.items()
        ),
    ]
    command.__doc__ = described.__doc__
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return command


def _check_place(server: str | None, chosen: Mapping[str, object]) -> None:
    """Refuse settings of this machine for what is done at a server, which has its own."""
    useless = next((name for name, value in chosen.items() if value is not None), None)
    if server is not None and useless:
        raise InvalidInput(f"--{useless} does not go with --server.", "The server has its own.")


def default_model(catalog: Catalog) -> str:
    """The built-in model's label, else the first of the catalog. Raises InvalidInput for none."""
    labels = list(catalog.models)
    embedded = [
        label
        for label, model in catalog.models.items()
        if catalog.endpoint_of(model).api == "embedded"
    ]
    if not labels:
        raise InvalidInput("models.yaml names no model.", "Add one, or choose with PERSONA:MODEL.")
    return (embedded or labels)[0]


def parse_seat(text: str, catalog: Catalog) -> Seat:
    """PERSONA:MODEL, or PERSONA alone for the built-in model; a model's name may hold colons."""
    persona, _, model = text.partition(":")
    if not persona.strip():
        raise InvalidInput(f"--seat {text!r} names no persona.", "Write PERSONA:MODEL.")
    key = catalog.persona(persona.strip()).key
    model = _label(model.strip(), catalog) if model.strip() else default_model(catalog)
    return Seat(persona=key, model=model)


def _label(name: str, catalog: Catalog) -> str:
    """The label meant by ``name``: itself, else one in other letters, else a model of that id."""
    if name in catalog.models:
        return name
    alike = [
        label
        for label, model in catalog.models.items()
        if name.casefold() in (label.casefold(), model.model.casefold())
    ]
    return alike[0] if len(alike) == 1 else name


def parse_seats(texts: Sequence[str], stances: Sequence[str], catalog: Catalog) -> list[Seat]:
    """The seats of --seat, with the stances of --stance SEAT=TEXT laid on them.

    SEAT is a seat's number from 1, or its persona where only one seat has it.
    """
    if not texts:
        known = [key for key in DEFAULT_PERSONAS if key in catalog.personas]
        texts = known if len(known) == 2 else list(catalog.personas)[:2]
    seats = [parse_seat(text, catalog) for text in texts]
    for text in stances:
        name, equals, stance = text.partition("=")
        if not equals or not stance.strip():
            raise InvalidInput(f"--stance {text!r} has no text.", "Write SEAT=TEXT.")
        number = _seat_number(name.strip(), seats)
        seats[number] = seats[number].model_copy(update={"stance": stance.strip()})
    return seats


def _seat_number(name: str, seats: Sequence[Seat]) -> int:
    digits = name.casefold().removeprefix("seat")
    if digits.isdecimal() and 1 <= int(digits) <= len(seats):
        return int(digits) - 1
    found = [at for at, seat in enumerate(seats) if seat.persona.casefold() == name.casefold()]
    if len(found) == 1:
        return found[0]
    problem = "stands for several seats" if found else "is no seat"
    raise InvalidInput(
        f"--stance: {name!r} {problem}.", f"Number the seats: 1 to {len(seats)}, as in 1=TEXT."
    )

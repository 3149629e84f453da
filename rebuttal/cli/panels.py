"""``rebuttal panel``: tables that are kept under a name, and asked questions."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from typing import Annotated, Any

import typer

from rebuttal.app import DebateApp
from rebuttal.catalog import Catalog
from rebuttal.cli.follow import Rest, Show, exit_code
from rebuttal.cli.json_lines import JsonLines
from rebuttal.cli.lists import table
from rebuttal.cli.options import DONE, parse_seat, parse_seats
from rebuttal.cli.stage import Stage
from rebuttal.cli.terminal import say_problem, stderr, stdout
from rebuttal.events import DebateEvent, DebateFinished, DebatePaused, TurnFinished
from rebuttal.material import clean, one_line
from rebuttal.records import Debate, Debater, Panel, Seat

Name = Annotated[str, typer.Argument(metavar="NAME", help="The panel's name.")]
Seats = Annotated[
    list[str],
    typer.Option("--seat", metavar="PERSONA:MODEL", help="A seat, up to six times."),
]
Chair = Annotated[
    str, typer.Option(metavar="PERSONA:MODEL", help="Who sums up what the others said.")
]
Rounds = Annotated[int, typer.Option(help="Turns of every seat.")]
Stances = Annotated[
    list[str] | None,
    typer.Option(
        "--stance",
        metavar="SEAT=TEXT",
        help="What a seat defends; SEAT is its number from 1 or its persona.",
    ),
]
Language = Annotated[str, typer.Option(help="The language of its debates.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs and nothing else.")]
Question = Annotated[str, typer.Argument(metavar="QUESTION", help="What they shall answer.")]
OnlyAnswer = Annotated[
    bool, typer.Option("--answer", help="Print what the chair says and nothing else.")
]
Seed = Annotated[int | None, typer.Option(help="The same seed lets models repeat themselves.")]


async def list_panels(app: DebateApp, as_json: Json = False) -> int:
    """List the panels that one can ask."""
    there = await app.panels.all()
    if as_json:
        sys.stdout.write(f"[{','.join(panel.model_dump_json() for panel in there)}]\n")
        return DONE
    shown = table("Panel", "Seats", "Rounds", "Sums up")
    for panel in there:
        seats = ", ".join(_who(seat, app.catalog) for seat in panel.seats)
        shown.add_row(panel.name, seats, str(panel.rounds), _who(panel.chair, app.catalog))
    stdout().print(shown)
    if not there:
        stderr().print("There is no panel yet. Save one with: rebuttal panel save NAME")
    return DONE


async def show(app: DebateApp, name: Name, as_json: Json = False) -> int:
    """Show who sits at a panel, and who sums up."""
    panel = await app.panels.get(name)
    if as_json:
        sys.stdout.write(f"{panel.model_dump_json()}\n")
        return DONE
    shown = table("Seat", "Persona", "Model", "Stance")
    for number, seat in enumerate((*panel.seats, panel.chair), 1):
        place = "chair" if number > len(panel.seats) else str(number)
        persona = one_line(_who(seat, app.catalog))
        shown.add_row(place, persona, one_line(seat.model), one_line(seat.stance or "", 200))
    out = stdout()
    rounds = "1 round" if panel.rounds == 1 else f"{panel.rounds} rounds"
    out.print(f"{panel.name}: {rounds} in {one_line(panel.language)}", soft_wrap=True)
    out.print(shown)
    return DONE


async def save(
    app: DebateApp,
    name: Name,
    seat: Seats,
    chair: Chair,
    rounds: Rounds = 2,
    stance: Stances = None,
    language: Language = "English",
) -> int:
    """Keep a table under a name, in the place of an earlier one of that name."""
    catalog = app.catalog
    panel = Panel.model_construct(
        name=name,
        seats=tuple(parse_seats(seat, stance or (), catalog)),
        rounds=rounds,
        chair=parse_seat(chair, catalog),
        language=language,
    )
    await app.panels.save(panel)
    stdout().print(f"Kept. Ask it with: rebuttal panel ask {name} QUESTION", soft_wrap=True)
    return DONE


async def delete(app: DebateApp, name: Name) -> int:
    """Forget a panel. Its debates stay."""
    await app.panels.delete(name)
    stdout().print(f"{one_line(name)} is forgotten.", soft_wrap=True)
    return DONE


async def ask(
    app: DebateApp,
    name: Name,
    question: Question,
    answer: OnlyAnswer = False,
    as_json: Json = False,
    seed: Seed = None,
) -> int:
    """Have a panel debate QUESTION, live, and its chair sum up. Ctrl-C stops; what was said is
    kept.
    """
    shown: Show = _Answer() if answer else JsonLines() if as_json else _Sitting()
    debate_id = ""
    rest: Rest = DebatePaused(reason="interrupted")
    try:
        async with aclosing(app.panels.ask(name, question, seed=seed)) as pieces:
            async for piece in pieces:
                if isinstance(piece, str):
                    debate_id = piece
                    shown.begin(await app.debate(debate_id))
                    continue
                shown.show(piece)
                if isinstance(piece, DebateFinished | DebatePaused):
                    rest = piece
    except asyncio.CancelledError:
        shown.end()
        say_problem("Stopped; what was said is kept.", f"See: rebuttal show {debate_id}")
        raise
    shown.end()
    return exit_code(rest, debate_id)


class _Sitting:
    """Shows the debate, and then who sums up, each on a stage."""

    def __init__(self) -> None:
        self._stage = Stage(stdout(), stderr())
        self._debate: Debate | None = None

    def begin(self, debate: Debate) -> None:
        """See Show."""
        self._debate = debate
        self._stage.begin(debate)

    def show(self, event: DebateEvent) -> None:
        """See Show."""
        chair = _seated(event)
        if chair and self._debate:
            self._stage.end()
            self._stage = Stage(stdout(), stderr())
            stdout().print()
            changes = {"topic": "Summing up", "debaters": chair}
            self._stage.begin(self._debate.model_copy(update=changes))
        else:
            self._stage.show(event)

    def end(self) -> None:
        """See Show."""
        self._stage.end()


class _Answer:
    """Shows what the chair has said, once it is whole."""

    def __init__(self) -> None:
        self._sums_up = False

    def begin(self, debate: Debate) -> None:
        """See Show."""

    def show(self, event: DebateEvent) -> None:
        """See Show."""
        if self._sums_up and isinstance(event, TurnFinished):
            stdout().out(clean(event.turn.text), highlight=False)
        self._sums_up = self._sums_up or bool(_seated(event))

    def end(self) -> None:
        """See Show."""


def _seated(event: DebateEvent) -> tuple[Debater, ...]:
    """Who sits down with that event, to sum up."""
    return (isinstance(event, TurnFinished) and event.turn.debaters) or ()


def _who(seat: Seat, catalog: Catalog) -> str:
    """The name of who sits there."""
    persona = catalog.personas.get(seat.persona)
    return one_line(persona.name if persona else seat.persona)


PANELS: dict[str, Any] = {
    "list": list_panels,
    "show": show,
    "save": save,
    "delete": delete,
    "ask": ask,
}
"""The commands by name."""

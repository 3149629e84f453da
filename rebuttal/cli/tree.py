"""Branching in a terminal: a debate's tree, other continuations, another run, two side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rebuttal.branches import gist, other_weights, rows
from rebuttal.cli.follow import follow_to_end
from rebuttal.cli.house import House
from rebuttal.cli.options import DONE, parse_seat, parse_seats
from rebuttal.cli.stage import style_of
from rebuttal.cli.terminal import stderr, stdout
from rebuttal.errors import InvalidInput
from rebuttal.line import cast, line_to
from rebuttal.material import clean, one_line
from rebuttal.records import Debate, Debater, Seat, Turn

SHORT = 8
"""Characters of a turn's id that are shown where it is on a side branch."""

DebateId = Annotated[str, typer.Argument(metavar="ID", help="The debate's id in: rebuttal list")]
TurnRef = Annotated[
    str,
    typer.Argument(
        metavar="TURN", help="Its number or the beginning of its id, see: rebuttal tree"
    ),
]
Words = Annotated[str, typer.Argument(metavar="TEXT", help="What it shall say instead.")]
Seats = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PERSONA:MODEL", help="Who sits there from then on, up to six.", show_default="same"
    ),
]
Changed = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NUMBER=PERSONA:MODEL", help="Another debater at a seat, numbered from 1."
    ),
]
Say = Annotated[str, typer.Option(metavar="TEXT", help="A note to the table.")]
Rounds = Annotated[
    int | None, typer.Option(help="Turns of every seat.", show_default="what is left")
]
Same = Annotated[str | None, typer.Option(show_default="same")]
SameRounds = Annotated[int | None, typer.Option(help="Turns of every seat.", show_default="same")]
Seed = Annotated[int | None, typer.Option(show_default="same")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs and nothing else.")]
Other = Annotated[str, typer.Argument(metavar="OTHER", help="Another debate's id.")]


async def tree(app: House, debate_id: DebateId) -> int:
    """Print which turns have which continuations. Numbers are those of the main line."""
    origin, turns = await app.origin(debate_id), await app.tree(debate_id)
    print_tree(origin, turns, stdout())
    return DONE


async def branch(
    app: House,
    debate_id: DebateId,
    turn: TurnRef,
    seat: Seats = None,
    say: Say = "",
    rounds: Rounds = None,
    as_json: Json = False,
) -> int:
    """Go on after a turn, as it was or with others; what followed stays on a side branch."""
    after = await turn_of(app, debate_id, turn)
    seats = parse_seats(seat, (), app.catalog) if seat else None
    await app.branch(debate_id, after.id, seats=seats, text=say, rounds=rounds)
    return await follow_to_end(app, debate_id, after.id, as_json)


async def fresh(app: House, debate_id: DebateId, turn: TurnRef, as_json: Json = False) -> int:
    """Have a turn spoken anew and go on from there."""
    old = await turn_of(app, debate_id, turn)
    await app.regenerate(debate_id, old.id)
    return await follow_to_end(app, debate_id, old.parent_id, as_json)


async def edit(
    app: House, debate_id: DebateId, turn: TurnRef, text: Words, as_json: Json = False
) -> int:
    """Put a turn into other words and go on from there."""
    old = await turn_of(app, debate_id, turn)
    await app.edit(debate_id, old.id, text)
    return await follow_to_end(app, debate_id, old.parent_id, as_json)


async def choose(app: House, debate_id: DebateId, turn: TurnRef) -> int:
    """Make the line through a turn the main line."""
    await app.choose(debate_id, (await turn_of(app, debate_id, turn)).id)
    return await tree(app, debate_id)


async def prune(app: House, debate_id: DebateId, turn: TurnRef) -> int:
    """Delete a turn and all that follow it, for good."""
    await app.prune(debate_id, (await turn_of(app, debate_id, turn)).id)
    return await tree(app, debate_id)


async def rerun(
    app: House,
    debate_id: DebateId,
    topic: Same = None,
    seat: Changed = None,
    rounds: SameRounds = None,
    language: Same = None,
    seed: Seed = None,
    as_json: Json = False,
) -> int:
    """Run a debate again, as it began or with something changed."""
    origin = await app.origin(debate_id)
    seats = _changed(seat or (), origin, app)
    new_id = await app.rerun(
        debate_id, topic=topic, rounds=rounds, language=language, seed=seed, seats=seats
    )
    if changed := other_weights(origin, await app.origin(new_id)):
        stderr().print(f"Other weights than then: {one_line(', '.join(changed))}", soft_wrap=True)
    ended = await follow_to_end(app, new_id, None, as_json)
    if not as_json:
        stderr().print(f"Compare them with: rebuttal compare {debate_id} {new_id}", soft_wrap=True)
    return ended


async def compare(app: House, debate_id: DebateId, other: Other) -> int:
    """Print the main lines of two debates turn by turn."""
    debates = [await app.origin(one) for one in (debate_id, other)]
    trees = [await app.tree(one) for one in (debate_id, other)]
    casts = [cast(debate, turns) for debate, turns in zip(debates, trees, strict=True)]
    out = stdout()
    shown = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 1, 0))
    for debate in debates:
        shown.add_column(one_line(debate.topic, 60), ratio=1, overflow="fold")
    for left, right in await app.compare(debate_id, other):
        same = left and right and left.text == right.text and left.speaker == right.speaker
        mine = _cell(left, casts[0])
        shown.add_row(mine, Text("(the same)", style="dim") if same else _cell(right, casts[1]))
    out.print(shown)
    return DONE


BRANCHING: dict[str, Any] = {
    "tree": tree,
    "branch": branch,
    "fresh": fresh,
    "edit": edit,
    "choose": choose,
    "prune": prune,
    "rerun": rerun,
    "compare": compare,
}
"""The commands by their names."""


async def turn_of(app: House, debate_id: str, reference: str) -> Turn:
    """A turn by its number on the main line, the topic being 0, or by the beginning of its id."""
    turns, line = await app.tree(debate_id), await app.transcript(debate_id)
    if reference.isdecimal() and int(reference) < len(line):
        return line[int(reference)]
    found = [turn for turn in turns if turn.id.startswith(reference)]
    if len(found) == 1:
        return found[0]
    problem = "stands for several turns" if found else "is no turn of this debate"
    raise InvalidInput(f"{one_line(reference, 60)!r} {problem}.", f"See: rebuttal tree {debate_id}")


def _changed(texts: Sequence[str], origin: Debate, app: House) -> dict[str, Seat]:
    changed = {}
    for text in texts:
        number, equals, seat = text.partition("=")
        count = len(origin.debaters)
        if not (equals and number.isdecimal() and 1 <= int(number) <= count):
            raise InvalidInput(
                f"--seat {text!r} names no seat.", f"Write 1=PERSONA:MODEL; seats are 1 to {count}."
            )
        changed[origin.debaters[int(number) - 1].seat] = parse_seat(seat, app.catalog)
    return changed


def print_tree(origin: Debate, turns: Sequence[Turn], out: Console) -> None:
    """Which turns have which continuations."""
    numbers = {turn.id: at for at, turn in enumerate(line_to(turns, origin.tip))}
    width = max(SHORT, _needed(turns)) if len(numbers) < len(turns) else len(str(len(numbers)))
    everybody = cast(origin, turns)
    drawn = out.encoding.startswith("utf")
    for row in rows(turns, origin.tip):
        mark = str(numbers[row.turn.id]) if row.main else row.turn.id[:width]
        rail = "│  " if drawn else "|  "
        corner = ("├─ " if drawn else "+- ") if row.begins and row.depth else rail
        indent = rail * (row.depth - 1) + corner if row.depth else ""
        line = Text(f"{mark:>{width}}  ", style="" if row.main else "dim").append(indent)
        debater = everybody.get(row.turn.speaker)
        line.append(_name(row.turn, debater), style=style_of(debater)).append("  ")
        line.append(gist(row.turn, 60), style="" if row.main else "dim")
        if row.turn.edited_from:
            line.append("  (edited)", style="dim")
        out.print(line, soft_wrap=True)


def _needed(turns: Sequence[Turn]) -> int:
    """How much of an id tells all turns apart."""
    ids = [turn.id for turn in turns]
    length = SHORT
    while len({one[:length] for one in ids}) < len(ids):
        length += 1
    return length


def _name(turn: Turn, debater: Debater | None) -> str:
    if debater:
        return one_line(debater.name)
    return "Topic" if turn.parent_id is None else "You"


def _cell(turn: Turn | None, everybody: dict[str, Debater]) -> Text:
    if turn is None:
        return Text("-", style="dim")
    debater = everybody.get(turn.speaker)
    cell = Text(_name(turn, debater), style=style_of(debater))
    facts = [one_line(turn.model or "")] if not turn.edited_from else ["edited"]
    if turn.usage and turn.usage.completion_tokens:
        facts.append(f"{turn.usage.completion_tokens} tokens")
    if turn.timings:
        facts.append(f"{turn.timings.total:.1f} s")
    cell.append(f"  {', '.join(filter(None, facts))}\n", style="dim not bold")
    said = clean(turn.text).strip() or gist(turn)
    return cell.append(said, style="not bold default")

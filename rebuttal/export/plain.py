"""A debate as plain text: names at the margin, words indented, so that no turn forges a name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rebuttal.export.words import elsewhere, facts, main_line, marks, who
from rebuttal.line import cast
from rebuttal.material import clean, one_line
from rebuttal.records import Debate, Debater, Turn


def plain_of(debate: Debate, tree: Sequence[Turn]) -> str:
    """The main line, with who sits at the table above it."""
    return "\n\n".join(part for part in _parts(debate, tree) if part) + "\n"


def _parts(debate: Debate, tree: Sequence[Turn]) -> Iterable[str]:
    line = main_line(debate, tree)
    people = cast(debate, line)
    heading = one_line(debate.title or debate.topic, 300)
    yield f"{heading}\n{'=' * min(len(heading), 80)}"
    yield "\n".join((*map(_seat_line, debate.debaters), f"({', '.join(facts(debate))})"))
    for turn in line:
        said = clean(turn.text).strip().split("\n") if turn.text.strip() else []
        if turn.debaters:
            said += ["From here on at the table:", *map(_seat_line, turn.debaters)]
        told = ", ".join(marks(turn))
        said += [f"({told})"] if told else []
        yield "\n".join([f"{who(people, turn)}:", *(f"    {one}".rstrip() for one in said)])
    yield elsewhere(debate, tree)


def _seat_line(debater: Debater) -> str:
    stance = f": {one_line(debater.stance, 500)}" if debater.stance else ""
    sits = one_line(f"{debater.name} ({debater.persona.name}, {debater.model})")
    return f"{sits}{stance}"

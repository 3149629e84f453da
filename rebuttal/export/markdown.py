"""A debate as Markdown: what a turn says stays within its quote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rebuttal.export.words import elsewhere, facts, main_line, marks, who
from rebuttal.line import cast
from rebuttal.markdown import markdown_line, quoted
from rebuttal.records import Debate, Debater, Turn, Usage


def markdown_of(debate: Debate, tree: Sequence[Turn]) -> str:
    """The main line, with a table of who sits and one of how every turn was made."""
    return "\n\n".join(part for part in _parts(debate, tree) if part) + "\n"


def _parts(debate: Debate, tree: Sequence[Turn]) -> Iterable[str]:
    line = main_line(debate, tree)
    people = cast(debate, line)
    yield f"# {markdown_line(debate.title or debate.topic)}"
    yield _seats(debate.debaters)
    for turn in line:
        yield f"## {markdown_line(who(people, turn))}"
        yield quoted(turn.text) if turn.text.strip() else ""
        if turn.debaters:
            yield f"From here on at the table:\n\n{_seats(turn.debaters)}"
        said = ", ".join(marks(turn))
        yield f"*({said})*" if said else ""
    yield _details(debate, line, people, elsewhere(debate, tree))


def _seats(debaters: Sequence[Debater]) -> str:
    rows = ["| seat | debater | persona | model | stance |", "|---|---|---|---|---|"]
    rows += [_row(d.seat, d.name, d.persona.name, d.model, d.stance or "") for d in debaters]
    return "\n".join(rows)


def _details(debate: Debate, line: Sequence[Turn], people: Mapping[str, Debater], more: str) -> str:
    rows = [
        "| turn | speaker | model | prompt tokens | tokens | seconds | end |",
        "|---|---|---|---|---|---|---|",
    ]
    for number, turn in enumerate(line, 1):
        usage = turn.usage or Usage()
        rows.append(
            _row(
                str(number),
                who(people, turn),
                turn.model or "",
                _number(usage.prompt_tokens),
                _number(usage.completion_tokens),
                f"{turn.timings.total:.1f}" if turn.timings else "",
                "" if turn.from_user else turn.finish,
            )
        )
    said = ", ".join((f"Debate {debate.id}", *facts(debate)))
    about = " ".join(filter(None, (f"{markdown_line(said)}.", more)))
    table = "\n".join(rows)
    return f"<details>\n<summary>Details</summary>\n\n{about}\n\n{table}\n\n</details>"


def _number(count: int | None) -> str:
    return "" if count is None else str(count)


def _row(*cells: str) -> str:
    return f"| {' | '.join(map(markdown_line, cells))} |"

"""A debate as a document: Markdown, plain text, or JSON that holds everything but whose it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Literal

from rebuttal.markdown import markdown_line, quoted
from rebuttal.material import clean, one_line
from rebuttal.records import Debate, Debater, Finish, Turn, Usage

ExportFormat = Literal["md", "txt", "json"]

JSON_VERSION = 1

CUTS: dict[Finish, str] = {
    "length": "cut at the model's token limit",
    "limit": "cut at the limit on characters",
    "timeout": "cut by the deadline",
    "lost": "cut when the connection broke",
    "filtered": "cut by the endpoint's content filter",
    "stopped": "stopped by a person",
}
"""What to say of a turn that did not end by itself."""


def export_debate(debate: Debate, turns: Sequence[Turn], format: ExportFormat) -> str:
    """The main line of ``debate`` as text of that format, ending with a newline."""
    if format == "json":
        return _json(debate, turns)
    parts = _markdown(debate, turns) if format == "md" else _plain(debate, turns)
    return "\n\n".join(part for part in parts if part) + "\n"


def _json(debate: Debate, turns: Sequence[Turn]) -> str:
    whole = {
        "rebuttal": JSON_VERSION,
        "debate": debate.model_dump(mode="json", exclude={"owner"}),
        "turns": [turn.model_dump(mode="json") for turn in turns],
    }
    return _ACTING.sub(_escaped, json.dumps(whole, ensure_ascii=False, indent=2)) + "\n"


# What would act on a terminal, or that no file can hold; in JSON it can stand only in a text.
_ACTING = re.compile(r"[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def _escaped(sign: re.Match[str]) -> str:
    return f"\\u{ord(sign[0]):04x}"


def _markdown(debate: Debate, turns: Sequence[Turn]) -> Iterable[str]:
    yield f"# {markdown_line(debate.topic)}"
    yield _seats(debate)
    for turn in turns:
        heading, mark = _who(debate, turn), _mark(turn)
        yield f"## {markdown_line(heading)}"
        yield quoted(turn.text) if turn.text.strip() else ""
        yield f"*({mark})*" if mark else ""
    yield _details(debate, turns)


def _seats(debate: Debate) -> str:
    rows = ["| seat | debater | persona | model | stance |", "|---|---|---|---|---|"]
    rows += [_row(d.seat, d.name, d.persona.name, d.model, d.stance or "") for d in debate.debaters]
    return "\n".join(rows)


def _details(debate: Debate, turns: Sequence[Turn]) -> str:
    rows = [
        "| turn | speaker | model | prompt tokens | tokens | seconds | end |",
        "|---|---|---|---|---|---|---|",
    ]
    for number, turn in enumerate(turns, 1):
        usage = turn.usage or Usage()
        rows.append(
            _row(
                str(number),
                _who(debate, turn),
                turn.model or "",
                _number(usage.prompt_tokens),
                _number(usage.completion_tokens),
                f"{turn.timings.total:.1f}" if turn.timings else "",
                "" if turn.from_user else turn.finish,
            )
        )
    facts = (
        f"Debate {markdown_line(debate.id)}, begun {debate.created_at:%Y-%m-%d %H:%M} UTC, "
        f"{debate.rounds} rounds, in {markdown_line(debate.language)}"
        + (f", seed {debate.seed}." if debate.seed is not None else ".")
    )
    table = "\n".join(rows)
    return f"<details>\n<summary>Details</summary>\n\n{facts}\n\n{table}\n\n</details>"


def _plain(debate: Debate, turns: Sequence[Turn]) -> Iterable[str]:
    topic = one_line(debate.topic, 300)
    yield f"{topic}\n{'=' * min(len(topic), 80)}"
    yield "\n".join(map(_seat_line, debate.debaters))
    for turn in turns:
        mark = _mark(turn)
        said = [clean(turn.text).strip(), f"({mark})" if mark else ""]
        lines = "\n".join(filter(None, said)).split("\n")
        yield "\n".join([f"{_who(debate, turn)}:", *(f"    {line}".rstrip() for line in lines)])


def _seat_line(debater: Debater) -> str:
    stance = f": {one_line(debater.stance, 500)}" if debater.stance else ""
    who = one_line(f"{debater.name} ({debater.persona.name}, {debater.model})")
    return f"{who}{stance}"


def _who(debate: Debate, turn: Turn) -> str:
    if turn.from_user:
        if turn.parent_id is None:
            return "Topic"
        return "Follow-up" if turn.rounds else "Moderator's note"
    debater = debate.debater(turn.speaker)
    return one_line(debater.name if debater else turn.speaker, 60)


def _mark(turn: Turn) -> str:
    if turn.from_user and not turn.text.strip():
        return f"{turn.rounds} more round{'s' if turn.rounds != 1 else ''}"
    if turn.finish == "stop":
        return "" if turn.text.strip() else "said nothing"
    return CUTS[turn.finish]


def _number(count: int | None) -> str:
    return "" if count is None else str(count)


def _row(*cells: str) -> str:
    return f"| {' | '.join(map(markdown_line, cells))} |"

"""A debate as a document: Markdown, plain text, or JSON that holds everything."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Literal

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
        "debate": debate.model_dump(mode="json"),
        "turns": [turn.model_dump(mode="json") for turn in turns],
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def _markdown(debate: Debate, turns: Sequence[Turn]) -> Iterable[str]:
    yield f"# {_inline(debate.topic)}"
    yield _seats(debate)
    for turn in turns:
        heading, mark = _who(debate, turn), _mark(turn)
        yield f"## {_inline(heading)}"
        yield _quoted(turn.text) if turn.text.strip() else ""
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
        f"Debate {_inline(debate.id)}, begun {debate.created_at:%Y-%m-%d %H:%M} UTC, "
        f"{debate.rounds} rounds, in {_inline(debate.language)}"
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
    return f"{debater.name} ({debater.persona.name}, {debater.model}){stance}"


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


# A tag could close our own elements, an image would be fetched by whoever reads the file, and a
# reference definition would hold for the whole document: each loses its first sign's power.
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_DEFINITION = re.compile(
    r"^([ \t>*+\-0-9.)]*)\[(?=(?:[^\[\]\\]|\\.){1,999}\]:)", re.MULTILINE | re.DOTALL
)


def _quoted(text: str) -> str:
    """Foreign Markdown as a block quote, which none of its lines can leave."""
    text = _TAG.sub("&lt;", clean(text).strip("\n"))
    text = _DEFINITION.sub(r"\1&#91;", text.replace("![", "&#33;["))
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _inline(text: str) -> str:
    """Foreign text as plain words inside a line of Markdown."""
    return re.sub(r"([\\`*_\[\]<>|#~&!$])", r"\\\1", one_line(text, 300))


def _row(*cells: str) -> str:
    return f"| {' | '.join(map(_inline, cells))} |"

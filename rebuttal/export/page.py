"""A debate as one page that needs nothing else: it asks no server, runs no script, prints well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from rebuttal.colour import inks, seat_colours
from rebuttal.export.branches import side_lines
from rebuttal.export.reader import words_html
from rebuttal.export.words import facts, main_line, marks, who
from rebuttal.languages import language_code
from rebuttal.line import cast, line_to
from rebuttal.material import clean, one_line
from rebuttal.records import Debate, Debater, Turn

STYLE = (Path(__file__).parent / "page.css").read_text("utf-8")
"""How the page looks, on screens and on paper, by day and by night."""

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)
LONG_TOPIC = 160
"""Characters of a heading."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a debater is shown; all of it is safe within HTML."""

    name: str
    face: str
    stance: str
    style: str
    """Sets the ink on light and on dark paper."""


def looks(debate: Debate, turns: Sequence[Turn]) -> dict[str, Look]:
    """Everybody who ever sits at the table in these turns, by seat; no two share a colour."""
    people = cast(debate, turns)
    colours = seat_colours([debater.persona.colour for debater in people.values()])
    return {
        seat: Look(
            name=_line(debater.name),
            face=_line(debater.persona.emoji or debater.name[:1]),
            stance=_line(debater.stance or ""),
            style="--day:{};--night:{}".format(*inks(colour)),
        )
        for (seat, debater), colour in zip(people.items(), colours, strict=True)
    }


def page_html(debate: Debate, tree: Sequence[Turn]) -> str:
    """The whole page: the main line, then what else was answered.

    ``tree`` names parents before children; a main line alone is a tree, too.
    """
    line = main_line(debate, tree)
    asides = side_lines(tree, line)
    code = language_code(debate.language)
    lang = f' lang="{code}"' if code else ""
    return (
        f'<!doctype html>\n<html{lang}>\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{_line(_name(debate), 120)}</title>\n"
        '<link rel="icon" href="data:,">\n'
        f"<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{heading_html(debate)}\n{''.join(_main_html(debate, tree, line, asides))}"
        f"{_asides_html(debate, tree, asides)}"
        f"<footer>{_line(_foot(debate), 400)}</footer>\n</main>\n</body>\n</html>\n"
    )


def heading_html(debate: Debate) -> str:
    """The topic, and who sits at the table of ``debate``."""
    topic = _line(_name(debate), LONG_TOPIC)
    size = " long" if len(topic) > LONG_TOPIC // 2 else ""
    seen = looks(debate, ())
    players = "".join(_player(debater, seen[debater.seat]) for debater in debate.debaters)
    return (
        f'<header><h1 class="topic{size}" dir="auto">{topic}</h1>'
        f'<ul class="players">{players}</ul></header>'
    )


def line_html(debate: Debate, line: Sequence[Turn]) -> list[str]:
    """The turns of a line from its first one, a block each; a block may be empty."""
    seen = looks(debate, line)
    return [
        turn_html(debate, seen, turn, opens=opens)
        for turn, opens in zip(line, openings(debate, line), strict=True)
    ]


def turn_html(
    debate: Debate,
    looks: Mapping[str, Look],
    turn: Turn,
    *,
    opens: int = 0,
    anchor: str = "",
    more: str = "",
) -> str:
    """One turn; empty for one that says nothing: the topic that is the heading, a mere "go on".

    ``opens`` is the number of the round that begins here, if one does; ``anchor`` an id of ours,
    ``more`` HTML of ours below the words.
    """
    if turn.from_user:
        return _note(debate, looks, turn, anchor, more)
    look = looks.get(turn.speaker) or Look(_line(turn.speaker), "", "", "")
    stance = f' <span class="stance">{look.stance}</span>' if 0 < len(look.stance) <= 18 else ""
    return (
        f'<article class="turn"{_id(anchor)} style="{look.style}">{_opening(opens)}'
        f'<h2 class="who"><span class="face">{look.face}</span> '
        f'<span class="name">{look.name}</span>{stance}</h2>'
        f'<div class="words">{words_html(turn.text)}</div>'
        f'<p class="how">{how(turn)}</p>{more}</article>\n'
    )


def how(turn: Turn) -> str:
    """The small print of a turn, as HTML: model, tokens, time, and what happened to it."""
    said = [_line(turn.model or "")]
    tokens = turn.usage.completion_tokens if turn.usage else None
    said.append("" if tokens is None else f"{tokens:,} tokens")
    said.append(f"{turn.timings.total:.1f} s" if turn.timings else "")
    told = [f'<span class="cut">{_line(mark)}</span>' for mark in marks(turn)]
    return " · ".join(filter(None, (*said, *told)))


def openings(debate: Debate, line: Sequence[Turn]) -> list[int]:
    """For each turn of a line from its first one the round that it opens, or 0.

    A chat has no rounds. A new table begins a new round.
    """
    found, before, table = [], 0, len(debate.debaters)
    said: Counter[str] = Counter()
    for turn in line:
        if turn.debaters:
            before, table = before + max(said.values(), default=0), len(turn.debaters)
            said = Counter()
        opens = not turn.from_user and said[turn.speaker] == max(said.values(), default=0)
        found.append(before + said[turn.speaker] + 1 if opens and table > 1 else 0)
        if not turn.from_user:
            said[turn.speaker] += 1
    return found


# --- parts ----------------------------------------------------------------------------------------


def _main_html(
    debate: Debate,
    tree: Sequence[Turn],
    line: Sequence[Turn],
    asides: Sequence[Sequence[Turn]],
) -> Iterator[str]:
    """The main line, each turn with links to what else was answered in its place."""
    seen = looks(debate, tree)
    leaving: dict[str | None, list[int]] = {}
    for number, aside in enumerate(asides, 1):
        leaving.setdefault(aside[0].parent_id, []).append(number)
    for turn, opens in zip(line, openings(debate, line), strict=True):
        others = leaving.get(turn.parent_id, [])
        yield turn_html(debate, seen, turn, opens=opens, more=_links(others, "in this place"))
    if others := leaving.get(line[-1].id, []):
        yield f'<p class="aside">{_links(others, "after this turn")}</p>\n'


def _links(asides: Sequence[int], where: str) -> str:
    if not asides:
        return ""
    answers = "Another answer" if len(asides) == 1 else f"{len(asides)} other answers"
    links = ", ".join(f'<a href="#branch-{number}">branch {number}</a>' for number in asides)
    return f'<p class="others">{answers} {where}: {links}</p>'


def _asides_html(debate: Debate, tree: Sequence[Turn], asides: Sequence[Sequence[Turn]]) -> str:
    if not asides:
        return ""
    seen, turns = looks(debate, tree), {turn.id: turn for turn in tree}
    people = cast(debate, tree)
    told = []
    for number, aside in enumerate(asides, 1):
        whole = line_to(tree, aside[-1].id)
        opens = openings(debate, whole)[-len(aside) :]
        parent = turns.get(aside[0].parent_id or "")
        behind = f" · after {_line(who(people, parent))}" if parent else ""
        blocks = [
            turn_html(debate, seen, turn, opens=round_)
            for turn, round_ in zip(aside, opens, strict=True)
        ]
        told.append(
            f'<section class="branch" id="branch-{number}"><h2>Branch {number}{behind}</h2>\n'
            f"{''.join(blocks)}</section>\n"
        )
    return f'<section class="branches"><h2>What else was answered</h2>\n{"".join(told)}</section>\n'


def _note(debate: Debate, looks: Mapping[str, Look], turn: Turn, anchor: str, more: str) -> str:
    """A turn of the user: the topic where the heading does not tell it whole, a note, a table."""
    shown = turn.parent_id is None and turn.text.strip() == _name(debate)
    words = "" if shown and len(turn.text) <= LONG_TOPIC else turn.text.strip()
    table = "".join(_player(one, looks[one.seat]) for one in turn.debaters or ())
    if not (words or table or more):
        return ""
    sits = f'<p class="from-here">From here on at the table</p><ul class="players">{table}</ul>'
    told = ", ".join(marks(turn))
    return (
        f'<article class="note"{_id(anchor)}><h2 class="who">{_speaker(debate, turn)}</h2>'
        f'<div class="words">{words_html(words)}{sits if table else ""}</div>'
        f'{f"""<p class="how">{_line(told)}</p>""" if told else ""}{more}</article>\n'
    )


def _name(debate: Debate) -> str:
    """Its title, or how the topic begins; a longer topic also stands below, as a text."""
    return debate.title or debate.topic.strip().split("\n")[0]


def _speaker(debate: Debate, turn: Turn) -> str:
    if turn.parent_id is None:
        return "The topic"
    return "The person" if len(debate.debaters) == 1 else "The moderator"


def _player(debater: Debater, look: Look) -> str:
    stance = f' <span class="stance">{look.stance}</span>' if look.stance else ""
    return (
        f'<li class="player" style="{look.style}"><span class="face">{look.face}</span>'
        f'<span class="about"><span class="name">{look.name}</span>{stance}'
        f'<span class="model">{_line(debater.model)}</span></span></li>'
    )


def _opening(round_: int) -> str:
    return f'<p class="round">Round {round_}</p>' if round_ else ""


def _foot(debate: Debate) -> str:
    said = ", ".join(facts(debate))
    what = "A debate of language models" if len(debate.debaters) > 1 else "A talk with a model"
    return f"{what}, {said}. Made with Rebuttal."


def _id(anchor: str) -> str:
    return f' id="{escape(anchor)}"' if anchor else ""


def _line(text: str, limit: int = 600) -> str:
    return escape(one_line(clean(text), limit))

"""Two lines turn by turn: what is the same is muted, what differs stands side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rebuttal.branches import rounds_more
from rebuttal.export import CUTS
from rebuttal.languages import language_code
from rebuttal.line import Pair, cast, seated
from rebuttal.markdown import safe_line, safe_markdown
from rebuttal.records import Debate, Turn
from rebuttal.ui.branching import change_of_table
from rebuttal.ui.render import EDITED, Voice, looks


@dataclass(frozen=True, slots=True)
class Side:
    """A line, and how those look who speak in it."""

    origin: Debate
    line: Sequence[Turn]
    tree: Sequence[Turn]
    title: str = ""
    """Stands above it as a link, where it is a debate of its own."""

    @property
    def voices(self) -> dict[str, Voice]:
        """By seat, as on the stage."""
        return looks(cast(self.origin, self.tree or self.line).values())

    @property
    def facts(self) -> str:
        """Turns, tokens and seconds of the whole line."""
        spoken = [turn for turn in self.line if not turn.from_user]
        tokens = [turn.usage.completion_tokens for turn in spoken if turn.usage]
        seconds = sum(turn.timings.total for turn in spoken if turn.timings)
        parts = ["1 turn" if len(spoken) == 1 else f"{len(spoken)} turns"]
        if counted := sum(count for count in tokens if count):
            parts.append(f"{counted:,} tokens")
        if seconds:
            parts.append(f"{seconds:.1f} s")
        return " · ".join(parts)


def comparison(left: Side, right: Side, pairs: Sequence[Pair]) -> str:
    """Both, with a heading each. A run of turns that are the same is folded away."""
    shown = "".join(_rows(left, right, pairs))
    other = sum(not _same(*pair) for pair in pairs)
    told = "Both say the same." if not other else ""
    verdict = f'<p class="aside">{told}</p>' if told else ""
    return (
        f'<div class="pair heads">{_head(left, "left")}{_head(right, "right")}</div>\n\n'
        f'{verdict}<div class="pairs">\n\n{shown}</div>'
    )


def _head(side: Side, place: str) -> str:
    voices = side.voices
    seats = ", ".join(
        f'<span class="sat" style="{voices[one.seat].style}">'
        f'<span class="name">{safe_line(one.name)}</span></span> ({safe_line(one.model)})'
        for one in seated(side.origin, side.line).debaters
    )
    link = f'<a href="?debate={side.origin.id}">{safe_line(side.title)}</a>'
    title = f"<h3>{link}</h3>" if side.title else ""
    return (
        f'<header class="{place}">{title}'
        f'<p class="seats-of">{seats}</p><p class="how">{side.facts}</p></header>'
    )


def _rows(left: Side, right: Side, pairs: Sequence[Pair]) -> Iterator[str]:
    voices = left.voices, right.voices
    same: list[str] = []
    for mine, other in pairs:
        if mine and other and _same(mine, other):
            same.append(_shared(mine, voices[0]))
            continue
        yield _fold(same)
        same = []
        cells = _cell(mine, left, voices[0], "left") + _cell(other, right, voices[1], "right")
        yield f'<div class="pair">\n\n{cells}</div>\n\n'
    yield _fold(same)


def _same(mine: Turn | None, other: Turn | None) -> bool:
    if mine is None or other is None:
        return False
    return mine.id == other.id or (mine.text == other.text and mine.debaters == other.debaters)


def _fold(same: Sequence[str]) -> str:
    if not same:
        return ""
    many = "One turn is the same" if len(same) == 1 else f"{len(same)} turns are the same"
    words = "".join(same)
    return f'<details class="same"><summary>{many}</summary>\n\n{words}</details>\n\n'


def _shared(turn: Turn, voices: dict[str, Voice]) -> str:
    voice = voices.get(turn.speaker)
    return (
        f'<p class="shared"><span class="name">{_name(turn, voice)}</span> '
        f"{_words(turn, one_line=True)}</p>\n\n"
    )


def _cell(turn: Turn | None, side: Side, voices: dict[str, Voice], place: str) -> str:
    if turn is None:
        return f'<article class="cell none {place}"><p class="how">Nothing here.</p></article>\n\n'
    voice = voices.get(turn.speaker)
    face = f'<span class="face">{voice.emoji}</span> ' if voice else ""
    style = f' style="{voice.style}"' if voice else ""
    foot = "" if turn.from_user else f'<p class="how">{_facts(turn)}</p>'
    table = ""
    if turn.debaters:
        before = seated(side.origin, side.line[: _place(turn, side.line)]).debaters
        table = f'<p class="aside">{change_of_table(before, turn.debaters)}</p>'
    return (
        f'<article class="cell {place}"{style}><h4 class="who">{face}'
        f'<span class="name">{_name(turn, voice)}</span></h4>{table}'
        f'<div class="words" lang="{language_code(side.origin.language)}">\n\n'
        f"{_words(turn)}\n\n</div>{foot}</article>\n\n"
    )


def _place(turn: Turn, line: Sequence[Turn]) -> int:
    return next(at for at, one in enumerate(line) if one.id == turn.id)


def _facts(turn: Turn) -> str:
    """Model, tokens, seconds, and how it ended where it was cut."""
    if turn.edited_from:
        return EDITED
    tokens = turn.usage.completion_tokens if turn.usage else None
    parts = [safe_line(turn.model or ""), f"{tokens:,} tokens" if tokens is not None else ""]
    if turn.timings:
        parts.append(f"{turn.timings.total:.1f} s")
    if turn.finish != "stop":
        parts.append(f'<span class="cut">{CUTS[turn.finish]}</span>')
    return " · ".join(part for part in parts if part)


def _name(turn: Turn, voice: Voice | None) -> str:
    if voice:
        return voice.name
    return "The topic" if turn.parent_id is None else "The moderator"


def _words(turn: Turn, one_line: bool = False) -> str:
    if not turn.text.strip():
        return "" if turn.debaters else rounds_more(turn.rounds)
    return safe_line(turn.text) if one_line else safe_markdown(turn.text)

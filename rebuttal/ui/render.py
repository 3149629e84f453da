"""What the page shows of a debate: a turn, the heading, and words about problems.

All of it is Markdown with a few tags of ours around the words of others, which ``safe_markdown``
has made harmless. Classes are those of page.css.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rebuttal.colour import inks, seat_colours
from rebuttal.errors import BudgetSpent, Busy, NotAllowed, RebuttalError
from rebuttal.events import DebateWaiting, TurnStarted
from rebuttal.export import CUTS
from rebuttal.languages import language_code
from rebuttal.markdown import safe_line
from rebuttal.records import Debate, Debater, Turn

EDITED = '<span class="edited">edited by you</span>'
"""Stands at a turn that a person has put into other words."""
SHORT_STANCE = 18
"""Characters of a stance that also stands beside every turn; a longer one is in the heading."""


@dataclass(frozen=True, slots=True)
class Voice:
    """How a debater looks. ``style`` sets its ink on light and on dark paper."""

    name: str
    emoji: str
    stance: str
    style: str


def voices(debate: Debate) -> dict[str, Voice]:
    """The looks of those at the table by seat; no two share a colour."""
    return looks(debate.debaters)


def looks(debaters: Iterable[Debater]) -> dict[str, Voice]:
    """Each seat's looks. Who comes later changes nothing for those before."""
    seats = list(debaters)
    colours = seat_colours([debater.persona.colour for debater in seats])
    return {
        debater.seat: Voice(
            name=safe_line(debater.name),
            emoji=safe_line(debater.persona.emoji or debater.name[:1]),
            stance=safe_line(debater.stance or ""),
            style="--day:{};--night:{}".format(*inks(colour)),
        )
        for debater, colour in zip(seats, colours, strict=True)
    }


def speech(
    language: str,
    voice: Voice,
    words: str,
    *,
    number: int,
    round_: int,
    opens: bool,
    foot: str,
    turn_id: str = "",
) -> str:
    """A debater's turn. ``number`` counts the debaters' turns; ``opens``: the first of its round.

    Odd and even turns differ in a class, so that the page can hide the copy of a finished turn that
    the live part still shows once the settled part has it, whichever arrives first. ``turn_id``
    lets page.js put what can be done with the turn beside it.
    """
    marks = f"turn {'odd' if number % 2 else 'even'}{marked(turn_id)}"
    opening = f'<p class="round">Round {round_}</p>' if opens else ""
    brief = voice.stance if len(voice.stance) <= SHORT_STANCE else ""
    stance = f' <span class="stance">{brief}</span>' if brief else ""
    return (
        f'<article class="{marks}" style="{voice.style}">{opening}'
        f'<h3 class="who"><span class="face">{voice.emoji}</span> '
        f'<span class="name">{voice.name}</span>{stance}</h3>'
        f'<div class="words" lang="{language_code(language)}">\n\n'
        f"{words}\n\n</div>{foot}</article>\n\n"
    )


def marked(turn_id: str) -> str:
    """A further class, by which page.js knows the turn."""
    return f" t-{turn_id}" if turn_id else ""


def details(turn: Turn, ways: str = "") -> str:
    """The small print under a turn: model, tokens, speed, and how it ended; then ``ways``.

    Words of a person's have none of these.
    """
    facts = [EDITED] if turn.edited_from else _facts(turn)
    return f'<p class="how">{" · ".join(facts)}{ways}</p>'


def _facts(turn: Turn) -> list[str]:
    usage, timings = turn.usage, turn.timings
    tokens = usage.completion_tokens if usage else None
    parts = [safe_line(turn.model or "")]
    if tokens is not None:
        parts.append(f"{tokens:,} tokens")
    if timings:
        speaking = timings.total - (timings.first_token or 0.0)
        if tokens and speaking > 0:
            parts.append(f"{pace(tokens / speaking)} tokens/s")
        if timings.first_token is not None:
            parts.append(f"first word after {timings.first_token:.1f} s")
    cut = CUTS.get(turn.finish)
    ending = f'<span class="cut">{cut}</span>' if cut else "complete"
    return [part for part in parts if part] + [ending]


def pace(tokens_per_second: float) -> str:
    """A speed, with a decimal where it is slow."""
    return f"{tokens_per_second:.{0 if tokens_per_second >= 10 else 1}f}"


def heading(
    debate: Debate,
    meters: Mapping[str, TurnStarted],
    speaking: str | None,
    owned: bool = False,
    *,
    looks: Mapping[str, Voice] | None = None,
    descent: str = "",
) -> str:
    """The topic, and who sits at the table with how much of its context is in use.

    ``owned``: the link to it leads nobody else here. ``looks`` are those of all its branches;
    ``descent`` says where the debate comes from.
    """
    where = "in this browser" if debate.owner.startswith("c:") else "where you are signed in"
    reach = f" (opens {where})" if owned else ""
    players, looks = [], {**voices(debate), **(looks or {})}
    for debater in debate.debaters:
        voice = looks[debater.seat]
        now = " speaking" if debater.seat == speaking else ""
        stance = f' <span class="stance">{voice.stance}</span>' if voice.stance else ""
        players.append(
            f'<li class="player{now}" style="{voice.style}"><span class="face">{voice.emoji}</span>'
            f'<span class="about"><span class="name">{voice.name}</span>{stance}'
            f'<span class="model">{safe_line(debater.model)}{_meter(meters.get(debater.seat))}'
            "</span></span></li>"
        )
    return (
        f'<h2 class="topic" lang="{language_code(debate.language)}">{safe_line(debate.topic)}</h2>'
        f'<ul class="players">{"".join(players)}</ul>{descent}'
        f'<p class="reach"><a class="permalink" href="?debate={debate.id}">'
        f"Link to this debate{reach}</a>"
        f'<button type="button" class="act share" value="share {debate.id}">Share…</button></p>'
    )


def act(order: str, words: str, unseen: str = "", look: str = "") -> str:
    """A button that page.js passes on as that order; ``unseen`` says more to those who listen."""
    more = f'<span class="unseen"> {unseen}</span>' if unseen else ""
    kind = f"do {look}".strip()
    return f'<button type="button" class="{kind}" value="{order}">{words}{more}</button>'


def trouble(message: str, hint: str = "") -> str:
    """An error in words a person can act on, announced at once."""
    return _words("trouble", "alert", message, hint)


def patience(message: str, hint: str = "") -> str:
    """What a limit asks of a visitor: nothing is broken."""
    return _words("patience", "status", message, hint)


def refusal(error: RebuttalError) -> str:
    """An error in words, quietly where it is a limit and no fault."""
    limit = isinstance(error, Busy | BudgetSpent | NotAllowed)
    return (patience if limit else trouble)(error.message, error.hint)


def _words(look: str, role: str, message: str, hint: str) -> str:
    advice = f" <span>{safe_line(hint)}</span>" if hint else ""
    return f'<div class="{look}" role="{role}"><strong>{safe_line(message)}</strong>{advice}</div>'


def in_line(waiting: DebateWaiting) -> str:
    """Where a debate stands that waits for a place."""
    return f"All places are taken; you are {waiting.place}."


def remark(text: str) -> str:
    """A quiet line between turns."""
    return f'<p class="aside">{safe_line(text)}</p>\n\n'


def _meter(started: TurnStarted | None) -> str:
    if started is None or started.context <= 0:
        return ""
    share = min(started.prompt_tokens / started.context, 1.0)
    return (
        f' · <span class="meter"><span class="fill" style="--fill:{share:.0%}"></span></span>'
        f' <span class="count">{started.prompt_tokens:,} of {started.context:,} tokens</span>'
    )

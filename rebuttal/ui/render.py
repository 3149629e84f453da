"""Events -> what the page shows: the settled transcript, the turn being spoken, and the heading.

All of it is Markdown with a few tags of ours around the words of others, which ``safe_markdown``
has made harmless. Classes are those of page.css.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rebuttal.colour import inks, seat_colours
from rebuttal.errors import BudgetSpent, Busy, NotAllowed, RebuttalError
from rebuttal.events import (
    ContextTrimmed,
    DebateEvent,
    DebatePaused,
    DebateWaiting,
    TurnFinished,
    TurnStarted,
)
from rebuttal.export import CUTS
from rebuttal.languages import language_code
from rebuttal.markdown import safe_line, safe_markdown
from rebuttal.records import Debate, Turn

TOLD = ("stopped", "paused", "unwatched", "interrupted")
"""Reasons for a pause that the status line tells; any other has words of its own."""
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
    """Each seat's looks; no two seats share a colour."""
    colours = seat_colours([debater.persona.colour for debater in debate.debaters])
    return {
        debater.seat: Voice(
            name=safe_line(debater.name),
            emoji=safe_line(debater.persona.emoji or debater.name[:1]),
            stance=safe_line(debater.stance or ""),
            style="--day:{};--night:{}".format(*inks(colour)),
        )
        for debater, colour in zip(debate.debaters, colours, strict=True)
    }


def speech(
    debate: Debate, voice: Voice, words: str, *, number: int, round_: int, opens: bool, foot: str
) -> str:
    """A debater's turn. ``number`` counts the debaters' turns; ``opens``: the first of its round.

    Odd and even turns differ in a class, so that the page can hide the copy of a finished turn that
    the live part still shows once the settled part has it, whichever arrives first.
    """
    marks = f"turn {'odd' if number % 2 else 'even'}"
    opening = f'<p class="round">Round {round_}</p>' if opens else ""
    brief = voice.stance if len(voice.stance) <= SHORT_STANCE else ""
    stance = f' <span class="stance">{brief}</span>' if brief else ""
    return (
        f'<article class="{marks}" style="{voice.style}">{opening}'
        f'<h3 class="who"><span class="face">{voice.emoji}</span> '
        f'<span class="name">{voice.name}</span>{stance}</h3>'
        f'<div class="words" lang="{language_code(debate.language)}">\n\n'
        f"{words}\n\n</div>{foot}</article>\n\n"
    )


def details(turn: Turn) -> str:
    """The small print under a turn: model, tokens, speed, and how it ended."""
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
    return f'<p class="how">{" · ".join([part for part in parts if part] + [ending])}</p>'


def pace(tokens_per_second: float) -> str:
    """A speed, with a decimal where it is slow."""
    return f"{tokens_per_second:.{0 if tokens_per_second >= 10 else 1}f}"


def heading(
    debate: Debate, meters: dict[str, TurnStarted], speaking: str | None, owned: bool = False
) -> str:
    """The topic, and who sits at the table with how much of its context is in use.

    ``owned``: the link to it leads nobody else here.
    """
    where = "in this browser" if debate.owner.startswith("c:") else "where you are signed in"
    reach = f" (opens {where})" if owned else ""
    players, looks = [], voices(debate)
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
        f'<ul class="players">{"".join(players)}</ul>'
        f'<a class="permalink" href="?debate={debate.id}">Link to this debate{reach}</a>'
    )


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


def in_line(position: int) -> str:
    """Where a debate stands that waits for a place."""
    return f"All places are taken; you are number {position} in line."


def remark(text: str) -> str:
    """A quiet line between turns."""
    return f'<p class="aside">{safe_line(text)}</p>\n\n'


class Transcript:
    """What has been said. ``take`` events and ask for ``markdown``; a turn is rendered once."""

    def __init__(self, debate: Debate) -> None:
        self.debate = debate
        self._voices = voices(debate)
        self.restart()

    def restart(self, turns: Sequence[Turn] = ()) -> None:
        """Forget what was taken and begin with these turns."""
        self._blocks: list[str] = []
        self._said: Counter[str] = Counter()
        self._left_out: dict[str, int] = {}
        self._last = -1
        self._trouble = ""
        self.can_regenerate = False
        """Whether a debater spoke last."""
        self.announcement = ""
        """What to tell those who listen instead of look."""
        for turn in turns:
            self.add(turn)

    @property
    def spoken(self) -> int:
        """Turns of debaters so far."""
        return self._said.total()

    def take(self, event: DebateEvent) -> bool:
        """Whether the event changed what is shown."""
        if isinstance(event, TurnFinished):
            self._trouble = ""
            self.add(event.turn)
        elif isinstance(event, ContextTrimmed):
            return self._trim(event)
        elif isinstance(event, DebatePaused) and event.message and event.reason not in TOLD:
            said = trouble if event.reason == "error" else patience
            self._trouble = said(event.message, event.hint)
        elif isinstance(event, DebateWaiting):
            self._trouble, self.announcement = "", in_line(event.position)
        elif isinstance(event, TurnStarted) and self._trouble:
            self._trouble = ""
        else:
            return False
        return True

    def markdown(self) -> str:
        """The whole transcript; its last turn of a debater carries the class ``last``."""
        blocks = list(self._blocks)
        if self._last >= 0:
            blocks[self._last] = blocks[self._last].replace('class="turn ', 'class="turn last ', 1)
        return "".join(blocks) + self._trouble

    def add(self, turn: Turn) -> str:
        """The turn's block, empty for one that shows nothing: the topic, or a mere "go on"."""
        block = ""
        self.can_regenerate = turn.speaker in self._voices
        if self.can_regenerate:
            block = self.speech(turn.speaker, safe_markdown(turn.text), details(turn))
            self._said[turn.speaker] += 1
            self._last = len(self._blocks)
            self.announcement = f"{self._voices[turn.speaker].name} has spoken."
        elif turn.parent_id is not None and turn.text.strip():
            block = self._note(turn.text)
        if block:
            self._blocks.append(block)
        return block

    def speech(self, seat: str, words: str, foot: str) -> str:
        """A turn of that seat as the next one of this transcript."""
        round_ = self._said[seat] + 1
        opens = len(self.debate.debaters) > 1 and round_ > max(self._said.values(), default=0)
        return speech(
            self.debate,
            self._voices[seat],
            words,
            number=self.spoken + 1,
            round_=round_,
            opens=opens,
            foot=foot,
        )

    def _note(self, text: str) -> str:
        who = "You" if len(self.debate.debaters) == 1 else "The moderator"
        return (
            f'<article class="note"><h3 class="who">{who}</h3><div class="words">\n\n'
            f"{safe_markdown(text)}\n\n</div></article>\n\n"
        )

    def _trim(self, event: ContextTrimmed) -> bool:
        if self._left_out.get(event.seat) == event.left_out:
            return False
        self._left_out[event.seat] = event.left_out
        turns = "turn" if event.left_out == 1 else f"{event.left_out} turns"
        voice = self._voices.get(event.seat)
        name = voice.name if voice else event.seat
        self._blocks.append(
            f'<p class="aside">{name} no longer sees the oldest {turns}: '
            f"its context of {event.context:,} tokens is full.</p>\n\n"
        )
        return True


def _meter(started: TurnStarted | None) -> str:
    if started is None or started.context <= 0:
        return ""
    share = min(started.prompt_tokens / started.context, 1.0)
    return (
        f' · <span class="meter"><span class="fill" style="--fill:{share:.0%}"></span></span>'
        f' <span class="count">{started.prompt_tokens:,} of {started.context:,} tokens</span>'
    )

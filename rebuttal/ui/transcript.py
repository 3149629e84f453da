"""Events -> the settled transcript of a line, with the ways that lead to other lines.

All of it is Markdown with a few tags of ours around the words of others, which ``safe_markdown``
has made harmless. Classes are those of page.css.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from rebuttal.branches import rounds_more
from rebuttal.events import (
    ContextTrimmed,
    DebateEvent,
    DebateFinished,
    DebatePaused,
    DebateWaiting,
    TurnFinished,
    TurnStarted,
)
from rebuttal.line import cast, line_to, seated
from rebuttal.markdown import safe_line, safe_markdown
from rebuttal.records import Debate, Turn
from rebuttal.ui.branching import Ways, change_of_table
from rebuttal.ui.render import (
    EDITED,
    Voice,
    details,
    in_line,
    looks,
    marked,
    patience,
    speech,
    trouble,
)

TOLD = ("stopped", "paused", "unwatched", "interrupted")
"""Reasons for a pause that the status line tells; any other has words of its own."""


class Transcript:
    """What has been said. ``take`` events and ask for ``markdown``; a turn is rendered once.

    ``origin`` is the debate with the table it began with, ``tree`` all its turns: who has ever sat
    there wears one colour on every branch.
    """

    def __init__(self, origin: Debate, tree: Sequence[Turn] = ()) -> None:
        self.origin = origin
        self.restart(tree=tree)

    def restart(self, turns: Sequence[Turn] = (), tree: Sequence[Turn] = ()) -> None:
        """Forget what was taken and begin with these turns."""
        self._ways = Ways(tree or turns)
        self._line: list[Turn] = []
        self._blocks: list[str] = []
        self._said: Counter[str] = Counter()
        self._rounds_before = 0
        self._left_out: dict[str, int] = {}
        self._last = -1
        self._trouble = ""
        self._resting = False
        self.spoken = 0
        """Turns of debaters so far."""
        self.can_regenerate = False
        """Whether a debater spoke last."""
        self.announcement = ""
        """What to tell those who listen instead of look."""
        self.table = self.origin
        """The debate with those who sit at its table at the end of the line."""
        self.voices = looks(cast(self.origin, tree or turns).values())
        self._take_seats()
        for turn in turns:
            self.add(turn)

    def rewind(self, tip: str, tree: Sequence[Turn]) -> None:
        """Show the line of ``tree`` that ends there."""
        self.restart(line_to(tree, tip), tree)

    def take(self, event: DebateEvent) -> bool:
        """Whether the event changed what is shown."""
        if isinstance(event, DebatePaused | DebateFinished | TurnStarted | DebateWaiting):
            self._resting = isinstance(event, DebatePaused | DebateFinished)
        if isinstance(event, TurnFinished):
            self._trouble = ""
            self.add(event.turn)
        elif isinstance(event, ContextTrimmed):
            return self._trim(event)
        elif isinstance(event, DebatePaused) and event.message and event.reason not in TOLD:
            said = trouble if event.reason == "error" else patience
            self._trouble = said(event.message, event.hint)
        elif isinstance(event, DebateWaiting):
            self._trouble, self.announcement = "", in_line(event)
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
        onward = self._ways.onward(self._line[-1].id) if self._line and self._resting else ""
        return "".join(blocks) + onward + self._trouble

    def add(self, turn: Turn) -> str:
        """The turn's block, empty for one that shows nothing: the topic, or a mere "go on"."""
        self._ways.add(turn)
        self._line.append(turn)
        self.can_regenerate = not turn.from_user
        if turn.from_user:
            block = self._user(turn)
        else:
            foot = details(turn, self._ways.switch(turn))
            block = self.speech(turn.speaker, safe_markdown(turn.text), foot, turn.id)
            self._said[turn.speaker] += 1
            self.spoken += 1
            self._last = len(self._blocks)
            self.announcement = f"{self._voice(turn.speaker).name} has spoken."
        if block:
            self._blocks.append(block)
        return block

    def speech(self, seat: str, words: str, foot: str, turn_id: str = "") -> str:
        """A turn of that seat as the next one of this transcript."""
        round_ = self._said[seat] + 1
        opens = len(self.table.debaters) > 1 and round_ > max(self._said.values(), default=0)
        return speech(
            self.origin.language,
            self._voice(seat),
            words,
            number=self.spoken + 1,
            round_=self._rounds_before + round_,
            opens=opens,
            foot=foot,
            turn_id=turn_id,
        )

    def _voice(self, seat: str) -> Voice:
        return self.voices.get(seat) or Voice(safe_line(seat), "", "", "")

    def _user(self, turn: Turn) -> str:
        """A note, and who sits there from now on; the topic has neither."""
        if turn.parent_id is None:
            return ""
        ways = self._ways.switch(turn)
        told = ""
        if turn.debaters:
            told = change_of_table(self.table.debaters, turn.debaters)
            self._change_table(turn)
        note = self._note(turn, "" if told else ways) if turn.text.strip() else ""
        if not (told or note) and ways:
            told = rounds_more(turn.rounds)
        if told:
            told = f'<p class="aside seats{marked(turn.id)}">{told}{ways}</p>\n\n'
        return told + note

    def _change_table(self, turn: Turn) -> None:
        self.voices = looks(cast(self.origin, [*self._ways.turns, turn]).values())
        self.table = seated(self.origin, [turn])
        self._take_seats()
        self._rounds_before += max(self._said.values(), default=0)
        self._said.clear()

    def _take_seats(self) -> None:
        """Those at the table argue what they argue now."""
        for one in self.table.debaters:
            stance = safe_line(one.stance or "")
            self.voices[one.seat] = replace(self.voices[one.seat], stance=stance)

    def _note(self, turn: Turn, ways: str) -> str:
        who = "You" if len(self.table.debaters) == 1 else "The moderator"
        edited = EDITED if turn.edited_from else ""
        foot = f'<p class="how">{edited}{ways}</p>' if edited or ways else ""
        return (
            f'<article class="note{marked(turn.id)}"><h3 class="who">{who}</h3>'
            f'<div class="words">\n\n{safe_markdown(turn.text)}\n\n</div>{foot}</article>\n\n'
        )

    def _trim(self, event: ContextTrimmed) -> bool:
        if self._left_out.get(event.seat) == event.left_out:
            return False
        self._left_out[event.seat] = event.left_out
        name = self._voice(event.seat).name
        self._blocks.append(f'<p class="aside">{name} {event.words}.</p>\n\n')
        return True

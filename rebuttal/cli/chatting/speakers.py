"""The events of a conversation, or of a debate within it, on a terminal."""

from __future__ import annotations

from rich.text import Text

from rebuttal.cli.chatting.answer import Answer
from rebuttal.cli.chatting.scroll import Scroll
from rebuttal.cli.stage import style_of
from rebuttal.events import (
    ContextTrimmed,
    DebateEvent,
    DebateWaiting,
    TurnDelta,
    TurnDiscarded,
    TurnFinished,
    TurnStarted,
    TurnWaiting,
)
from rebuttal.export import CUTS
from rebuttal.material import clean, one_line
from rebuttal.records import Debate, Debater, Turn


class Speakers:
    """Shows who speaks, and what, as an Answer; below it what is waited for while it lasts."""

    def __init__(self, scroll: Scroll, rounds: bool = False) -> None:
        self._scroll = scroll
        self._rounds = rounds
        self._debate: Debate | None = None
        self._answer: Answer | None = None
        self._said: list[str] = []
        self.met: dict[str, TurnStarted] = {}
        """By seat, how full its model's context was when it last began to speak."""

    def begin(self, debate: Debate) -> None:
        """Know who sits where."""
        self._debate = debate

    def show(self, event: DebateEvent) -> None:
        """Make the event visible, if there is anything to see of it."""
        match event:
            case TurnStarted():
                self._start(event)
            case DebateWaiting():
                self._wait(f"waits for a free place, as {event.place}")
            case TurnWaiting():
                share = f" {event.fraction:.0%}" if event.fraction is not None else ""
                self._wait(f"{one_line(event.reason, 300)}{share}")
            case TurnDelta() if event.text:
                self._speak(event.text)
            case TurnDelta() if not self._said:
                self._wait("thinks")
            case TurnDiscarded():
                self._end_answer()
                self._note(f"taken back: {event.reason}")
            case TurnFinished() if not event.turn.from_user:
                self._finish(event.turn)
            case ContextTrimmed():
                self._note(f"no longer sees the oldest {event.left_out} turns")
            case _:
                pass

    def end(self) -> None:
        """Leave nothing open."""
        self._end_answer()
        self._scroll.show(())

    def turn(self, turn: Turn) -> None:
        """A turn of earlier."""
        self._name(self._debater(turn.speaker), turn.speaker)
        self._speak(turn.text)
        self._end_answer()

    def name_of(self, seat: str) -> str:
        """What whoever sits there is called."""
        debater = self._debater(seat)
        return one_line(debater.name if debater else seat)

    def _debater(self, seat: str) -> Debater | None:
        return self._debate.debater(seat) if self._debate else None

    def _start(self, event: TurnStarted) -> None:
        self._end_answer()
        self.met[event.seat] = event
        told = f"  round {event.round} of {event.rounds}" if self._rounds else ""
        self._name(self._debater(event.seat), event.seat, told)

    def _name(self, debater: Debater | None, seat: str, told: str = "") -> None:
        drawable = not self._scroll.console.options.ascii_only
        emoji = one_line(debater.persona.emoji or "") if debater and drawable else ""
        line = Text(f"{emoji} " if emoji else "")
        line.append(self.name_of(seat), style=style_of(debater))
        line.append(told, style="dim")
        line.truncate(self._scroll.width)
        self._scroll.show([Text(), line])

    def _wait(self, reason: str) -> None:
        if self._answer:
            return
        line = Text(f"({reason})", style="dim")
        line.truncate(self._scroll.width, overflow="ellipsis")
        self._scroll.show((), [line])

    def _speak(self, text: str) -> None:
        if self._answer is None:
            self._answer = Answer(self._scroll)
        self._said.append(text)
        self._answer.feed(text)
        self._answer.draw()

    def _finish(self, turn: Turn) -> None:
        """Show the turn as it was kept, which may end earlier than what was said."""
        said, text = clean("".join(self._said)), clean(turn.text)
        if text.startswith(said):
            self._speak(text[len(said) :])
        elif not said.startswith(text):
            self._end_answer()
            self._note("kept instead:")
            self._speak(text)
        self._end_answer()
        if turn.finish != "stop":
            self._note(CUTS[turn.finish])

    def _end_answer(self) -> None:
        if self._answer:
            self._answer.end()
        self._answer = None
        self._said.clear()

    def _note(self, words: str) -> None:
        line = Text(f"({one_line(words)})", style="dim")
        line.truncate(self._scroll.width, overflow="ellipsis")
        self._scroll.show([line])

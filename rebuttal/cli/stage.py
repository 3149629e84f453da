"""A debate as it is spoken, on a terminal or into a file."""

from __future__ import annotations

from rich.console import Console
from rich.status import Status
from rich.text import Text

from rebuttal.cli.wrap import Wrap
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
from rebuttal.material import Cleaner, clean, one_line
from rebuttal.records import Debate, Debater, Turn

MARGIN = "│ "


class Stage:
    """Shows the events of one debate.

    On a terminal a turn streams word by word behind a margin in its debater's colour, and what is
    waited for stands on stderr until it is over. In a file or a pipe each turn is written once, as
    it was kept.
    """

    def __init__(self, out: Console, err: Console, is_chat: bool = False) -> None:
        self._out = out
        self._err = err
        self._is_chat = is_chat
        self._debate: Debate | None = None
        self._status: Status | None = None
        self._wrap = Wrap(out.width - len(MARGIN))
        self._said: list[str] = []
        self._cleaner = Cleaner()
        self._at_margin = True
        self._margin = MARGIN if out.encoding.startswith("utf") else "| "

    def begin(self, debate: Debate) -> None:
        """Name the topic and who sits where."""
        self._debate = debate
        if self._is_chat:
            return
        self._out.print(Text(clean(debate.topic), style="bold"), soft_wrap=not self._streams)
        for debater in debate.debaters:
            stance = f"  {one_line(debater.stance)}" if debater.stance else ""
            line = Text("  ").append(one_line(debater.name), style=style_of(debater))
            line.append(f"  {one_line(debater.model)}", style="dim").append(stance)
            self._out.print(line, soft_wrap=not self._streams)

    def show(self, event: DebateEvent) -> None:
        """Make the event visible, if there is anything to see of it."""
        match event:
            case TurnStarted():
                self._start(event)
            case TurnWaiting():
                self._wait(event.reason, event.fraction)
            case DebateWaiting():
                self._wait(f"waits for a free place, as {event.place}")
            case TurnDelta() if event.text:
                self._speak(event.seat, event.text)
            case TurnDiscarded():
                self._end_text()
                self._note(f"taken back: {event.reason}")
            case TurnFinished() if not event.turn.from_user:
                self._finish(event.turn)
            case ContextTrimmed():
                self._note(event.words)
            case _:
                pass

    def end(self) -> None:
        """Leave nothing open."""
        self._wait_no_more()
        self._end_text()

    @property
    def _streams(self) -> bool:
        return self._out.is_terminal

    @property
    def _can_draw(self) -> bool:
        return self._margin == MARGIN

    def _debater(self, seat: str) -> Debater | None:
        return self._debate.debater(seat) if self._debate else None

    def _start(self, event: TurnStarted) -> None:
        self._wait_no_more()
        self._end_text()
        debater = self._debater(event.seat)
        name = one_line(debater.name if debater else event.seat)
        emoji = one_line(debater.persona.emoji or "") if debater and self._can_draw else ""
        line = Text(f"{emoji} " if emoji else "").append(name, style=style_of(debater))
        if event.rounds > 1 and not self._is_chat:
            line.append(f"  round {event.round} of {event.rounds}", style="dim")
        self._out.print()
        self._out.print(line, soft_wrap=True)

    def _wait(self, reason: str, fraction: float | None = None) -> None:
        if not (self._err.is_terminal and self._at_margin):
            return
        share = f" {fraction:.0%}" if fraction is not None else ""
        words = Text(f"{one_line(reason, self._err.width - 12)}{share}", style="dim")
        if self._status is None:
            self._status = self._err.status(words)
            self._status.start()
        else:
            self._status.update(words)

    def _wait_no_more(self) -> None:
        if self._status:
            self._status.stop()
            self._status = None

    def _speak(self, seat: str, text: str) -> None:
        self._wait_no_more()
        text = self._cleaner.feed(text)
        self._said.append(text)
        if self._streams:
            self._write(self._wrap.feed(text), style_of(self._debater(seat)))

    def _finish(self, turn: Turn) -> None:
        self._wait_no_more()
        said, text = "".join(self._said), clean(turn.text)
        style = style_of(self._debater(turn.speaker))
        if not self._streams:
            self._out.out(text, highlight=False)
        elif text.startswith(said):
            self._write(self._wrap.feed(text[len(said) :]), style)
        elif not said.startswith(text):
            self._end_text()
            self._note("kept instead:")
            self._write(self._wrap.feed(text), style)
        self._end_text(style)
        if turn.finish != "stop":
            self._note(CUTS[turn.finish])

    def _end_text(self, style: str = "") -> None:
        self._write(self._wrap.flush(), style)
        self._said.clear()
        self._cleaner = Cleaner()
        if not self._at_margin:
            self._out.print()
            self._at_margin = True

    def _write(self, text: str, style: str) -> None:
        """Text behind the margin, which is drawn when the first sign of a line comes."""
        for number, line in enumerate(text.split("\n")):
            if number:
                if self._at_margin:
                    self._out.print(Text(self._margin.rstrip(), style=style), end="")
                self._out.print()
                self._at_margin = True
            if line and self._at_margin:
                self._out.print(Text(self._margin, style=style), end="")
                self._at_margin = False
            if line:
                self._out.out(line, end="", highlight=False)

    def _note(self, words: str) -> None:
        self._wait_no_more()
        self._out.print(Text(f"  ({one_line(words)})", style="dim"), soft_wrap=True)


def style_of(debater: Debater | None) -> str:
    """How a debater's name is written."""
    colour = debater.persona.colour if debater else None
    return f"bold {colour}" if colour else "bold"

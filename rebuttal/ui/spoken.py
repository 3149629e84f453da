"""The turn being spoken and the status line, from events and the moments they came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rebuttal.events import (
    DebateEvent,
    DebateFinished,
    DebatePaused,
    DebateRewound,
    DebateWaiting,
    TurnDelta,
    TurnDiscarded,
    TurnFinished,
    TurnStarted,
    TurnWaiting,
)
from rebuttal.markdown import safe_line, safe_markdown
from rebuttal.records import Debate, Turn
from rebuttal.ui.render import in_line, pace
from rebuttal.ui.transcript import Transcript

BYTES_PER_TOKEN = 4
"""A guess, good enough for a speed shown while the server has not counted yet."""

RESTS = {
    "stopped": "Stopped. Resume goes on from here.",
    "paused": "Paused. Resume goes on.",
    "error": "Waiting for you.",
    "limit": "Paused. Why is said above.",
    "unwatched": "Paused while nobody was watching.",
    "interrupted": "Interrupted. Resume goes on where it ended.",
}


@dataclass
class _Saying:
    """One turn in progress, as heard so far."""

    started: TurnStarted
    asked_at: float | None
    """When the model was asked; None for a watcher who came later."""
    pieces: list[str] = field(default_factory=list)
    first_at: float | None = None
    timed_bytes: int = 0
    """Bytes that came after the first piece, which says nothing about the speed."""
    waiting: str = ""
    fraction: float | None = None

    def hear(self, delta: TurnDelta, at: float, late: bool) -> None:
        if delta.text and self.first_at is None:
            self.first_at = at
            self.asked_at = None if late else self.asked_at
        elif delta.text:
            self.timed_bytes += len(delta.text.encode())
        elif self.first_at is None:
            self.waiting, self.fraction = "thinking it through", None
        self.pieces.append(delta.text)

    def facts(self, at: float) -> list[str]:
        """Round, speed and wait, as far as they are known."""
        facts = []
        if self.started.rounds > 1:
            facts.append(f"round {self.started.round} of {self.started.rounds}")
        if self.first_at is None:
            if self.asked_at is not None and at - self.asked_at >= 1:
                facts.append(f"{at - self.asked_at:.0f} s")
            return facts
        seconds = at - self.first_at
        if self.timed_bytes and seconds > 0.5:
            speed = pace(self.timed_bytes / BYTES_PER_TOKEN / seconds)
            facts.append(f"about {speed} tokens/s")
        if self.asked_at is not None:
            facts.append(f"first word after {self.first_at - self.asked_at:.1f} s")
        return facts


class LiveTurn:
    """What is being said. ``at`` is always seconds of one clock, as ``time.monotonic`` gives."""

    def __init__(self, origin: Debate, streaming: bool = True, tree: Sequence[Turn] = ()) -> None:
        self.resting = False
        """Whether the last thing heard is that nobody speaks."""
        self._streaming = streaming
        self._told = Transcript(origin, tree)
        self._before = ""
        self._saying: _Saying | None = None
        self._late = True
        self._rest = "Opening the debate"

    def rewind(self, tip: str, tree: Sequence[Turn]) -> None:
        """The transcript became the line of ``tree`` that ends there."""
        self._told.rewind(tip, tree)
        self._before, self._saying = "", None

    def caught_up(self) -> None:
        """The first batch is over: from now on a moment is when a thing happened."""
        self._late = False

    def take(self, event: DebateEvent, at: float) -> None:
        """Hear one event."""
        if isinstance(event, TurnDelta):
            if self._saying:
                self._saying.hear(event, at, self._late)
        elif isinstance(event, TurnStarted):
            self._saying, self.resting = _Saying(event, at), False
        elif isinstance(event, TurnFinished):
            self._finish(event.turn)
        elif isinstance(event, TurnWaiting | TurnDiscarded):
            self._wait(event, at)
        elif isinstance(event, DebateRewound):
            self._saying = None
        elif isinstance(event, DebateWaiting):
            self._saying, self.resting, self._rest = None, False, in_line(event)
        elif isinstance(event, DebatePaused):
            self._stop(RESTS[event.reason])
        elif isinstance(event, DebateFinished):
            alone = len(self._told.table.debaters) == 1
            self._stop("Done." if alone else "The debate is over.")

    def markdown(self) -> str:
        """The turn before, which the page hides once it is settled, and the one being spoken."""
        if self._saying is None:
            return self._before
        words = safe_markdown("".join(self._saying.pieces)) if self._streaming else ""
        marks = "speaking" if words else "speaking silent"
        words = words or '<span class="silence">…</span>'
        turn = self._told.speech(self._saying.started.seat, words, "")
        return self._before + turn.replace('class="turn ', f'class="turn {marks} ', 1)

    def status(self, at: float) -> str:
        """One line: who does what, the round, and how fast."""
        if self._saying is None:
            return _line(self._rest, "resting" if self.resting else "busy", [])
        saying = self._saying
        debater = self._told.table.debater(saying.started.seat)
        name = debater.name if debater else saying.started.seat
        if saying.first_at is not None:
            return _line(f"{name} is speaking", "busy", saying.facts(at))
        doing = f"{name}: {saying.waiting}" if saying.waiting else f"{name} is thinking"
        return _line(doing, "busy", saying.facts(at), saying.fraction)

    def _wait(self, event: TurnWaiting | TurnDiscarded, at: float) -> None:
        if self._saying is None:
            return
        if isinstance(event, TurnWaiting):
            self._saying.waiting, self._saying.fraction = event.reason, event.fraction
        else:
            self._saying = _Saying(
                self._saying.started, at, waiting=f"begins again: {event.reason}"
            )

    def _finish(self, turn: Turn) -> None:
        block = self._told.add(turn)
        if not turn.from_user:
            self._before, self._saying, self._rest = block, None, "Next turn"

    def _stop(self, words: str) -> None:
        self._saying, self._rest, self.resting = None, words, True


def _line(doing: str, mood: str, facts: list[str], fraction: float | None = None) -> str:
    bar = "" if fraction is None else f'<progress value="{fraction:.3f}" max="1"></progress>'
    more = f' <span class="facts">{safe_line(" · ".join(facts))}</span>' if facts else ""
    return f'<p class="status {mood}"><span class="doing">{safe_line(doing)}</span>{bar}{more}</p>'

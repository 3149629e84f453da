"""What is known of a debate in progress: who speaks, how fast, and how full each context is."""

from __future__ import annotations

from dataclasses import dataclass, field

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
from rebuttal.material import Cleaner, one_line
from rebuttal.records import Debate, Debater, Turn

USUAL = 4.2
"""Characters of a token, until a server has counted."""
SURE_AFTER = 0.7
"""Seconds of speaking after which a speed says something."""


MOST_COUNTED = 10**12
"""Tokens."""


@dataclass
class Place:
    """A seat. ``speed`` is in tokens a second, ``used`` and ``context`` are tokens."""

    debater: Debater
    used: float = 0.0
    context: int = 0
    speed: float | None = None
    counted: bool = False
    """Whether the server counted, or we guess."""
    per_token: float = USUAL
    unseen: int = 0
    """The oldest turns, which no longer fit."""

    @property
    def fullness(self) -> float | None:
        """Between 0 and 1; None before the first turn."""
        return min(self.used / self.context, 1.0) if self.context else None


@dataclass
class Speech:
    """The turn in progress. Times are in seconds."""

    seat: str
    round: int
    rounds: int
    began: float
    prompt: int = 0
    first: float | None = None
    text: str = ""
    thought: int = 0
    """Characters of reasoning, which is not shown."""
    waiting: str = ""
    fraction: float | None = None
    cleaner: Cleaner = field(default_factory=Cleaner)


class Table:
    """Follows the events of one debate. ``now`` is the moment of the event, in seconds."""

    def __init__(self, debate: Debate, now: float) -> None:
        self.places = {debater.seat: Place(debater) for debater in debate.debaters}
        self.began = now
        self.speech: Speech | None = None
        self.in_line = ""
        """The debate's place in line, in words, while it waits for one."""
        self.turns = self.tokens = 0
        """Turns that were spoken, and tokens of them that servers counted."""

    def follow(self, event: DebateEvent, now: float) -> None:
        """Take it in."""
        match event:
            case DebateWaiting():
                self.in_line = event.place
            case TurnStarted():
                self._start(event, now)
            case TurnWaiting() if self.speech:
                self.speech.waiting = one_line(event.reason)
                self.speech.fraction = event.fraction
            case TurnDelta() if self.speech:
                self._hear(event, self.speech, now)
            case TurnDiscarded() if self.speech:
                speech = self.speech
                self.speech = Speech(speech.seat, speech.round, speech.rounds, now, speech.prompt)
            case TurnFinished():
                self._finish(event.turn)
            case ContextTrimmed() if event.seat in self.places:
                self.places[event.seat].unseen = event.left_out
            case _:
                pass

    def _start(self, event: TurnStarted, now: float) -> None:
        self.in_line = ""
        self.speech = Speech(
            event.seat, event.round, event.rounds, now, believed(event.prompt_tokens)
        )
        if place := self.places.get(event.seat):
            place.used, place.context = believed(event.prompt_tokens), believed(event.context)
            place.speed = None

    def _hear(self, event: TurnDelta, speech: Speech, now: float) -> None:
        speech.waiting, speech.fraction = "", None
        speech.text += speech.cleaner.feed(event.text)
        speech.thought += len(event.reasoning)
        speech.first = now if speech.first is None else speech.first
        place = self.places.get(speech.seat)
        if place is None:
            return
        tokens = (len(speech.text) + speech.thought) / place.per_token
        place.used = speech.prompt + tokens
        if now - speech.first >= SURE_AFTER:
            place.speed, place.counted = tokens / (now - speech.first), False

    def _finish(self, turn: Turn) -> None:
        if turn.from_user:
            return
        self.speech = None
        self.turns += 1
        place, usage = self.places.get(turn.speaker), turn.usage
        if place is None or usage is None or not usage.completion_tokens:
            return
        said = believed(usage.completion_tokens)
        self.tokens += said
        place.used = believed(usage.prompt_tokens or round(place.used)) + said
        place.per_token = min(max(len(turn.text) / max(said, 1), 1.0), 10.0)
        place.speed, place.counted = speed_of(turn) or place.speed, True


def speed_of(turn: Turn) -> float | None:
    """Tokens a second from the first one on, by the server's count."""
    if not (turn.usage and turn.usage.completion_tokens and turn.timings):
        return None
    seconds = turn.timings.total - (turn.timings.first_token or 0.0)
    return believed(turn.usage.completion_tokens) / seconds if seconds > 0.05 else None


def believed(tokens: int) -> int:
    """A count as it can be, whatever another server tells."""
    return min(max(tokens, 0), MOST_COUNTED)

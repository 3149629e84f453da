"""The one stream of events: what a debate tells whoever watches it."""

from __future__ import annotations

from typing import Literal

from rebuttal.records import Record, Turn


class DebateWaiting(Record):
    """All places are taken; this debate is number ``position`` in line, from 1.

    ``seconds`` are those until its turn, as things went lately; None while nobody knows.
    """

    kind: Literal["debate_waiting"] = "debate_waiting"
    position: int
    seconds: float | None = None

    @property
    def place(self) -> str:
        """The same in words: ``number 2 in line, for about 40 s``."""
        return f"number {self.position} in line{_about(self.seconds)}"


class TurnStarted(Record):
    """A seat begins to speak. ``context`` and ``prompt_tokens`` (an estimate) fill its meter."""

    kind: Literal["turn_started"] = "turn_started"
    seat: str
    turn_id: str
    round: int
    rounds: int
    prompt_tokens: int
    context: int


class TurnWaiting(Record):
    """Nothing comes yet, and why: a model loads, a server asked to wait, weights are fetched."""

    kind: Literal["turn_waiting"] = "turn_waiting"
    seat: str
    reason: str
    fraction: float | None = None
    endpoint: str = ""
    """Who is asked from here on, where that is not the model's first endpoint, or another now."""


class TurnDelta(Record):
    """More of the turn in progress. ``reasoning`` is for the curious and is never stored."""

    kind: Literal["turn_delta"] = "turn_delta"
    seat: str
    text: str = ""
    reasoning: str = ""


class TurnDiscarded(Record):
    """What the seat said so far is taken back and asked again once; ``reason`` says why."""

    kind: Literal["turn_discarded"] = "turn_discarded"
    seat: str
    reason: str


class TurnFinished(Record):
    """A whole turn, already stored. A user's turn arrives as this event alone."""

    kind: Literal["turn_finished"] = "turn_finished"
    turn: Turn


class ContextTrimmed(Record):
    """The seat's next view leaves out the oldest rounds, so that it fits the model's context."""

    kind: Literal["context_trimmed"] = "context_trimmed"
    seat: str
    left_out: int
    """Turns the seat does not see."""
    context: int

    @property
    def words(self) -> str:
        """``no longer sees the oldest 4 turns: its context of 4,096 tokens is full``."""
        turns = "turn" if self.left_out == 1 else f"{self.left_out} turns"
        return f"no longer sees the oldest {turns}: its context of {self.context:,} tokens is full"


class DebateRewound(Record):
    """The tip moved back or sideways: watchers forget what they have and read the transcript."""

    kind: Literal["debate_rewound"] = "debate_rewound"
    tip: str


class DebatePaused(Record):
    """The debate waits. An ``error`` or a ``limit`` carries its words and a hint."""

    kind: Literal["debate_paused"] = "debate_paused"
    reason: Literal["stopped", "paused", "error", "limit", "unwatched", "interrupted"]
    """``limit``: a budget, a cap or the operator's halt; nothing is broken."""
    message: str = ""
    hint: str = ""


class DebateFinished(Record):
    """Every bought turn has been spoken."""

    kind: Literal["debate_finished"] = "debate_finished"


DebateEvent = (
    DebateWaiting
    | TurnStarted
    | TurnWaiting
    | TurnDelta
    | TurnDiscarded
    | TurnFinished
    | ContextTrimmed
    | DebateRewound
    | DebatePaused
    | DebateFinished
)


def _about(seconds: float | None) -> str:
    """How long a wait is likely to be; nobody knows it better than this."""
    if seconds is None:
        return ""
    if seconds < 10:
        return ", for a few seconds"
    if seconds < 90:
        return f", for about {round(seconds, -1):.0f} s"
    return f", for about {seconds / 60:.0f} min"

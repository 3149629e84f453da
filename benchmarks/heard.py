"""When somebody heard a debate: its turns by a clock, and what the server counted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Said:
    """One turn: seconds by the listener's clock at its first words and when it was over."""

    first: float = 0.0
    ended: float = 0.0
    text: str = ""
    generated: int = 0
    evaluated: int = 0
    """Prompt tokens that the server worked through."""

    def count(self, turn: Mapping[str, Any]) -> None:
        """Take the words and the numbers from a turn as JSON."""
        usage = turn["usage"] or {}
        self.text = turn["text"]
        self.generated = usage.get("completion_tokens") or 0
        self.evaluated = usage.get("evaluated_tokens") or 0


@dataclass
class Heard:
    """One debate. All seconds are of one clock, which need not be that of another debate."""

    asked: float = field(default_factory=time.monotonic)
    turns: list[Said] = field(default_factory=list)

    def take(self, kind: str, event: Mapping[str, Any]) -> None:
        """An event as JSON, heard now."""
        now = time.monotonic()
        if kind == "turn_started":
            self.turns.append(Said())
        elif kind == "turn_delta" and event["text"]:
            self.turns[-1].first = self.turns[-1].first or now
        elif kind == "turn_finished":
            turn = event.get("turn", event)
            if turn["model"]:  # the topic has none
                self.turns[-1].ended = now
                self.turns[-1].count(turn)

    @property
    def first(self) -> float:
        """Seconds from asking to the first words."""
        return self.turns[0].first - self.asked

    @property
    def talk(self) -> float:
        """Seconds from the first words to the end of the last turn."""
        return self.turns[-1].ended - self.turns[0].first

    @property
    def whole(self) -> float:
        """Seconds from asking to the end of the last turn."""
        return self.turns[-1].ended - self.asked

    @property
    def gaps(self) -> list[float]:
        """Seconds of silence between two turns."""
        before, after = self.turns[:-1], self.turns[1:]
        return [later.first - one.ended for one, later in zip(before, after, strict=True)]

    @property
    def texts(self) -> tuple[str, ...]:
        """What was said."""
        return tuple(said.text for said in self.turns)

    @property
    def generated(self) -> int:
        """Tokens of all turns."""
        return sum(said.generated for said in self.turns)

    @property
    def evaluated(self) -> int:
        """Prompt tokens of all turns."""
        return sum(said.evaluated for said in self.turns)

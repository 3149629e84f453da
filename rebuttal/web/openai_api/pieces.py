"""What is said for an answer, piece by piece, wherever it comes from."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal

from rebuttal.records import Finish, Usage

Reason = Literal["stop", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """``thought`` are those of ``completion`` that are no part of the answer."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    thought: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            self.prompt + other.prompt,
            self.completion + other.completion,
            self.cached + other.cached,
            self.thought + other.thought,
        )

    @property
    def value(self) -> dict[str, object]:
        """As OpenAI has it."""
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": self.cached},
            "completion_tokens_details": {"reasoning_tokens": self.thought},
        }


@dataclass(frozen=True, slots=True)
class Piece:
    """More of an answer. The last one, and only that one, carries ``finish`` and ``tokens``.

    One without anything says that somebody is at work.
    """

    text: str = ""
    reasoning: str = ""
    finish: Reason | None = None
    tokens: Tokens | None = None


Pieces = AsyncGenerator[Piece, None]
AT_WORK = Piece()


def reason_of(finish: Finish) -> Reason:
    """How it ended, in OpenAI's words."""
    if finish == "filtered":
        return "content_filter"
    return "stop" if finish in ("stop", "stopped") else "length"


def tokens_of(usage: Usage | None, *, thought: bool = False) -> Tokens:
    """What a turn cost, as far as its server told."""
    if usage is None:
        return Tokens()
    completion = usage.completion_tokens or 0
    return Tokens(
        usage.prompt_tokens or 0, completion, usage.cached_tokens or 0, completion if thought else 0
    )

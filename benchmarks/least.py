"""The least prompt tokens that the requests of a debate can cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from benchmarks.recording import Request
from rebuttal.providers.base import Message

Tokenize = Callable[[Sequence[Message], str], Awaitable[list[int]]]
"""The tokens of a prompt and what was answered to it so far."""


@dataclass(frozen=True)
class Tokens:
    """Tokens of all requests: generated, evaluated, and the least that could have been."""

    requests: int
    generated: int
    evaluated: int
    least: int
    least_answers_known: int


async def count_tokens(requests: Sequence[Request], tokenize: Tokenize) -> Tokens:
    """Hold what was evaluated against the least possible, seat by seat."""
    views: dict[str, list[list[int]]] = defaultdict(list)
    answered: dict[str, list[list[int]]] = defaultdict(list)
    least = least_answers_known = 0
    for request in requests:
        view = await tokenize(request.messages, "")
        least += _new(view, views[request.seat])
        least_answers_known += _new(view, answered[request.seat])
        views[request.seat].append(view)
        answered[request.seat].append(await tokenize(request.messages, request.text))
    evaluated = sum(request.usage.evaluated_tokens or 0 for request in requests)
    generated = sum(request.usage.completion_tokens or 0 for request in requests)
    return Tokens(len(requests), generated, evaluated, least, least_answers_known)


def _new(view: Sequence[int], known: Sequence[Sequence[int]]) -> int:
    """Tokens behind the longest beginning shared with one of ``known``; at least the last one."""
    shared = max((_shared(view, other) for other in known), default=0)
    return len(view) - min(shared, len(view) - 1)


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return min(len(one), len(other))

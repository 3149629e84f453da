"""What one request to a model costs: at most, before it is sent, and in the end."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rebuttal.catalog import Model
from rebuttal.errors import ModelError, Unreachable
from rebuttal.providers.base import MOST_TOKENS, Chunk, Message, Options
from rebuttal.records import Usage
from rebuttal.stores.base import Cost
from rebuttal.views import estimate_tokens

BILLION = 1_000_000_000
_TEMPLATE = 16
"""Tokens that a chat template puts around a message, and a few for those still on their way."""


def in_billionths(money: float) -> int:
    """Money of a setting as the ledger counts it."""
    return round(money * BILLION)


def price(model: Model, prompt: int, completion: int) -> Cost:
    """Of so many tokens, at the dearest of its endpoints; without a price they cost no money."""
    prices = [one.price for one in model.everywhere if one.price]
    # Prices are for a million tokens: 1 USD a million is 1000 billionths a token.
    money = [1000 * (prompt * one.input + completion * one.output) for one in prices]
    return Cost(prompt + completion, math.ceil(max(money, default=0)))


class Bill:
    """One request. ``most`` bounds what it can cost, ``cost`` is what is known so far.

    What the server counted goes first. Where it did not say, letters are counted, rather too many
    than too few; thoughts that nobody sees count as the longest answer.
    """

    def __init__(self, model: Model, messages: Sequence[Message], options: Options) -> None:
        self._model = self._asked = model
        self._messages = messages
        self._longest = options.max_tokens
        self._said: list[str] = []
        self._usage = Usage()
        self._problem: ModelError | None = None

    @property
    def most(self) -> Cost:
        """No tokenizer in use makes more tokens than a text has bytes."""
        letters = sum(len(m.content.encode("utf-8", "replace")) for m in self._messages)
        return price(self._model, letters + _TEMPLATE * len(self._messages), self._longest)

    @property
    def cost(self) -> Cost:
        """As far as it went, at the endpoint that was asked."""
        if self._problem is not None and self._problem.costs_nothing:
            return Cost()
        prompt, completion = self._usage.prompt_tokens, self._usage.completion_tokens
        return price(
            self._asked,
            _plausible(estimate_tokens(self._messages) if prompt is None else prompt),
            _plausible(self._guess() if completion is None else completion),
        )

    def read(self, chunk: Chunk) -> None:
        """Take note of what came."""
        if chunk.text or chunk.reasoning:
            self._said += (chunk.text, chunk.reasoning)
        if chunk.usage:
            self._usage = chunk.usage
        if chunk.endpoint:
            self._asked = self._model.at(chunk.endpoint)

    def fail(self, problem: ModelError) -> None:
        """It raised ``problem`` before the first word."""
        self._problem = problem

    def _guess(self) -> int:
        """Tokens of the answer, where the server did not count them."""
        silent = isinstance(self._problem, Unreachable)
        if silent or self._model.reasoning not in (None, "none"):
            return self._longest
        if self._problem is not None:
            return 0
        said = Message("assistant", "".join(self._said))
        return max(estimate_tokens([said]), len(self._said) // 2) + _TEMPLATE


def _plausible(tokens: int) -> int:
    return min(max(tokens, 0), MOST_TOKENS)

"""A model whose every request is paid from a budget."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from rebuttal.budget import Budget, Reservation
from rebuttal.catalog import Model
from rebuttal.errors import ModelError
from rebuttal.providers.base import ChatModel, Chunk, Message, Options
from rebuttal.records import Visitor
from rebuttal.tariff import Bill


@dataclass(frozen=True)
class Account:
    """Who pays for a debate, and out of what."""

    budget: Budget
    visitor: Visitor
    debate_id: str


class Metered:
    """A ChatModel that reserves the most a request can cost, asks, and settles what it did cost.

    Raises BudgetSpent before it asks. A server that is asked again by itself, for it was busy, is
    paid for again.
    """

    def __init__(self, chat: ChatModel, model: Model, account: Account) -> None:
        self._chat = chat
        self._model = model
        self._account = account

    async def context(self) -> int:
        """Asking for it costs nothing."""
        return await self._chat.context()

    async def stream(
        self, messages: Sequence[Message], options: Options
    ) -> AsyncGenerator[Chunk, None]:
        """Speak; see ChatModel."""
        payments = _Payments(self._account)
        bill = Bill(self._model, messages, options)
        try:
            await payments.begin(bill)
            async with aclosing(self._chat.stream(messages, options)) as chunks:
                async for chunk in chunks:
                    if chunk.waiting and chunk.problem:
                        bill.fail(chunk.problem)
                        await payments.end()
                        bill = Bill(self._model, messages, options)
                        await payments.begin(bill)
                    bill.read(chunk)
                    yield chunk
        except ModelError as problem:
            bill.fail(problem)
            raise
        finally:
            # The connection is closed by now, also where the task is being cancelled.
            await payments.end()


class _Payments:
    """One bill at a time: reserved, then settled once."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._open: tuple[Bill, Reservation] | None = None

    async def begin(self, bill: Bill) -> None:
        account = self._account
        held = await account.budget.reserve(account.visitor, account.debate_id, bill.most)
        self._open = bill, held

    async def end(self) -> None:
        if self._open:
            (bill, held), self._open = self._open, None
            await self._account.budget.settle(held, bill.cost)

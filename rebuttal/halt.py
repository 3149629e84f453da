"""The kill switch: while debates run, somebody looks whether the operator said halt."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from rebuttal.errors import BudgetSpent, StoreError
from rebuttal.stores.base import Ledger

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds."""


async def check_halt(ledger: Ledger) -> None:
    """Raises BudgetSpent while the operator's halt stands."""
    reason = await ledger.halted()
    if reason is not None:
        raise halted(reason)


def halted(reason: str) -> BudgetSpent:
    """The operator's words, or that there are none."""
    said = f": {reason}" if reason else "."
    return BudgetSpent(
        f"The operator has halted all debates{said}",
        "Debates that were cut are kept; try again once the halt is over.",
    )


class Watchman:
    """Looks after the halt as long as ``busy`` says so, and has ``cut`` cut them all."""

    def __init__(
        self,
        ledger: Callable[[], Ledger],
        busy: Callable[[], bool],
        cut: Callable[[BudgetSpent], Awaitable[None]],
    ) -> None:
        self._ledger = ledger
        self._busy = busy
        self._cut = cut
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """A debate begins to run."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look(), name="watchman")

    async def close(self) -> None:
        """Go home."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _look(self) -> None:
        while self._busy():
            await asyncio.sleep(LOOK_EVERY)
            try:
                await check_halt(self._ledger())
            except BudgetSpent as halt:
                await self._cut(halt)
            except StoreError as error:
                log.warning("whether to halt is not known: %s", error)

"""Requests that come twice: a second click on Start is the first one again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from rebuttal.errors import InvalidInput

REMEMBERED = 1000
LONGEST = 200
"""Characters of a token."""


class Requests:
    """What the latest requests led to, by owner and token. For one event loop."""

    def __init__(self) -> None:
        self._tasks: dict[tuple[str, str], asyncio.Task[str]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    async def once(
        self, owner: str, token: str, begin: Callable[[], Coroutine[Any, Any, str]]
    ) -> str:
        """What ``begin`` gives, run once for all who come with this token."""
        if len(token) > LONGEST:
            raise InvalidInput(f"request: {len(token)} characters; {LONGEST} are allowed.")
        key = (owner, token)
        if key not in self._tasks:
            if len(self._tasks) >= REMEMBERED:
                del self._tasks[next(iter(self._tasks))]
            self._tasks[key] = asyncio.ensure_future(begin())
        task = self._tasks[key]
        try:
            return await asyncio.shield(task)
        except Exception:
            # A refused start may be mended and sent again under the same token.
            if self._tasks.get(key) is task:
                del self._tasks[key]
            raise

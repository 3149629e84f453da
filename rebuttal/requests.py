"""Requests that come twice: a second click on Start is the first one again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rebuttal.errors import InvalidInput

REMEMBERED = 1000
REMEMBERED_OF_ONE = 200
"""Of all, and of one owner, who else could make those of others be forgotten."""
LONGEST = 200
"""Characters of a token."""

T = TypeVar("T")


class KeyReused(InvalidInput):
    """The same token came with another request."""


@dataclass(frozen=True)
class _Known(Generic[T]):
    task: asyncio.Task[T]
    about: str


class Requests(Generic[T]):
    """What the latest requests led to, by owner and token. For one event loop."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], _Known[T]] = {}
        self._of: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._known)

    async def once(
        self,
        owner: str,
        token: str,
        begin: Callable[[], Coroutine[Any, Any, T]],
        about: str = "",
    ) -> T:
        """What ``begin`` gives, run once for all who come with this token.

        Raises KeyReused where it came before and was not ``about`` the same.
        """
        if len(token) > LONGEST:
            raise InvalidInput(f"request: {len(token)} characters; {LONGEST} are allowed.")
        key = (owner, token)
        if key not in self._known:
            self._make_room(owner)
            self._known[key] = _Known(asyncio.ensure_future(begin()), about)
            self._of[owner] += 1
        known = self._known[key]
        if known.about != about:
            raise KeyReused(
                "This key came with another request before.", "Send another key with it."
            )
        try:
            return await asyncio.shield(known.task)
        except Exception:
            # A refused start may be mended and sent again under the same token.
            if self._known.get(key) is known:
                self._forget(key)
            raise

    def _make_room(self, owner: str) -> None:
        """The owner's oldest goes, or the oldest of all."""
        if self._of[owner] >= REMEMBERED_OF_ONE:
            self._forget(next(key for key in self._known if key[0] == owner))
        elif len(self._known) >= REMEMBERED:
            self._forget(next(iter(self._known)))

    def _forget(self, key: tuple[str, str]) -> None:
        del self._known[key]
        self._of[key[0]] -= 1
        if not self._of[key[0]]:
            del self._of[key[0]]

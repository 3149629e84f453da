"""Access tokens of visitors: in this process's memory, and nowhere else."""

from __future__ import annotations

import time
from collections.abc import Callable

KEPT = 10_000


class Tokens:
    """Tokens by session. The oldest give way to new ones; each is forgotten when it runs out."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[str, float]] = {}

    def put(self, session: str, token: str, seconds: float) -> None:
        """Keep a token for so long."""
        while len(self._kept) >= KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[session] = (token, self._clock() + seconds)

    def get(self, session: str) -> str | None:
        """The token of a session; None for one that is unknown, ended, or out of time."""
        token, until = self._kept.get(session, ("", 0.0))
        if self._clock() < until:
            return token
        self._kept.pop(session, None)
        return None

    def drop(self, session: str) -> None:
        """Forget it."""
        self._kept.pop(session, None)

    def __len__(self) -> int:
        return len(self._kept)

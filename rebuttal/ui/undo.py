"""What was deleted a moment ago, so that one press brings it back."""

from __future__ import annotations

from collections.abc import Sequence

from rebuttal.records import new_id

MOST_IDS = 300_000
"""Ids of debates that are remembered, of all visitors together; the oldest go first."""


class Undo:
    """By a mark that the page holds, since all the ids would not fit there."""

    def __init__(self, most: int = MOST_IDS) -> None:
        self._most = most
        self._deleted: dict[str, tuple[str, tuple[str, ...]]] = {}

    def keep(self, owner: str, ids: Sequence[str]) -> str:
        """Remember that ``owner`` has deleted these. Returns the mark."""
        mark = new_id()
        self._deleted[mark] = owner, tuple(ids)
        while len(self._deleted) > 1 and self._count() > self._most:
            del self._deleted[next(iter(self._deleted))]
        return mark

    def take(self, owner: str, mark: str) -> tuple[str, ...]:
        """What they deleted; empty where it is not known any more."""
        whose, ids = self._deleted.get(mark, ("", ()))
        if not ids or whose != owner:
            return ()
        del self._deleted[mark]
        return ids

    def _count(self) -> int:
        return sum(len(ids) for _, ids in self._deleted.values())

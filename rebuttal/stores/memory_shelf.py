"""Debates as they are held in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from rebuttal.errors import StoreError
from rebuttal.records import Debate, Turn
from rebuttal.stores.base import no_debate
from rebuttal.stores.finding import Place, Whole


@dataclass(frozen=True)
class Held:
    """A debate with its turns by their ids, oldest first. Another one after every change."""

    debate: Debate
    turns: dict[str, Turn]
    seq: int
    kept_at: datetime
    deleted_at: datetime | None = None

    @property
    def place(self) -> Place:
        """In a history."""
        return Place(self.debate.pinned, self.seq)

    @property
    def whole(self) -> Whole:
        """The debate and its turns."""
        return self.debate, tuple(self.turns.values())

    @cached_property
    def letters(self) -> int:
        """How much there is of it."""
        return len(self.debate.topic) + sum(len(turn.text) for turn in self.turns.values())


class Shelf:
    """Those changed last stand at its end."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}
        self._last = 0
        self._closed = False

    def __contains__(self, debate_id: str) -> bool:
        return debate_id in self._open

    def __iter__(self) -> Iterator[Held]:
        return iter(tuple(self._open.values()))

    def get(self, debate_id: str) -> Held | None:
        """The debate, a deleted one included."""
        return self._open.get(debate_id)

    def seen(self, debate_id: str) -> Held:
        """Raises NotFound also for a deleted one."""
        held = self._open.get(debate_id)
        if held is None or held.deleted_at is not None:
            raise no_debate(debate_id)
        return held

    def listed(self, owner: str | None) -> list[Held]:
        """In the order of a history."""
        mine = (
            held
            for held in self._open.values()
            if held.deleted_at is None and owner in (None, held.debate.owner)
        )
        return sorted(mine, key=lambda held: held.place, reverse=True)

    def those(self, debate_ids: Iterable[str]) -> list[Held]:
        """Of these debates the ones that are there."""
        return [held for key in debate_ids if (held := self._open.get(key))]

    def put(self, held: Held) -> None:
        """In the place of what was held of it."""
        self._open.pop(held.debate.id, None)
        self._held[held.debate.id] = held
        self._last = max(self._last, held.seq)

    def add(self, whole: Whole, kept_at: datetime) -> None:
        """The newest of all."""
        debate, turns = whole
        self.put(Held(debate, {turn.id: turn for turn in turns}, self._last + 1, kept_at))

    def change(self, debate_id: str, **fields: Any) -> None:
        """Of a debate that is there."""
        self.put(replace(self._open[debate_id], **fields))

    def drop(self, debate_id: str) -> None:
        """Hold it no more. Twice is once."""
        self._open.pop(debate_id, None)

    def shrink(self, letters: int, needed: Collection[str]) -> None:
        """Drop those changed longest ago, none of the needed, until so many letters are left."""
        over = sum(held.letters for held in self) - letters
        for held in self:
            if over <= 0:
                return
            if held.debate.id not in needed:
                self.drop(held.debate.id)
                over -= held.letters

    def close(self) -> None:
        """Hold nothing."""
        self._held.clear()
        self._closed = True

    @property
    def _open(self) -> dict[str, Held]:
        if self._closed:
            raise StoreError("the store of debates is closed.", "Start Rebuttal again.")
        return self._held

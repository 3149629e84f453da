"""Debates in the memory of this process, gone with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rebuttal.errors import InvalidInput
from rebuttal.line import below, line_to
from rebuttal.records import Clock, Debate, Found, FoundPage, Search, Tally, Turn, now
from rebuttal.stores.base import no_turn, stale
from rebuttal.stores.finding import (
    Whole,
    check_search,
    excerpt_of,
    fits,
    place_of,
    sat_there,
    says,
    tallies_of,
)
from rebuttal.stores.memory_ledger import MemoryLedger
from rebuttal.stores.memory_panels import MemoryPanels
from rebuttal.stores.memory_shelf import Held, Shelf
from rebuttal.stores.memory_tokens import MemoryTokens
from rebuttal.stores.storable import check_storable, check_tree, in_utc, refuse_unstorable
from rebuttal.words import Wanted, wanted, words


class MemoryStore(MemoryTokens, MemoryPanels):
    """DebateStore describes the methods; none of them ever waits."""

    problem = "Debates are kept in the memory of this process, and end with it."

    def __init__(self, clock: Clock = now) -> None:
        MemoryTokens.__init__(self)
        MemoryPanels.__init__(self)
        self.shelf = Shelf()
        self.ledger = MemoryLedger()
        self._clock = clock

    # --- one debate -------------------------------------------------------------------------------

    async def add_debate(self, debate: Debate, first: Turn) -> None:
        if first.parent_id is not None or debate.tip != first.id:
            raise InvalidInput("a new debate begins with one turn, which is its tip")
        await self.add_debates([(debate, (first,))])

    async def add_debates(self, whole: Sequence[Whole]) -> None:
        taken: set[str] = set()
        for debate, turns in whole:
            check_tree(debate, turns)
            for record in (debate, *turns):
                refuse_unstorable(record)
            if debate.id in self.shelf or debate.id in taken:
                raise InvalidInput(f"a debate {debate.id!r} is kept already")
            taken.add(debate.id)
        for debate, turns in whole:
            self.shelf.add((in_utc(debate), [in_utc(turn) for turn in turns]), self._clock())

    async def get_debate(self, debate_id: str) -> Debate:
        return self.shelf.seen(debate_id).debate

    async def change_debate(
        self, debate_id: str, *, title: str | None = None, pinned: bool | None = None
    ) -> None:
        check_storable("title", title)
        debate = self.shelf.seen(debate_id).debate
        change = {
            "title": debate.title if title is None else title or None,
            "pinned": debate.pinned if pinned is None else pinned,
        }
        self.shelf.change(debate_id, debate=debate.model_copy(update=change))

    async def add_turn(self, debate_id: str, turn: Turn, *, finished: bool = False) -> None:
        refuse_unstorable(turn)
        held = self.shelf.seen(debate_id)
        if turn.parent_id != held.debate.tip:
            raise stale(debate_id)
        if turn.id in held.turns:
            raise InvalidInput(f"a turn {turn.id!r} is kept already")
        debate = held.debate.model_copy(update={"tip": turn.id, "finished": finished})
        turns = {**held.turns, turn.id: in_utc(turn)}
        self.shelf.change(debate_id, debate=debate, turns=turns, kept_at=self._clock())

    async def get_turns(self, debate_id: str) -> tuple[Turn, ...]:
        debate, turns = self.shelf.seen(debate_id).whole
        return line_to(turns, debate.tip)

    async def get_tree(self, debate_id: str) -> tuple[Turn, ...]:
        _, turns = self.shelf.seen(debate_id).whole
        return tuple(turns)

    async def move_tip(
        self, debate_id: str, tip: str, expected: str, *, finished: bool = False
    ) -> None:
        held = self.shelf.seen(debate_id)
        if tip not in held.turns:
            raise no_turn(debate_id, tip)
        if held.debate.tip != expected:
            raise stale(debate_id)
        moved = held.debate.model_copy(update={"tip": tip, "finished": finished})
        self.shelf.change(debate_id, debate=moved)

    async def delete_branch(self, debate_id: str, turn_id: str) -> None:
        held = self.shelf.seen(debate_id)
        if turn_id not in held.turns:
            raise no_turn(debate_id, turn_id)
        gone = below(tuple(held.turns.values()), turn_id)
        if held.debate.tip in gone:
            raise InvalidInput("this is the main line", "Choose another line first.")
        left = {key: turn for key, turn in held.turns.items() if key not in gone}
        self.shelf.change(debate_id, turns=left)

    # --- many -------------------------------------------------------------------------------------

    async def search(
        self, owner: str | None, search: Search, more: str | None = None, limit: int = 20
    ) -> FoundPage:
        check_search(search)
        before = None if more is None else place_of(more)
        looked_for = wanted(search.text)
        found = [
            held
            for held in self.shelf.listed(owner)
            if (before is None or held.place < before)
            and fits(held.debate, search)
            and sat_there(held.whole, search)
            and (not looked_for or _says(held, looked_for))
        ]
        page = found[: max(limit, 0)]
        last = str(page[-1].place) if page and len(found) > len(page) else None
        return FoundPage(found=tuple(_told(held, looked_for) for held in page), more=last)

    async def ids_of(self, owner: str) -> list[str]:
        return [held.debate.id for held in self.shelf.listed(owner)]

    async def delete(self, debate_ids: Sequence[str]) -> None:
        for held in self.shelf.those(debate_ids):
            self.shelf.change(held.debate.id, deleted_at=held.deleted_at or self._clock())

    async def restore(self, debate_ids: Sequence[str]) -> None:
        for held in self.shelf.those(debate_ids):
            self.shelf.change(held.debate.id, deleted_at=None)

    async def hidden(self, debate_ids: Sequence[str]) -> list[Debate]:
        there = self.shelf.those(debate_ids)
        return [held.debate for held in there if held.deleted_at is not None]

    async def doomed(self, older_than: datetime | None, deleted_before: datetime) -> list[Debate]:
        doomed = [
            held
            for held in self.shelf
            if (older_than is not None and held.kept_at < older_than)
            or (held.deleted_at is not None and held.deleted_at < deleted_before)
        ]
        return [held.debate for held in sorted(doomed, key=lambda held: -held.seq)]

    async def purge(self, older_than: datetime | None, deleted_before: datetime) -> int:
        gone = {debate.id for debate in await self.doomed(older_than, deleted_before)}
        for debate_id in gone:
            self.shelf.drop(debate_id)
        self.ledger.sums.forget_debates(gone)
        moment = self._clock()
        for token in self.all_tokens():
            if token.debate_id in gone or (token.expires_at and token.expires_at < moment):
                await self.drop_token(token.hash)
        return len(gone)

    async def tallies(
        self, owner: str | None, since: datetime, until: datetime
    ) -> tuple[Tally, ...]:
        return tallies_of((held.whole for held in self.shelf.listed(owner)), since, until)

    async def close(self) -> None:
        """Twice is once. What was kept is gone."""
        self.shelf.close()


def _says(held: Held, looked_for: Wanted) -> bool:
    texts = (held.debate.topic, held.debate.title or "", *(t.text for t in held.turns.values()))
    return says(" ".join(word for text in texts for word in words(text)), looked_for)


def _told(held: Held, looked_for: Wanted) -> Found:
    excerpt = excerpt_of(held.whole, looked_for)
    return Found(debate=held.debate, turns=len(held.turns), excerpt=excerpt)

"""What was written in memory, written to Redis: whatever happened there meanwhile, nothing is lost.

Where a debate went on elsewhere, what was said here becomes a branch of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import takewhile

from rebuttal.errors import InvalidInput, NotFound, StaleTip
from rebuttal.line import below, line_to
from rebuttal.records import Turn, now
from rebuttal.stores import redis_scripts as scripts
from rebuttal.stores.base import NOTHING, Cost, Lack, Purse, no_debate
from rebuttal.stores.finding import Whole
from rebuttal.stores.memory_shelf import Shelf
from rebuttal.stores.redis import RedisStore
from rebuttal.stores.redis_database import RedisDatabase, key
from rebuttal.stores.redis_ledger import RedisLedger
from rebuttal.stores.redis_rows import Tree, seconds
from rebuttal.stores.redis_trees import TRIES

DONE = ("ok", "again")
"""Answers of a numbered write that stands."""


class WriteBack(RedisStore):
    """A store on Redis that is given the writes of an outage, in their order.

    ``shelf`` holds the debates as they have become here. Until ``finish``, a write may be given
    again and again: what is there already is left as it is.
    """

    def __init__(self, database: RedisDatabase, keep_turns: int, number: int, shelf: Shelf) -> None:
        super().__init__(database, keep_turns, number)
        self.ledger: _UnlimitedLedger = _UnlimitedLedger(database, number)
        self._plain = RedisStore(database, keep_turns)
        self._shelf = shelf
        self._is_done = False

    async def finish(self) -> None:
        """This write is done."""
        if not (self._is_done or self.ledger.is_done):
            await self._write(scripts.MARK)

    async def add_debates(self, whole: Sequence[Whole]) -> None:
        for one in whole:
            await self._merge(one)

    async def add_turn(self, debate_id: str, turn: Turn, *, finished: bool = False) -> None:
        with suppress(InvalidInput, NotFound, StaleTip):  # nothing has happened meanwhile
            await super().add_turn(debate_id, turn, finished=finished)
            return
        for _ in range(TRIES):
            tree = await self._there(debate_id)
            if tree is None or await self._grows(tree, turn):
                await self._go_on(tree, turn.id, turn.parent_id, finished)
                await self.fold(debate_id)
                return
        raise self._too_busy(debate_id)

    async def move_tip(
        self, debate_id: str, tip: str, expected: str, *, finished: bool = False
    ) -> None:
        with suppress(NotFound, StaleTip):
            await super().move_tip(debate_id, tip, expected, finished=finished)
            return
        for _ in range(TRIES):
            tree = await self._there(debate_id)
            held = self._shelf.get(debate_id)
            turn = held.turns.get(tip) if held else None
            if tree is None or turn is None or await self._grows(tree, turn):
                await self._go_on(tree, tip, expected, finished)
                return
        raise self._too_busy(debate_id)

    async def delete_branch(self, debate_id: str, turn_id: str) -> None:
        for _ in range(TRIES):
            tree = await self.tree(debate_id)
            gone = below(tree.turns, turn_id) if tree and turn_id in tree.numbers else set()
            # Nobody's main line goes: somebody may have gone on there.
            if not tree or not gone or tree.kept.debate.tip in gone:
                return
            if await self._put_again(tree, gone=gone):
                return
        raise self._too_busy(debate_id)

    async def _write(self, script: str, *args: str) -> list[str]:
        answer = await super()._write(script, *args)
        self._is_done = self._is_done or answer[0] in DONE
        return answer

    async def _there(self, debate_id: str) -> Tree | None:
        """The debate, brought back where it has expired; None where it was purged."""
        if (tree := await self.tree(debate_id)) or await self._is_purged(debate_id):
            return tree
        held = self._shelf.get(debate_id)
        if held is None:
            raise no_debate(debate_id)
        await self._merge(held.whole)
        return await self.tree(debate_id)

    async def _is_purged(self, debate_id: str) -> bool:
        return bool(await self._read(lambda redis: redis.exists(key("gone", debate_id))))

    async def _grows(self, tree: Tree, turn: Turn) -> bool:
        """Keep the turn, and those before it that went meanwhile; False where another look helps.

        Raises NotFound where nobody knows what came before it.
        """
        held = self._shelf.get(tree.kept.debate.id)
        way = line_to(tuple(held.turns.values()), turn.id) if held else ()
        back = takewhile(lambda one: one.id not in tree.numbers, reversed(way or (turn,)))
        missing = list(back)[::-1]
        if missing and missing[0].parent_id not in tree.numbers:
            raise no_debate(tree.kept.debate.id)
        return not missing or await self._put_again(tree, missing, moment=seconds(now()))

    async def _go_on(
        self, tree: Tree | None, tip: str, expected: str | None, finished: bool
    ) -> None:
        """Move the tip, unless it went elsewhere: then the turn is the end of a branch."""
        if tree and expected and tree.kept.debate.tip == expected:
            with suppress(StaleTip, NotFound):  # or the debate was deleted, and may come back
                await self._plain.move_tip(tree.kept.debate.id, tip, expected, finished=finished)

    async def _merge(self, whole: Whole) -> None:
        """Keep the debate; of one that is there, the turns that it has not."""
        debate, turns = whole
        for _ in range(TRIES):
            tree = await self.tree(debate.id)
            if tree is None:
                if await self._is_purged(debate.id):
                    return
                with suppress(InvalidInput):  # somebody else was quicker
                    await self._plain.add_debates([whole])
                    return
                continue
            missing = [turn for turn in turns if turn.id not in tree.numbers]
            if not missing or await self._put_again(tree, missing):
                here = tree.kept.debate.tip
                if here in {turn.id for turn in line_to(turns, debate.tip)}:
                    await self._go_on(tree, debate.tip, here, debate.finished)
                return
        raise self._too_busy(debate.id)


class _UnlimitedLedger(RedisLedger):
    """What was spent is spent, whatever the limits are."""

    is_done = False

    async def reserve(
        self, purses: Sequence[Purse], cost: Cost, room: Cost = NOTHING
    ) -> Lack | None:
        await self.raise_sums([(purse, cost) for purse in purses])
        return None

    async def _write(self, script: str, *args: str) -> list[str]:
        answer = await super()._write(script, *args)
        self.is_done = self.is_done or answer[0] in DONE
        return answer

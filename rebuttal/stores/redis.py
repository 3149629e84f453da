"""Debates on Redis, each with a time to live and a cap on its turns.

A debate's turns lie in one hash and are read together. A write that needs a look at them first says
which version it has seen, and looks again where another one was quicker.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from rebuttal.errors import InvalidInput
from rebuttal.line import below, line_to
from rebuttal.records import Debate, Turn, now
from rebuttal.stores import redis_scripts as scripts
from rebuttal.stores.base import no_debate, no_turn, stale
from rebuttal.stores.fold import fold
from rebuttal.stores.redis_connection import RedisAddress
from rebuttal.stores.redis_database import RedisDatabase, key
from rebuttal.stores.redis_history import RedisHistory
from rebuttal.stores.redis_ledger import RedisLedger, Told
from rebuttal.stores.redis_panels import RedisPanels
from rebuttal.stores.redis_rows import (
    debate_args,
    flag,
    kept_of,
    seconds,
    title_terms,
    turn_args,
)
from rebuttal.stores.storable import check_storable, check_tree, known


class RedisStore(RedisHistory, RedisPanels):
    """Debates in Redis; DebateStore describes the methods.

    Every one raises RedisAway where the server does not answer or takes nothing now.
    """

    problem = ""

    def __init__(
        self,
        database: RedisDatabase,
        keep_turns: int,
        number: int | None = None,
        told: Told | None = None,
    ) -> None:
        super().__init__(database, number)
        self.ledger = RedisLedger(database, number, told)
        self.keep_turns = keep_turns

    @classmethod
    def open(
        cls, address: str, keep: timedelta, keep_turns: int, told: Told | None = None
    ) -> RedisStore:
        """The store at ``redis://USER:PASSWORD@HOST:PORT/NUMBER``, not yet connected.

        Raises InvalidInput for another kind of address, and where the package is missing.
        """
        return cls(RedisDatabase(RedisAddress(address), keep), keep_turns, told=told)

    @property
    def database(self) -> RedisDatabase:
        """Where it keeps them."""
        return self._database

    def as_write(self, number: int) -> RedisStore:
        """This store for one write, which has that number and counts once."""
        return RedisStore(self._database, self.keep_turns, number, self.ledger.told)

    async def add_debate(self, debate: Debate, first: Turn) -> None:
        if first.parent_id is not None or debate.tip != first.id:
            raise InvalidInput("a new debate begins with one turn, which is its tip")
        await self.add_debates([(debate, (first,))])

    async def add_debates(self, whole: Sequence[tuple[Debate, Sequence[Turn]]]) -> None:
        args: list[str] = []
        taken: set[str] = set()
        for debate, turns in whole:
            check_tree(debate, turns)
            args += debate_args(debate, fold(debate, turns, self.keep_turns))
            if debate.id in taken:
                raise _taken(debate.id)
            taken.add(debate.id)
        moment = seconds(now())
        answer = await self._write(
            scripts.ADD, self._database.keep_ms, moment, str(len(whole)), *args
        )
        if answer[0] == "taken":
            raise _taken(answer[1])
        await self.sweep()

    async def get_debate(self, debate_id: str) -> Debate:
        name = key("debate", known(debate_id))
        kept = kept_of(await self._read(lambda redis: redis.hgetall(name)))
        if kept is None or kept.deleted_at is not None:
            raise no_debate(debate_id)
        return kept.debate

    async def change_debate(
        self, debate_id: str, *, title: str | None = None, pinned: bool | None = None
    ) -> None:
        check_storable("title", title)
        named = flag(title is not None), title or "", title_terms(title or "")
        pin = "" if pinned is None else flag(pinned)
        answer = await self._write(scripts.CHANGE, known(debate_id), *named, pin)
        if answer[0] == "missing":
            raise no_debate(debate_id)

    async def add_turn(self, debate_id: str, turn: Turn, *, finished: bool = False) -> None:
        name, json, words = turn_args(turn)
        answer = await self._write(
            scripts.TURN,
            *(self._database.keep_ms, seconds(now()), known(debate_id)),
            *(name, turn.parent_id or "", json, words, flag(finished)),
        )
        match answer[0]:
            case "missing":
                raise no_debate(debate_id)
            case "stale":
                raise stale(debate_id)
            case "taken":
                raise InvalidInput(f"a turn {turn.id!r} is kept already")
        if answer[0] == "ok" and int(answer[1]) > self.keep_turns:
            await self.fold(debate_id)

    async def get_turns(self, debate_id: str) -> tuple[Turn, ...]:
        tree = await self._seen(debate_id)
        return line_to(tree.turns, tree.kept.debate.tip)

    async def get_tree(self, debate_id: str) -> tuple[Turn, ...]:
        return (await self._seen(debate_id)).turns

    async def move_tip(
        self, debate_id: str, tip: str, expected: str, *, finished: bool = False
    ) -> None:
        args = known(debate_id), known(tip), known(expected), flag(finished)
        match (await self._write(scripts.TIP, *args))[0]:
            case "missing":
                raise no_debate(debate_id)
            case "no turn":
                raise no_turn(debate_id, tip)
            case "stale":
                raise stale(debate_id)

    async def delete_branch(self, debate_id: str, turn_id: str) -> None:
        async for tree in self._looks(debate_id):
            if turn_id not in tree.numbers:
                raise no_turn(debate_id, turn_id)
            gone = below(tree.turns, turn_id)
            if tree.kept.debate.tip in gone:
                raise InvalidInput("this is the main line", "Choose another line first.")
            if await self._put(tree, gone=gone):
                return

    async def fold(self, debate_id: str) -> None:
        """Let go of turns that are too many; after the next turn where somebody else writes now."""
        tree = await self.tree(debate_id)
        if tree is None or len(tree.turns) <= self.keep_turns:
            return
        folded = fold(tree.kept.debate, tree.turns, self.keep_turns)
        left = {turn.id: turn for turn in folded}
        changed = [left[turn.id] for turn in tree.turns if left.get(turn.id, turn) != turn]
        await self._put_again(tree, changed, set(tree.numbers) - set(left))


def _taken(debate_id: str) -> InvalidInput:
    return InvalidInput(f"a debate {debate_id!r} is kept already")

"""Whole debates in Redis, read as of one moment and changed as a whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from typing import TypeVar

from rebuttal.errors import StoreError
from rebuttal.records import Turn
from rebuttal.stores import redis_scripts as scripts
from rebuttal.stores.base import no_debate
from rebuttal.stores.redis_database import Client, RedisDatabase, key
from rebuttal.stores.redis_rows import Tree, tree_of, turn_args
from rebuttal.stores.storable import known

T = TypeVar("T")

TRIES = 20
"""Looks at a debate that others write to, until we say that it is too busy."""


class RedisTrees:
    """What the parts of a store on Redis share. ``number`` is that of the one write it is for."""

    def __init__(self, database: RedisDatabase, number: int | None = None) -> None:
        self._database = database
        self._number = number

    async def close(self) -> None:
        """Let go of the connections. Twice is once."""
        await self._database.close()

    async def _seen(self, debate_id: str) -> Tree:
        """Raises NotFound also for a debate that is deleted."""
        tree = await self.tree(debate_id)
        if tree is None or tree.kept.deleted_at is not None:
            raise no_debate(debate_id)
        return tree

    async def tree(self, debate_id: str) -> Tree | None:
        """The debate and all its turns, as of one moment; a deleted one, too."""
        return (await self._trees([debate_id]))[0]

    async def _trees(self, debate_ids: Sequence[str]) -> list[Tree | None]:
        """In that order, None for those that are not there, deleted ones included."""

        async def work(redis: Client) -> list[dict[str, str]]:
            async with redis.pipeline(transaction=True) as pipeline:
                for debate_id in map(known, debate_ids):
                    pipeline.hgetall(key("debate", debate_id))
                    pipeline.hgetall(key("turns", debate_id))
                found: list[dict[str, str]] = await pipeline.execute()
                return found

        found = await self._read(work)
        return [tree_of(*pair) for pair in zip(found[::2], found[1::2], strict=True)]

    async def _looks(self, debate_id: str) -> AsyncIterator[Tree]:
        """The debate as it is, again and again until a write has found it unchanged."""
        for _ in range(TRIES):
            yield await self._seen(debate_id)
        raise self._too_busy(debate_id)

    def _too_busy(self, debate_id: str) -> StoreError:
        name = self._database.name
        return StoreError(f"{name}: too many write to debate {debate_id!r} at once.", "Try again.")

    async def _put(self, tree: Tree, *, gone: Collection[str]) -> bool:
        """Forget these turns; False where the debate has changed meanwhile."""
        answer = await self._write(scripts.PUT, *self._put_args(tree, (), gone, ""))
        return answer[0] != "moved"

    async def _put_again(
        self, tree: Tree, turns: Sequence[Turn] = (), gone: Collection[str] = (), moment: str = ""
    ) -> bool:
        """Keep and forget these turns, which may be done twice; False as above.

        With a ``moment`` the debate counts as kept then.
        """
        args = self._put_args(tree, turns, gone, moment)
        return (await self._database.run(scripts.PUT_AGAIN, *args))[0] != "moved"

    def _put_args(
        self, tree: Tree, turns: Sequence[Turn], gone: Collection[str], moment: str
    ) -> list[str]:
        args = [self._database.keep_ms, moment, tree.kept.debate.id, tree.kept.version]
        args.append(str(len(turns)))
        for turn in turns:
            name, json, words = turn_args(turn)
            args += (name, tree.numbers.get(turn.id, ""), json, words)
        return [*args, str(len(gone)), *gone]

    async def _read(self, work: Callable[[Client], Awaitable[T]]) -> T:
        return await self._database.read(work)

    async def _write(self, script: str, *args: str) -> list[str]:
        number = self._number or self._database.next_number()
        return await self._database.write(script, *args, number=number)

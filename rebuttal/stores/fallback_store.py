"""Debates on Redis, and in this process's memory while Redis is away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Self

from rebuttal.errors import StoreError
from rebuttal.line import line_to
from rebuttal.records import Debate, FoundPage, Search, Tally, Token, TokenKind, Turn
from rebuttal.stores.fallback import Fallback, Work
from rebuttal.stores.fallback_ledger import FallbackLedger
from rebuttal.stores.fallback_panels import FallbackPanels
from rebuttal.stores.finding import Whole
from rebuttal.stores.memory import MemoryStore
from rebuttal.stores.redis import RedisStore


class FallbackStore(FallbackPanels):
    """DebateStore describes the methods.

    While Redis is away they know the debates that this process has used of late, and those that
    begin meanwhile; of others they raise StoreError, as they do where all debates are asked for.
    """

    def __init__(self, redis: RedisStore, keep: timedelta) -> None:
        memory = MemoryStore()
        redis.ledger.told = memory.ledger.sums.put
        super().__init__(Fallback(redis, memory, keep))
        self.ledger = FallbackLedger(self._fallback)

    @classmethod
    def open(cls, address: str, keep_hours: float, keep_turns: int) -> FallbackStore:
        """The store at ``redis://USER:PASSWORD@HOST:PORT/NUMBER``, whether or not it answers.

        Raises InvalidInput for another kind of address, and where the package is missing.
        """
        keep = timedelta(hours=keep_hours)
        return cls(RedisStore.open(address, keep, keep_turns), keep)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    @property
    def problem(self) -> str:
        return self._fallback.problem

    # --- one debate -------------------------------------------------------------------------------

    async def add_debate(self, debate: Debate, first: Turn) -> None:
        await self._fallback.write(lambda store: store.add_debate(debate, first), about=[debate.id])

    async def add_debates(self, whole: Sequence[Whole]) -> None:
        about = [debate.id for debate, _ in whole]
        await self._fallback.write(lambda store: store.add_debates(whole), about=about)

    async def get_debate(self, debate_id: str) -> Debate:
        return await self._fallback.read(lambda store: store.get_debate(debate_id), debate_id)

    async def change_debate(
        self, debate_id: str, *, title: str | None = None, pinned: bool | None = None
    ) -> None:
        await self._change(
            debate_id,
            lambda store: store.change_debate(debate_id, title=title, pinned=pinned),
        )

    async def add_turn(self, debate_id: str, turn: Turn, *, finished: bool = False) -> None:
        await self._change(
            debate_id, lambda store: store.add_turn(debate_id, turn, finished=finished)
        )

    async def get_turns(self, debate_id: str) -> tuple[Turn, ...]:
        debate, turns = await self._fallback.whole(debate_id)
        return line_to(turns, debate.tip)

    async def get_tree(self, debate_id: str) -> tuple[Turn, ...]:
        _, turns = await self._fallback.whole(debate_id)
        return tuple(turns)

    async def move_tip(
        self, debate_id: str, tip: str, expected: str, *, finished: bool = False
    ) -> None:
        await self._change(
            debate_id, lambda store: store.move_tip(debate_id, tip, expected, finished=finished)
        )

    async def delete_branch(self, debate_id: str, turn_id: str) -> None:
        await self._change(debate_id, lambda store: store.delete_branch(debate_id, turn_id))

    # --- many -------------------------------------------------------------------------------------

    async def search(
        self, owner: str | None, search: Search, more: str | None = None, limit: int = 20
    ) -> FoundPage:
        return await self._fallback.read(lambda store: store.search(owner, search, more, limit))

    async def ids_of(self, owner: str) -> list[str]:
        ids: list[str] = await self._fallback.read(lambda store: store.ids_of(owner))
        if self._fallback.is_away:
            raise self._unknown("Not all debates are known")
        return ids

    async def delete(self, debate_ids: Sequence[str]) -> None:
        await self._fallback.write(lambda store: store.delete(debate_ids), about=debate_ids)

    async def restore(self, debate_ids: Sequence[str]) -> None:
        await self._fallback.write(lambda store: store.restore(debate_ids), about=debate_ids)

    async def hidden(self, debate_ids: Sequence[str]) -> list[Debate]:
        return await self._fallback.read(lambda store: store.hidden(debate_ids))

    async def doomed(self, older_than: datetime | None, deleted_before: datetime) -> list[Debate]:
        return await self._fallback.read(lambda store: store.doomed(older_than, deleted_before))

    async def purge(self, older_than: datetime | None, deleted_before: datetime) -> int:
        """Nothing while Redis is away: the next purge comes soon enough."""
        if self._fallback.is_away:
            return 0
        moments = older_than, deleted_before
        count: int = await self._fallback.read(lambda store: store.purge(*moments))
        await self._fallback.memory.purge(*moments)
        return count

    async def tallies(
        self, owner: str | None, since: datetime, until: datetime
    ) -> tuple[Tally, ...]:
        return await self._fallback.read(lambda store: store.tallies(owner, since, until))

    # --- tokens -----------------------------------------------------------------------------------

    async def add_token(self, token: Token) -> None:
        await self._fallback.write(lambda store: store.add_token(token))

    async def get_token(self, hash: str) -> Token | None:
        """While Redis is away, of those made meanwhile: another one may have been revoked."""
        token: Token | None = await self._fallback.read(lambda store: store.get_token(hash))
        if token is None and self._fallback.is_away:
            raise self._unknown("This secret cannot be looked up")
        return token

    async def tokens(self, owner: str | None, kind: TokenKind) -> tuple[Token, ...]:
        return await self._fallback.read(lambda store: store.tokens(owner, kind))

    async def drop_token(self, hash: str) -> None:
        await self._fallback.write(lambda store: store.drop_token(hash))

    async def close(self) -> None:
        """See Fallback.close."""
        await self._fallback.close()

    async def _change(self, debate_id: str, work: Work[None]) -> None:
        await self._fallback.write(work, about=[debate_id], needed=[debate_id])

    def _unknown(self, what: str) -> StoreError:
        return StoreError(f"{what} while Redis is away.", "Try again when it is back.")

"""Tokens on Redis."""

from __future__ import annotations

from rebuttal.errors import InvalidInput
from rebuttal.records import Token, TokenKind, now
from rebuttal.stores import redis_scripts as scripts
from rebuttal.stores.redis_database import Client, key
from rebuttal.stores.redis_rows import seconds, token_of
from rebuttal.stores.redis_trees import RedisTrees
from rebuttal.stores.storable import is_storable, known, refuse_unstorable


class RedisTokens(RedisTrees):
    """What a store does with tokens."""

    async def add_token(self, token: Token) -> None:
        refuse_unstorable(token)
        ends = seconds(token.expires_at) if token.expires_at else ""
        opens = token.hash, token.kind, token.owner, token.debate_id or ""
        answer = await self._write(scripts.TOKEN, *opens, token.model_dump_json(), ends)
        if answer[0] in ("taken", "missing"):
            raise InvalidInput(
                "this token is kept already, or the debate that it opens is not there"
            )

    async def get_token(self, hash: str) -> Token | None:
        json = await self._read(lambda redis: redis.get(key("token", known(hash))))
        return None if json is None else token_of(json)

    async def tokens(self, owner: str | None, kind: TokenKind) -> tuple[Token, ...]:
        if not is_storable(owner):
            return ()

        async def work(redis: Client) -> list[str | None]:
            listed = key("tokens", kind) if owner is None else key("tokens", kind, owner)
            hashes = await redis.zrevrange(listed, 0, -1)
            if not hashes:
                return []
            found: list[str | None] = await redis.mget([key("token", h) for h in hashes])
            return found

        return tuple(token_of(json) for json in await self._read(work) if json)

    async def drop_token(self, hash: str) -> None:
        await self._write(scripts.DROP_TOKEN, known(hash))

    async def drop_ended(self) -> None:
        """Forget tokens that ended."""
        await self._database.run(scripts.DROP_ENDED, seconds(now()))

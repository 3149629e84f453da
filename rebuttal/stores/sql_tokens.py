"""Tokens on SQL."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from rebuttal.errors import InvalidInput
from rebuttal.records import Token, TokenKind
from rebuttal.stores.sql_rows import TOKENS, token_of, token_row
from rebuttal.stores.sql_threads import SqlThreads
from rebuttal.stores.storable import is_storable, known


class SqlTokens(SqlThreads):
    """What a store does with tokens."""

    async def add_token(self, token: Token) -> None:
        row = token_row(token)

        def work(connection: sa.Connection) -> None:
            if token.kind == "session":
                earlier = TOKENS.c.owner == token.owner, TOKENS.c.kind == "session"
                connection.execute(sa.delete(TOKENS).where(*earlier))
            try:
                connection.execute(sa.insert(TOKENS), row)
            except IntegrityError:
                raise InvalidInput(
                    "this token is kept already, or the debate that it opens is not there"
                ) from None

        await self._write(work)

    async def get_token(self, hash: str) -> Token | None:
        query = sa.select(TOKENS).where(TOKENS.c.hash == known(hash))

        def work(connection: sa.Connection) -> Token | None:
            row = connection.execute(query).one_or_none()
            return None if row is None else token_of(row)

        return await self._read(work)

    async def tokens(self, owner: str | None, kind: TokenKind) -> tuple[Token, ...]:
        if not is_storable(owner):
            return ()
        query = sa.select(TOKENS).where(TOKENS.c.kind == kind).order_by(TOKENS.c.seq.desc())
        if owner is not None:
            query = query.where(TOKENS.c.owner == owner)
        return await self._read(lambda at: tuple(token_of(row) for row in at.execute(query)))

    async def drop_token(self, hash: str) -> None:
        query = sa.delete(TOKENS).where(TOKENS.c.hash == known(hash))
        await self._write(lambda connection: connection.execute(query))

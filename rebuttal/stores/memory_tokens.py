"""Tokens in the memory of this process."""

from __future__ import annotations

from rebuttal.errors import InvalidInput
from rebuttal.records import Token, TokenKind
from rebuttal.stores.storable import refuse_unstorable


class MemoryTokens:
    """What a store does with tokens."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}

    async def add_token(self, token: Token) -> None:
        refuse_unstorable(token)
        if token.hash in self._tokens:
            raise InvalidInput("this token is kept already")
        if token.kind == "session":
            for earlier in await self.tokens(token.owner, "session"):
                del self._tokens[earlier.hash]
        self._tokens[token.hash] = token

    async def get_token(self, hash: str) -> Token | None:
        return self._tokens.get(hash)

    async def tokens(self, owner: str | None, kind: TokenKind) -> tuple[Token, ...]:
        kept = reversed(self._tokens.values())
        return tuple(token for token in kept if token.kind == kind and owner in (None, token.owner))

    async def drop_token(self, hash: str) -> None:
        self._tokens.pop(hash, None)

    def all_tokens(self) -> list[Token]:
        """Everybody's."""
        return list(self._tokens.values())

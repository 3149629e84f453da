"""Tokens for programs: made, seen and revoked by people alone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import Field

from rebuttal.app import DebateApp
from rebuttal.records import Power, Token, Visitor
from rebuttal.tokens import LONGEST_NAME, MOST_DAYS, hash_of
from rebuttal.web.api.caller import person
from rebuttal.web.api.schemas import SEEN, Answer, Asked

Person = Annotated[Visitor, Depends(person)]
Hash = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="Of the token, as listed.")]


class Make(Asked):
    """A token to be; without ``days`` it works until it is revoked."""

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=SEEN)]
    powers: list[Power] = Field(default=["read", "debate"], min_length=1, max_length=3)
    days: Annotated[int, Field(ge=1, le=MOST_DAYS)] | None = None


class Listed(Answer):
    """A token that works, without its secret, which is known to nobody."""

    hash: str
    name: str
    powers: tuple[Power, ...]
    operator: bool
    """Whether it is that of whoever runs this Rebuttal."""
    created_at: datetime
    expires_at: datetime | None


class Made(Answer):
    """A new token. Its secret is told this once."""

    secret: str
    token: Listed


class TokenList(Answer):
    """Tokens that work, newest first."""

    items: tuple[Listed, ...]


def routes(app: DebateApp) -> APIRouter:
    """Below ``/tokens``."""
    router = APIRouter(tags=["tokens"])

    @router.post("/tokens", status_code=201, summary="Make a token")
    async def make(wish: Make, visitor: Person) -> Made:
        """For a program that shall do in your name what the powers say: `read` debates and models,
        `debate` (and change debates), look after `models`. Only people make tokens: on the page,
        in the terminal, or here with the page's cookie; with a token one cannot make another.
        """
        secret = await app.tokens.make(wish.name, wish.powers, wish.days, visitor=visitor)
        hash = hash_of(secret)
        (token,) = (one for one in await app.tokens.all(visitor=visitor) if one.hash == hash)
        return Made(secret=secret, token=_shown(token))

    @router.get("/tokens", summary="List tokens")
    async def there(visitor: Person) -> TokenList:
        """Yours that work; whoever runs this Rebuttal sees everybody's. For people alone."""
        return TokenList(items=tuple(map(_shown, await app.tokens.all(visitor=visitor))))

    @router.delete("/tokens/{hash}", status_code=204, summary="Revoke a token")
    async def revoke(hash: Hash, visitor: Person) -> None:
        """From now on it opens nothing, and what listens by it ends within seconds. For people
        alone.
        """
        await app.tokens.revoke(hash, visitor=visitor)

    return router


def _shown(token: Token) -> Listed:
    return Listed(**token.model_dump(include=set(Listed.model_fields)))

"""Tokens for programs: who comes with one is its owner, as far as its powers go."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta

from rebuttal.access import Access
from rebuttal.errors import Busy, InvalidInput, NotAllowed, NotFound
from rebuttal.records import OPERATOR, Clock, Power, Token, Visitor, now
from rebuttal.wish import checked_text

PREFIX = "rebuttal-"
"""How a secret of ours begins, so that scanners for leaked keys and readers of logs know it."""
MOST_TOKENS = 20
"""Of one owner, those that work at the same time."""
MOST_DAYS = 3650
LONGEST_NAME = 60
LONGEST_SECRET = 200


class Tokens:
    """Of a secret, 256 bits from the operating system, only the SHA-256 is kept.

    They are an affair of people: with a token one makes, sees and revokes none.
    """

    def __init__(self, access: Access, clock: Clock = now) -> None:
        self._access = access
        self._clock = clock
        self._making = asyncio.Lock()

    async def make(
        self,
        name: str,
        powers: Sequence[Power] = ("read", "debate"),
        days: int | None = None,
        *,
        visitor: Visitor = OPERATOR,
    ) -> str:
        """The secret of a new token of the visitor's, which is shown this once.

        It works for ``days``, for ever without. Its program is what the visitor is: the operator's
        sees every debate and is not limited, any other counts for the visitor's budgets. Raises
        InvalidInput, NotAllowed for a visitor who is a program, and Busy where there are enough.
        """
        _check_person(visitor)
        name = " ".join(checked_text(name, "name", LONGEST_NAME).split())
        if not powers:
            raise InvalidInput("A token without powers opens nothing.", "Give it one.")
        if days is not None and not 1 <= days <= MOST_DAYS:
            raise InvalidInput(f"A token works for 1 to {MOST_DAYS} days.")
        async with self._making:
            if len(await self._of(visitor.owner)) >= MOST_TOKENS:
                raise Busy(f"You have {MOST_TOKENS} tokens.", "Revoke one of them first.", 0)
            secret, moment = PREFIX + secrets.token_urlsafe(32), self._clock()
            token = Token(
                hash=hash_of(secret),
                kind="program",
                owner=visitor.owner,
                name=name,
                powers=tuple(dict.fromkeys(powers)),
                operator=visitor.operator,
                mark=visitor.mark,
                created_at=moment,
                expires_at=None if days is None else moment + timedelta(days=days),
            )
            await (await self._access.store()).add_token(token)
        return secret

    async def all(self, *, visitor: Visitor = OPERATOR) -> tuple[Token, ...]:
        """The visitor's that work, newest first; the operator sees everybody's.

        Raises NotAllowed for a program.
        """
        _check_person(visitor)
        return await self._of(None if visitor.operator else visitor.owner)

    async def revoke(self, hash: str, *, visitor: Visitor = OPERATOR) -> None:
        """From now on it opens nothing. Raises NotFound, also for a foreign one, and NotAllowed."""
        _check_person(visitor)
        store = await self._access.store()
        token = await store.get_token(hash)
        foreign = token and not visitor.operator and token.owner != visitor.owner
        if token is None or token.kind != "program" or foreign:
            raise NotFound("You have no such token.", "It may have been revoked already.")
        await store.drop_token(hash)

    async def visitor(self, secret: str, network: str = "") -> Visitor:
        """Who comes with this secret. Raises NotAllowed in the same words whatever is wrong."""
        token = await (await self._access.store()).get_token(hash_of(secret))
        if token is None or token.kind != "program" or self._is_over(token):
            raise ended()
        return Visitor(
            owner=token.owner,
            network=network,
            name=token.name,
            mark=token.mark,
            operator=token.operator,
            powers=token.powers,
        )

    async def _of(self, owner: str | None) -> tuple[Token, ...]:
        there = await (await self._access.store()).tokens(owner, "program")
        return tuple(token for token in there if not self._is_over(token))

    def _is_over(self, token: Token) -> bool:
        return token.expires_at is not None and token.expires_at <= self._clock()


def ended() -> NotAllowed:
    """What is said of every token that opens nothing, whatever the reason."""
    return NotAllowed(
        "This token does not work, or no longer does.",
        "Make another on the page or with: rebuttal token make NAME",
    )


def hash_of(secret: str) -> str:
    """By which the token of that secret is known."""
    return hashlib.sha256(secret[:LONGEST_SECRET].encode("utf-8", "replace")).hexdigest()


def _check_person(visitor: Visitor) -> None:
    if visitor.powers is not None or visitor.reads or not (visitor.owner or visitor.operator):
        raise NotAllowed("Tokens are an affair of people.", "Make and revoke them on the page.")

"""Secrets in addresses: read-only links to a debate, and a history that another browser opens."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from rebuttal.access import Access
from rebuttal.errors import Busy, InvalidInput, NotAllowed, NotFound
from rebuttal.line import next_debater
from rebuttal.records import OPERATOR, Clock, Debate, Token, Turn, Visitor, new_id, now
from rebuttal.stores.base import no_debate
from rebuttal.wish import whole_text

MOST_LINKS = 20
"""Links of one debate that work at the same time."""
MOST_DAYS = 3650
KNOWN_FOR = 2.0
"""Seconds for which a link that was found good is not looked up again."""
KNOWN = 1000
LONGEST_SECRET = 200
BROWSER = "c:"
"""How the owner of a debate begins who is known by a browser's cookie alone."""

GUEST = "guest"
"""Stands for an owner where a link was opened; nothing is ever theirs."""


class Links:
    """Links that let anybody read one debate, and addresses that are one's own history.

    Of a secret, 256 bits from the operating system, only the SHA-256 is kept: it is shown once. A
    deleted debate's links do not work.
    """

    def __init__(self, access: Access, clock: Clock = now) -> None:
        self._access = access
        self._clock = clock
        self._making = asyncio.Lock()
        self._known: dict[str, tuple[Visitor, float]] = {}

    # --- links ------------------------------------------------------------------------------------

    async def make(
        self, debate_id: str, days: int | None = None, *, visitor: Visitor = OPERATOR
    ) -> str:
        """The secret of a new link, for whose debate it is.

        Without ``days`` it works as long as the settings say, which is the most a visitor may ask
        for; 0 is for ever, and the operator's. Raises NotFound, InvalidInput, and Busy where the
        debate has enough links.
        """
        expires = self._end(days, visitor)
        debate = await self._own(debate_id, visitor)
        store = await self._access.store()
        async with self._making:
            if len(await self._of(debate)) >= MOST_LINKS:
                raise Busy(f"This debate has {MOST_LINKS} links.", "End one of them first.", 0)
            secret, moment = secrets.token_urlsafe(32), self._clock()
            await store.add_token(
                Token(
                    hash=_hash(secret),
                    kind="link",
                    owner=debate.owner,
                    debate_id=debate.id,
                    created_at=moment,
                    expires_at=None if expires is None else moment + expires,
                )
            )
        return secret

    async def of(self, debate_id: str, *, visitor: Visitor = OPERATOR) -> tuple[Token, ...]:
        """The debate's links that work, newest first, for whose debate it is. Raises NotFound."""
        return await self._of(await self._own(debate_id, visitor))

    async def all(self, *, visitor: Visitor = OPERATOR) -> tuple[Token, ...]:
        """The links to the visitor's own debates that have not expired, newest first."""
        there = await (await self._access.store()).tokens(visitor.owner, "link")
        return tuple(token for token in there if not self._is_over(token))

    async def revoke(self, hash: str, *, visitor: Visitor = OPERATOR) -> None:
        """End a link of one's own; who is reading by it is told within seconds.

        Raises NotFound, also for a foreign one.
        """
        store = await self._access.store()
        token = await store.get_token(hash)
        if token is None or token.kind != "link":
            raise _no_link()
        try:
            await self._own(token.debate_id or "", visitor)
        except NotFound:
            raise _no_link() from None
        await store.drop_token(hash)
        self._known.pop(hash, None)

    async def guest(self, secret: str) -> Visitor:
        """Who holds this secret: a visitor that reads one debate and may do nothing else.

        Raises NotFound in the same words, after the same work, for a secret that never was, has
        expired or was revoked, and for one of a deleted debate.
        """
        hash = _hash(secret)
        visitor, until = self._known.get(hash, (None, 0.0))
        if visitor and time.monotonic() < until:
            return visitor
        self._known.pop(hash, None)
        store = await self._access.store()
        token = await store.get_token(hash)
        works = token is not None and token.kind == "link" and not self._is_over(token)
        try:
            debate = await store.get_debate((works and token and token.debate_id) or "none")
        except NotFound:
            raise _no_link() from None
        guest = Visitor(owner=GUEST, reads=debate.id)
        while len(self._known) >= KNOWN:
            del self._known[next(iter(self._known))]
        self._known[hash] = guest, time.monotonic() + KNOWN_FOR
        return guest

    async def read(self, guest: Visitor) -> tuple[Debate, tuple[Turn, ...]]:
        """What a guest may see: the debate without what is its owner's own, and its main line.

        Its id, and those of debates it came from, are not told. Raises NotFound.
        """
        store = await self._access.store()
        debate = self._access.rights.debate(guest, await store.get_debate(guest.reads))
        anonymous = {"id": "shared", "forked_from": None, "rerun_of": None}
        return debate.model_copy(update=anonymous), await store.get_turns(guest.reads)

    async def fork(self, secret: str, *, visitor: Visitor = OPERATOR) -> str:
        """Copy what the link shows into the visitor's own history; the id of the copy.

        It holds the main line as it is now, with ids of its own, and counts for the visitor's
        budget as texts of theirs. Raises NotFound and BudgetSpent.
        """
        guest = await self.guest(secret)
        store = await self._access.store()
        source = await store.get_debate(guest.reads)
        debate, turns = taken_over(source, await store.get_turns(guest.reads), visitor.owner)
        async with self._access.charged(visitor, {debate.id: whole_text(debate, turns)}):
            await store.add_debates([(debate, turns)])
        return debate.id

    # --- sessions ---------------------------------------------------------------------------------

    async def session(self, *, visitor: Visitor) -> str:
        """The secret that opens the visitor's history in any browser; an earlier one is dead.

        Raises NotAllowed for whoever is known by more than a cookie.
        """
        if not visitor.owner.startswith(BROWSER) or visitor.reads:
            raise NotAllowed(
                "Your history does not hang on this browser.",
                "It is where you sign in, or at this machine.",
            )
        secret, store = secrets.token_urlsafe(32), await self._access.store()
        token = Token(
            hash=_hash(secret), kind="session", owner=visitor.owner, created_at=self._clock()
        )
        await store.add_token(token)
        return secret

    async def session_owner(self, secret: str) -> str | None:
        """Whose history that secret opens; None for none."""
        token = await (await self._access.store()).get_token(_hash(secret))
        if token is None or token.kind != "session" or self._is_over(token):
            return None
        return token.owner

    async def session_since(self, *, visitor: Visitor) -> datetime | None:
        """When the visitor's present address was made; None where there is none."""
        store = await self._access.store()
        there = await store.tokens(visitor.owner, "session")
        return there[0].created_at if there else None

    async def end_session(self, *, visitor: Visitor) -> None:
        """The visitor's address opens nothing from now on. Browsers that it opened stay."""
        store = await self._access.store()
        for token in await store.tokens(visitor.owner, "session"):
            await store.drop_token(token.hash)

    # --- inside -----------------------------------------------------------------------------------

    async def _own(self, debate_id: str, visitor: Visitor) -> Debate:
        debate = await (await self._access.store()).get_debate(debate_id)
        if not self._access.rights.owns(visitor, debate):
            raise no_debate(debate_id)
        return debate

    async def _of(self, debate: Debate) -> tuple[Token, ...]:
        there = await (await self._access.store()).tokens(debate.owner, "link")
        mine = (token for token in there if token.debate_id == debate.id)
        return tuple(token for token in mine if not self._is_over(token))

    def _is_over(self, token: Token) -> bool:
        return token.expires_at is not None and token.expires_at <= self._clock()

    def _end(self, days: int | None, visitor: Visitor) -> timedelta | None:
        """How long a link works; None for ever."""
        most = None if visitor.operator else self._access.settings.link_days
        if days is None:
            days = self._access.settings.link_days or 0
        if not 0 <= days <= MOST_DAYS or (most and not 1 <= days <= most):
            raise InvalidInput(f"A link works for 1 to {most or MOST_DAYS} days here.")
        return timedelta(days=days) if days else None


def taken_over(
    debate: Debate, turns: Sequence[Turn], owner: str
) -> tuple[Debate, tuple[Turn, ...]]:
    """A debate of ``owner`` that begins with these turns of that one, with ids of its own.

    Endpoints that wanted a key of its owner's want one of the new owner's.
    """
    ids = {turn.id: new_id() for turn in turns}
    said = tuple(
        turn.model_copy(
            update={
                "id": ids[turn.id],
                "parent_id": ids.get(turn.parent_id or ""),
                "edited_from": ids.get(turn.edited_from or ""),
            }
        )
        for turn in turns
    )
    own = {"id": new_id(), "owner": owner, "tip": said[-1].id, "created_at": now()}
    of_old = {"title": None, "pinned": False, "rerun_of": None, "imported_at": None}
    copy = debate.model_copy(update={**own, **of_old, "forked_from": debate.id})
    return copy.model_copy(update={"finished": next_debater(copy, said) is None}), said


def _hash(secret: str) -> str:
    return hashlib.sha256(secret[:LONGEST_SECRET].encode("utf-8", "replace")).hexdigest()


def _no_link() -> NotFound:
    return NotFound(
        "This link does not work, or no longer does.", "Ask whoever gave it to you for another."
    )

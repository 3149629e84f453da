"""Who asks: the operator, a browser with our signed cookie, or somebody who has signed in."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from rebuttal.errors import InvalidInput
from rebuttal.records import OPERATOR, Record, Visitor
from rebuttal.settings import Settings
from rebuttal.users import Users
from rebuttal.web.cookie import Browsers, Cookie, Random, Scope, Sealed, random_id
from rebuttal.web.secret import load_secret
from rebuttal.web.signed_out import SignedOut
from rebuttal.web.tokens import Tokens

LIFE = 365 * 24 * 3600
"""Seconds that a browser keeps the cookie, and that it counts."""
RENEWED_AFTER = 30 * 24 * 3600
"""Seconds after which opening the page gives it another year."""
SESSION_LIFE = 30 * 24 * 3600
"""Seconds after which one has to sign in again."""

HUGGING_FACE = "Hugging Face"
"""The endpoint for which a visitor's token is a key."""

SignInKind = Literal["password", "hugging_face"]

Owner = Annotated[str, Field(min_length=3, max_length=100)]


class Session(Record):
    """Somebody has signed in. Of a user, ``mark`` changes with the password."""

    owner: Owner
    id: Random
    since: int
    mark: Annotated[str, Field(max_length=64)] = ""
    name: Annotated[str, Field(min_length=1, max_length=90)]
    """What to call them; several owners may have had it."""


class Ticket(Sealed):
    """What the cookie says: whose browser it is, and perhaps who has signed in there."""

    id: Random
    session: Session | None = None
    known: Owner | None = None
    """Who signed in here last. Guesses at the name from elsewhere do not lock this browser out."""


@dataclass(frozen=True)
class Identity:
    """Who asks; ``visitor`` is None for nobody we know, who may only open the page or sign in.

    ``set_cookie`` is the value of a header that the answer must carry. ``keys`` are the visitor's
    own, by endpoint: in memory, and for nobody else.
    """

    visitor: Visitor | None
    set_cookie: bytes | None = None
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)


class Visitors:
    """Tells visitors apart, as the settings say; without strangers everybody is the operator.

    Raises InvalidInput for a file of users that lets nobody in, StoreError where no secret can be
    kept.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self.tokens = Tokens(clock)
        self.users = _users(settings)
        self.sign_in = _sign_in(settings, environment)
        self._signed_out = SignedOut(settings.data / "signed-out", clock)
        self.browsers: Browsers | None = None
        if settings.profile != "local" or settings.auth:
            self.browsers = Browsers(settings, load_secret(settings), environment, clock)
            self._cookie = Cookie(Ticket, self.browsers, LIFE)

    @property
    def must_sign_in(self) -> bool:
        """Whether a page open by somebody unknown leads to the sign-in page."""
        return self.sign_in == "password"

    def identify(self, scope: Scope, network: str) -> Identity:
        """Who makes this request from ``network``.

        Only opening the page (``GET /``) gives a new browser its cookie: whatever else comes
        without one is nobody's.
        """
        if self.browsers is None:
            return Identity(OPERATOR)
        opens = opens_the_page(scope)
        ticket = self._cookie.read(scope)
        session = self._valid(ticket.session) if ticket else None
        if session is None and (self.must_sign_in or not (ticket or opens)):
            return Identity(None)
        held = ticket or self._new_ticket()
        age = self.browsers.now() - held.issued
        gives = opens and (ticket is None or age > RENEWED_AFTER)
        owner, name = (session.owner, session.name) if session else (f"c:{held.id}", "")
        return Identity(
            Visitor(owner=owner, network=network, name=name, mark=session.mark if session else ""),
            self._header(held, scope) if gives else None,
            self._keys(session),
        )

    def admits(self, visitor: Visitor) -> bool:
        """Whether somebody of whom a token speaks may come in here still.

        A user who was removed, or has another password since, may not; where one has to sign in,
        nobody may whom only a cookie knew.
        """
        if visitor.operator or self.users is None:
            return True
        kind, _, name = visitor.owner.partition(":")
        return kind == "u" and self.users.mark(name) == visitor.mark

    def ticket(self, scope: Scope) -> Ticket | None:
        """What the request's cookie says, if there is one that holds."""
        return self._cookie.read(scope) if self.browsers else None

    def session(self, scope: Scope) -> Session | None:
        """Who has signed in where this request comes from."""
        ticket = self.ticket(scope)
        return self._valid(ticket.session) if ticket else None

    def begin(self, scope: Scope, owner: str, name: str, mark: str = "") -> tuple[Session, bytes]:
        """A new session of ``owner`` in this browser, and the header that begins it there."""
        ticket = self.ticket(scope) or self._new_ticket()
        session = Session(owner=owner, name=name, id=random_id(), since=self._now(), mark=mark)
        said = ticket.model_copy(update={"session": session, "known": owner})
        return session, self._header(said, scope)

    def welcome(self, scope: Scope) -> bytes:
        """The header that gives a new browser its cookie."""
        return self._header(self._new_ticket(), scope)

    def bind(self, scope: Scope, owner: str) -> bytes:
        """The header that makes this browser one of ``owner``, who is known by cookies alone."""
        known = ticket.known if (ticket := self.ticket(scope)) else None
        ticket = Ticket(id=owner.removeprefix("c:"), known=known, issued=self._now())
        return self._header(ticket, scope)

    def end(self, scope: Scope) -> bytes:
        """End the session for good, wherever its cookie was copied to. Raises OSError."""
        ticket = self.ticket(scope) or self._new_ticket()
        if ticket.session:
            self.tokens.drop(ticket.session.id)
            if session := self._valid(ticket.session):
                until = session.since + SESSION_LIFE
                self._signed_out.add(session.id, session.owner, until)
        return self._header(ticket.model_copy(update={"session": None}), scope)

    def _valid(self, session: Session | None) -> Session | None:
        """The session, if it has not ended: by time, by signing out, by another password."""
        if session is None or self._now() - session.since > SESSION_LIFE:
            return None
        if self.sign_in == "hugging_face":
            return session if self.tokens.get(session.id) else None
        kind, _, name = session.owner.partition(":")
        if self.users is None or kind != "u" or self.users.mark(name) != session.mark:
            return None
        return None if session.id in self._signed_out else session

    def _keys(self, session: Session | None) -> dict[str, str]:
        token = self.tokens.get(session.id) if session and self.settings.own_keys else None
        return {HUGGING_FACE: token} if token else {}

    def _new_ticket(self) -> Ticket:
        return Ticket(id=random_id(), issued=self._now())

    def _header(self, ticket: Ticket, scope: Scope) -> bytes:
        return self._cookie.header(ticket.model_copy(update={"issued": self._now()}), scope)

    def _now(self) -> int:
        assert self.browsers is not None
        return self.browsers.now()


def _users(settings: Settings) -> Users | None:
    if settings.auth is None:
        return None
    users = Users(settings.auth)
    if not users.names():
        raise InvalidInput(
            f"The file of users {settings.auth.name!r} is empty: nobody could sign in.",
            f"Add somebody: rebuttal user add NAME --auth {settings.auth.name}",
        )
    return users


def _sign_in(settings: Settings, environment: Mapping[str, str]) -> SignInKind | None:
    if settings.auth:
        return "password"
    needed = ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OPENID_PROVIDER_URL")
    if settings.profile != "local" and all(environment.get(name) for name in needed):
        return "hugging_face"
    return None


def opens_the_page(scope: Scope) -> bool:
    """Whether a browser asks for the page in order to show it."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/":
        return False
    # A browser says whether it shows the page; a picture's address on another site does not.
    modes = [value for name, value in scope["headers"] if name == b"sec-fetch-mode"]
    return modes in ([], [b"navigate"])

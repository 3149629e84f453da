"""Who asks: the operator, a browser with our signed cookie, or somebody who has signed in."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rebuttal.records import OPERATOR, Visitor
from rebuttal.settings import Settings
from rebuttal.web.cookie import Cookie, Scope, Ticket, random_id
from rebuttal.web.secret import load_secret

RENEWED_AFTER = 30 * 24 * 3600
"""Seconds after which a page open gives the cookie another year."""


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
    """Tells visitors apart, as the settings say; without strangers everybody is the operator."""

    def __init__(
        self,
        settings: Settings,
        *,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._cookie: Cookie | None = None
        if settings.profile != "local" or settings.auth:
            self._cookie = Cookie(settings, load_secret(settings), environment, clock)

    @property
    def must_sign_in(self) -> bool:
        """Whether a page open by somebody unknown leads to the sign-in page."""
        return self.settings.auth is not None

    def identify(self, scope: Scope, network: str) -> Identity:
        """Who makes this request from ``network``.

        Only opening the page (``GET /``) gives a new browser its cookie: whatever else comes
        without one is nobody's.
        """
        if self._cookie is None:
            return Identity(OPERATOR)
        ticket = self._cookie.read(scope)
        opens = _opens_the_page(scope)
        if self.must_sign_in:
            return Identity(None)
        if ticket is None and not opens:
            return Identity(None)
        now = self._cookie.now()
        held = ticket or Ticket(id=random_id(), issued=now)
        is_old = ticket is None or now - ticket.issued > RENEWED_AFTER
        renewed = held.model_copy(update={"issued": now})
        header = self._cookie.header(renewed, scope) if opens and is_old else None
        return Identity(Visitor(owner=f"c:{held.id}", network=network), header)


def _opens_the_page(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/":
        return False
    # A browser says whether it shows the page; a picture's address on another site does not.
    modes = [value for name, value in scope["headers"] if name == b"sec-fetch-mode"]
    return modes in ([], [b"navigate"])

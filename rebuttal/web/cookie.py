"""The signed cookie of a visitor's browser: what it carries, and how it is sealed and read."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

from itsdangerous import BadData, URLSafeSerializer
from pydantic import Field, ValidationError

from rebuttal.records import Record
from rebuttal.settings import Settings

Scope = Mapping[str, Any]
"""What ASGI says of a request."""

LIFE = 365 * 24 * 3600
"""Seconds that a browser keeps it, and that it counts."""
HEADER_BYTES = 8192
VALUE_BYTES = 1024
VALUES = 4
"""Caps on what is looked at; a browser sends one value of ours, after a change of kind two."""

Random = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22}$")]


def random_id() -> str:
    """128 bits that nobody guesses."""
    return secrets.token_urlsafe(16)


class Session(Record):
    """Somebody has signed in. ``mark`` must still be what ``owner`` is known by."""

    owner: Annotated[str, Field(min_length=3, max_length=100)]
    id: Random
    since: int
    mark: Annotated[str, Field(max_length=64)] = ""


class Ticket(Record):
    """What the cookie says: whose browser it is, and perhaps who has signed in there."""

    id: Random
    issued: int
    session: Session | None = None
    known: Annotated[str, Field(max_length=100)] = ""
    """Who signed in here last. Guesses at the name from elsewhere do not lock this browser out."""


class Cookie:
    """Seals tickets and finds them in requests. Of one key and profile; others see nothing in it.

    ``framed``: pages of other sites may show ours in a frame, so the cookie must come along there.
    ``space_hosts``: names behind which everything is https, whatever this process sees.
    """

    def __init__(
        self,
        settings: Settings,
        secret: str,
        environment: Mapping[str, str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._framed = bool(settings.framed_by) or "SPACE_ID" in environment
        hosts = environment.get("SPACE_HOST", "").split(",")
        self._https_hosts = {host.strip().casefold().encode() for host in hosts if host.strip()}
        purpose = f"rebuttal {settings.profile} visitor"
        self._serializer = URLSafeSerializer(
            secret,
            salt=purpose,
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )
        # Ports share cookies: two Rebuttals on one machine must not overwrite each other's.
        self._name = f"rebuttal-{hashlib.sha256(f'{purpose} {secret}'.encode()).hexdigest()[:8]}"

    def now(self) -> int:
        """Seconds, as tickets are dated."""
        return int(self._clock())

    def read(self, scope: Scope) -> Ticket | None:
        """The ticket of a request; None for none, and for one that is forged, altered or old."""
        for value in self._values(scope):
            try:
                ticket = Ticket.model_validate(self._serializer.loads(value))
            except (BadData, ValidationError):
                continue
            if self.now() - ticket.issued < LIFE:
                return ticket
        return None

    def header(self, ticket: Ticket, scope: Scope) -> bytes:
        """The value of a Set-Cookie header that leaves the ticket in the browser."""
        value = self._serializer.dumps(ticket.model_dump(exclude_defaults=True))
        return self.field(self.name(scope), value, LIFE, scope)

    def field(self, name: str, value: str, seconds: int, scope: Scope) -> bytes:
        """A Set-Cookie value of that name with our attributes."""
        parts = [f"{name}={value}", "Path=/", f"Max-Age={seconds}", "HttpOnly"]
        if not self.is_https(scope):
            parts.append("SameSite=Lax")
        elif self._framed:
            parts += ["SameSite=None", "Secure", "Partitioned"]
        else:
            parts += ["SameSite=Lax", "Secure"]
        return "; ".join(parts).encode("ascii")

    def name(self, scope: Scope) -> str:
        """The prefix keeps other hosts and plain http from setting it, where browsers allow."""
        return f"__Host-{self._name}" if self.is_https(scope) else self._name

    def is_https(self, scope: Scope) -> bool:
        """Whether the browser came by https."""
        if scope.get("scheme") in ("https", "wss"):
            return True
        return any(k == b"host" and v.lower() in self._https_hosts for k, v in scope["headers"])

    def _values(self, scope: Scope) -> list[str]:
        name = self.name(scope)
        values = [value for key, value in cookies(scope) if key == name]
        return [value for value in values if len(value) <= VALUE_BYTES][:VALUES]


def cookies(scope: Scope) -> Iterator[tuple[str, str]]:
    """Names and values of a request's cookies; none where there is more than a browser sends."""
    lines = [value for name, value in scope["headers"] if name == b"cookie"]
    if sum(map(len, lines)) > HEADER_BYTES:
        return
    for pair in b";".join(lines).split(b";"):
        name, equals, value = pair.partition(b"=")
        if equals:
            yield name.strip().decode("latin-1"), value.strip().decode("latin-1")

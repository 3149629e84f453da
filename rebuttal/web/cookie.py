"""A signed cookie: how a record is sealed into one, and read from requests again."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Generic, TypeVar

from itsdangerous import BadData, URLSafeSerializer
from pydantic import Field, ValidationError

from rebuttal.records import Record
from rebuttal.settings import Settings

Scope = Mapping[str, Any]
"""What ASGI says of a request."""

HEADER_BYTES = 8192
VALUE_BYTES = 2048
VALUES = 4
"""Caps on what is looked at; a browser sends one value of ours, after a change of kind two."""

Random = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22}$")]


def random_id() -> str:
    """128 bits that nobody guesses."""
    return secrets.token_urlsafe(16)


class Sealed(Record):
    """What a cookie may carry. ``issued`` are seconds since 1970."""

    issued: int


T = TypeVar("T", bound=Sealed)


class Browsers:
    """What every cookie of ours must know: the key, the profile, and how browsers reach us.

    Of another key or profile a cookie is nothing. On a Space our page lies in a frame of another
    site, and https ends before us, at the names in SPACE_HOST.
    """

    def __init__(
        self,
        settings: Settings,
        secret: str,
        environment: Mapping[str, str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.key = f"{settings.profile} {secret}"
        self._clock = clock
        self._framed = bool(settings.framed_by) or "SPACE_ID" in environment
        self._https_hosts = frozenset(space_hosts(environment))

    def now(self) -> int:
        """Seconds since 1970."""
        return int(self._clock())

    def is_https(self, scope: Scope) -> bool:
        """Whether the browser came by https."""
        return scope.get("scheme") in ("https", "wss") or host(scope) in self._https_hosts

    def attributes(self, scope: Scope) -> list[str]:
        """Hidden from scripts, and from other sites except where those may show us."""
        kept = ["Path=/", "HttpOnly"]
        if not self.is_https(scope):
            return [*kept, "SameSite=Lax"]
        if self._framed:
            return [*kept, "SameSite=None", "Secure", "Partitioned"]
        return [*kept, "SameSite=Lax", "Secure"]


class Cookie(Generic[T]):
    """Seals records of one kind for ``life`` seconds, and finds them in requests."""

    def __init__(self, kind: type[T], browsers: Browsers, life: int) -> None:
        self._kind = kind
        self._browsers = browsers
        self._life = life
        self._serializer = URLSafeSerializer(
            browsers.key,
            salt=f"rebuttal {kind.__name__}",
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )
        # Ports share cookies: two Rebuttals on one machine must not overwrite each other's.
        mark = hashlib.sha256(f"{kind.__name__} {browsers.key}".encode()).hexdigest()[:8]
        self._name = f"rebuttal-{mark}"

    def read(self, scope: Scope) -> T | None:
        """The record of a request; None for none, and for one that is forged, altered or old."""
        for value in self._values(scope):
            try:
                record = self._kind.model_validate(self._serializer.loads(value))
            except (BadData, ValidationError):
                continue
            if self._browsers.now() - record.issued < self._life:
                return record
        return None

    def header(self, record: T, scope: Scope) -> bytes:
        """The value of a Set-Cookie header that leaves the record in the browser."""
        value = self._serializer.dumps(record.model_dump(exclude_defaults=True))
        return self._field(str(value), self._life, scope)

    def removal(self, scope: Scope) -> bytes:
        """The value of a Set-Cookie header that takes it away."""
        return self._field("", 0, scope)

    def _field(self, value: str, seconds: int, scope: Scope) -> bytes:
        kept = f"{self._named(scope)}={value}; Max-Age={seconds}"
        return "; ".join([kept, *self._browsers.attributes(scope)]).encode("ascii")

    def _named(self, scope: Scope) -> str:
        # The prefix keeps other hosts and plain http from setting it.
        return f"__Host-{self._name}" if self._browsers.is_https(scope) else self._name

    def _values(self, scope: Scope) -> list[str]:
        name = self._named(scope)
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


def host(scope: Scope) -> str:
    """The Host that was asked for, in small letters; empty for none."""
    asked = [value for name, value in scope["headers"] if name == b"host"]
    return str(asked[0].decode("latin-1").casefold()) if asked else ""


def space_hosts(environment: Mapping[str, str]) -> list[str]:
    """The names of a Space, its own first; empty elsewhere."""
    hosts = environment.get("SPACE_HOST", "").split(",")
    return [name.strip().casefold() for name in hosts if name.strip()]

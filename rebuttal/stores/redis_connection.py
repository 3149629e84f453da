"""A way to a Redis server, and its complaints in words a person can act on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from rebuttal.errors import InvalidInput, StoreError

if TYPE_CHECKING:
    from redis.asyncio import Redis

WITHIN = 2.0
"""Seconds within which a server must answer; then it counts as away."""
CONNECTIONS = 32
"""At once, to one server."""
SCHEMES = ("redis://", "rediss://")
RESTARTED = "was started anew"
"""What a connection fails with that finds another server than the one before."""

Greet = Callable[[Any], Awaitable[None]]

_FORM = "Write it as redis://USER:PASSWORD@HOST:PORT/NUMBER, or rediss:// where the server has TLS."


class RedisAway(StoreError):
    """It does not answer, or takes nothing now; waiting may help. ``reason`` follows "Redis"."""

    def __init__(self, reason: str, name: str = "Redis", hint: str = "Is it running?") -> None:
        super().__init__(f"{name} {reason}.", hint)
        self.reason = reason


class RedisAddress:
    """``name`` may be shown: it holds no password. Raises InvalidInput for what is no address."""

    def __init__(self, address: str) -> None:
        try:
            parts = urlsplit(address)
            self.port = parts.port or 6379
            self.database = int(parts.path.strip("/") or "0")
        except ValueError:
            raise _no_address() from None
        if f"{parts.scheme}://" not in SCHEMES or not parts.hostname or _has_more(parts):
            raise _no_address()
        self.host = parts.hostname
        self.secure = parts.scheme == "rediss"
        self.user = unquote(parts.username) if parts.username else None
        self.password = unquote(parts.password) if parts.password else None
        self.name = f"Redis at {self.host}"

    def connect(self, within: float = WITHIN, greet: Greet | None = None) -> Redis:
        """A pool of connections, none of which is open yet. Speaks text.

        Every new connection is given to ``greet``, once it is signed in. Raises InvalidInput where
        the package is missing.
        """
        try:
            from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
            from redis.exceptions import ConnectionError as Lost
        except ImportError:
            raise InvalidInput(
                "A redis:// address is set, and the package for Redis is not installed.",
                "Install it with: pip install 'redis>=8,<9'",
            ) from None
        pool = BlockingConnectionPool(
            max_connections=CONNECTIONS,
            timeout=None,
            connection_class=SSLConnection if self.secure else Connection,
            host=self.host,
            port=self.port,
            db=self.database,
            username=self.user,
            password=self.password,
            decode_responses=True,
            socket_timeout=within,
            socket_connect_timeout=within,
            redis_connect_func=greet and _signing_in(greet),
            # A pooled connection may have died while nobody used it. Silence is not tried twice.
            retry=Retry(NoBackoff(), 1, (Lost,)),
        )
        return Redis.from_pool(pool)


def _signing_in(greet: Greet) -> Greet:
    async def sign_in(connection: Any) -> None:
        await connection.on_connect()
        await greet(connection)

    return sign_in


@asynccontextmanager
async def spoken(name: str) -> AsyncIterator[None]:
    """Turns what the client raises into RedisAway, or StoreError where waiting does not help."""
    from redis.exceptions import RedisError

    try:
        yield
    except (RedisError, OSError) as exc:  # TimeoutError is an OSError
        raise _translated(exc, name) from exc


def _no_address() -> InvalidInput:
    return InvalidInput("the address of Redis cannot be read", _FORM)


def _has_more(parts: SplitResult) -> bool:
    return bool(parts.query or parts.fragment)


_AWAY = {  # by the first word of what the server says
    "OOM": ("has no memory left", "Give it more, or let it keep less."),
    "READONLY": ("is read-only", "Use the address of the primary, not of a replica."),
    "MISCONF": ("cannot write to its disk", "Look after its disk."),
    "LOADING": ("is still reading what it keeps", "Wait until it is done."),
    "BUSY": ("is kept busy by a script", "Wait until it is done, or end it with SCRIPT KILL."),
    "MASTERDOWN": ("is cut off from its primary", "Start the primary."),
    "NOREPLICAS": ("has too few replicas", "Start its replicas."),
}
_REFUSED = ("refuses the user or the password", "Check both in the address, and its ACL.")
_CLUSTER = ("is a cluster", "Use the address of a single server.")
_REFUSALS = {"NOPERM": _REFUSED, "MOVED": _CLUSTER, "CROSSSLOT": _CLUSTER}


def _translated(exc: Exception, name: str) -> StoreError:
    from redis import exceptions as theirs

    word = _first_word(exc)
    if word in _AWAY:
        return RedisAway(_AWAY[word][0], name, _AWAY[word][1])
    if isinstance(exc, theirs.AuthenticationError):
        message, hint = _REFUSED
    elif word in _REFUSALS:
        message, hint = _REFUSALS[word]
    elif isinstance(exc, theirs.ConnectionError | theirs.TimeoutError | OSError):
        return RedisAway(RESTARTED if RESTARTED in str(exc) else "does not answer", name)
    elif "DB index" in str(exc):
        message, hint = "has no database of that number", "Check the end of the address."
    else:
        message, hint = f"answers with {type(exc).__name__}", "Please report this as a bug."
    return StoreError(f"{name} {message}.", hint)


def _first_word(exc: Exception) -> str:
    """What the server's answer began with; the client cuts off words that it knows."""
    known = getattr(exc, "status_code", None)
    return known or str(exc).partition(" ")[0]

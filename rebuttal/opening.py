"""Where debates are kept and what carries them between processes, as the settings say."""

from __future__ import annotations

from rebuttal.bus import Alone, Bus
from rebuttal.errors import StoreError
from rebuttal.settings import Settings
from rebuttal.stores.base import DebateStore

_REDIS = ("redis://", "rediss://")


def keeps_elsewhere(settings: Settings) -> bool:
    """Whether the store may go away and come back while debates go on."""
    return (settings.database or "").startswith(_REDIS)


def open_bus(settings: Settings) -> Bus:
    """What carries debates between processes: Redis, or nothing where there is one process."""
    address = settings.redis
    if address is None and keeps_elsewhere(settings):
        address = settings.database
    if address is None:
        return Alone()
    from rebuttal.stores.redis_bus import RedisBus

    return RedisBus.open(address)


def open_store(settings: Settings) -> DebateStore:
    """The store of the settings; blocks meanwhile. Raises StoreError or InvalidInput."""
    if settings.database and keeps_elsewhere(settings):
        from rebuttal.stores.fallback_store import FallbackStore

        hours, turns = settings.redis_keep_hours, settings.redis_keep_turns
        return FallbackStore.open(settings.database, hours, turns)

    from rebuttal.stores.sql import SqlStore  # costs a third of a second: not before the page is up

    if settings.database:
        return SqlStore.open(settings.database)
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreError(
            f"The data folder {settings.data.name!r} cannot be made: {exc.strerror}.",
            "Choose another with --data FOLDER or REBUTTAL_DATA.",
        ) from exc
    return SqlStore.open(f"sqlite:///{settings.debates_file}")

"""The secret that signs cookies: as set, else a random one that stays in the data folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from filelock import FileLock

from rebuttal.errors import StoreError
from rebuttal.settings import Settings

MIN_LENGTH = 32


def load_secret(settings: Settings) -> str:
    """The same text at every start, also when several start at once. Raises StoreError."""
    if settings.secret:
        return settings.secret
    file = settings.data / "secret"
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock", timeout=10):
            if not file.exists():
                _write_whole(file, secrets.token_urlsafe(32))
            secret = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "not a text"
        raise StoreError(
            f"The file 'secret' in the data folder cannot be used: {reason}.",
            "Let this user write there, or set REBUTTAL_SECRET.",
        ) from exc
    if len(secret) < MIN_LENGTH:
        raise StoreError(
            "The file 'secret' in the data folder is too short to sign with.",
            "Delete it: a new one is made, and visitors lose sight of their debates.",
        )
    return secret


def _write_whole(file: Path, text: str) -> None:
    """A crash leaves no half a file, and nobody else ever reads it."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)

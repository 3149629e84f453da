"""The secret that signs cookies: as set, else a random one that stays in the data folder."""

from __future__ import annotations

import secrets

from rebuttal.errors import StoreError
from rebuttal.private_file import only_writer, write_private
from rebuttal.settings import Settings

MIN_LENGTH = 32


def load_secret(settings: Settings) -> str:
    """The same text at every start, also when several start at once. Raises StoreError."""
    if settings.secret:
        return settings.secret
    file = settings.data / "secret"
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        with only_writer(file):
            if not file.exists():
                write_private(file, secrets.token_urlsafe(32))
            secret = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as exc:
        reason = (exc.strerror or "no answer") if isinstance(exc, OSError) else "not a text"
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

"""The file of users who may sign in: a line ``name:hash`` each, the hash by Argon2."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from rebuttal.errors import InvalidInput, NotFound
from rebuttal.private_file import only_writer, write_private

MIN_PASSWORD = 8
MAX_PASSWORD = 500
NAME = re.compile(r"[\w.@+-]{1,40}")

HASHER = PasswordHasher(time_cost=3, memory_cost=19 * 1024, parallelism=1)
"""One check costs 19 MiB and a few hundredths of a second: a little over OWASP's least."""


class Users:
    """Names and passwords of one file, read again when it has changed."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._seen: object = None
        self._hashes: dict[str, str] = {}
        self._nobody = _nobodys_hash()

    def names(self) -> list[str]:
        """In the order of the file. Raises InvalidInput for a file that cannot be read."""
        return [*self._read()]

    def mark(self, name: str) -> str | None:
        """A text that changes with the password; None for no such user."""
        found = self._known().get(name)
        return hashlib.sha256(found.encode()).hexdigest()[:16] if found else None

    def check(self, name: str, password: str) -> bool:
        """Whether the password is that of ``name``; for an unknown name it takes as long.

        It blocks and takes memory: call it in a thread, and not often at once. A hash made with
        other costs than today's is made anew, where the file can be written.
        """
        kept = self._known().get(name)
        try:
            HASHER.verify(kept or self._nobody, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False
        if kept is None:
            return False
        if HASHER.check_needs_rehash(kept):
            fresh = HASHER.hash(_bytes(password))
            with suppress(InvalidInput):
                self._change(lambda now: now | {name: fresh} if now.get(name) == kept else now)
        return True

    def put(self, name: str, password: str) -> bool:
        """Add a user, or change the password of one. Whether it is a new one.

        Raises InvalidInput.
        """
        name = unicodedata.normalize("NFC", name)
        if not NAME.fullmatch(name):
            raise InvalidInput(
                f"{name!r} is no name for a user.",
                "Take up to 40 letters, digits and the signs . _ - + @",
            )
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise InvalidInput(
                f"The password has {len(password)} characters.",
                f"Take {MIN_PASSWORD} to {MAX_PASSWORD}; a sentence is easy to remember.",
            )
        fresh = HASHER.hash(_bytes(password))
        before = self._change(lambda now: now | {name: fresh})
        return name not in before

    def remove(self, name: str) -> None:
        """Raises NotFound, and InvalidInput for a file that cannot be written."""
        before = self._change(lambda now: {k: v for k, v in now.items() if k != name})
        if name not in before:
            raise NotFound(f"There is no user {name!r}.", "Say who is there: rebuttal user list")

    def _known(self) -> dict[str, str]:
        """Nobody, where the file is away or damaged: then nobody gets in."""
        try:
            return self._read()
        except InvalidInput:
            return {}

    def _read(self) -> dict[str, str]:
        try:
            state = self.file.stat()
            seen = (state.st_mtime_ns, state.st_size, state.st_ino)
            if seen != self._seen:
                self._hashes = self._parsed(self.file.read_text("utf-8"))
                self._seen = seen
        except (OSError, UnicodeDecodeError) as exc:
            raise self._unusable(exc) from None
        return self._hashes

    def _change(self, change: Callable[[dict[str, str]], dict[str, str]]) -> dict[str, str]:
        """Write what ``change`` makes of the users; those that were there come back."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with only_writer(self.file):
                before = self._read() if self.file.exists() else {}
                after = change(before)
                if after != before:
                    lines = [f"{name}:{kept}\n" for name, kept in after.items()]
                    write_private(self.file, "".join(lines))
        except OSError as exc:
            raise self._unusable(exc) from None
        return before

    def _parsed(self, text: str) -> dict[str, str]:
        users = {}
        for number, line in enumerate(text.splitlines(), start=1):
            name, colon, kept = line.strip().partition(":")
            if not colon and not name:
                continue
            if not NAME.fullmatch(name) or not kept.startswith("$argon2"):
                raise InvalidInput(
                    f"{self.file.name}, line {number}: not a name and a hash.",
                    "Remove the line and make it anew: rebuttal user add NAME",
                )
            users[name] = kept
        return users

    def _unusable(self, exc: OSError | UnicodeDecodeError) -> InvalidInput:
        reason = (exc.strerror or "no answer") if isinstance(exc, OSError) else "not UTF-8 text"
        return InvalidInput(
            f"The file of users {self.file.name!r} cannot be used: {reason}.",
            "Make it with: rebuttal user add NAME --auth FILE",
        )


@cache
def _nobodys_hash() -> str:
    """What the password of an unknown name is compared with, so that it takes as long."""
    return HASHER.hash(secrets.token_urlsafe())


def _bytes(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")

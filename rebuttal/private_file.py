"""A small file that only its owner reads: written whole or not at all, by one process at a time."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

LOCK_WITHIN = 10.0


@contextmanager
def only_writer(file: Path) -> Iterator[None]:
    """Keeps other processes that ask the same from changing the file meanwhile. Raises OSError."""
    with FileLock(f"{file}.lock", timeout=LOCK_WITHIN):
        yield


def write_private(file: Path, text: str) -> None:
    """Put ``text`` in place of the file's content; a crash leaves the old one. Raises OSError.

    A new file is its owner's alone; one that is there keeps its mode and owner.
    """
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    with suppress(FileNotFoundError):
        _keep_owner(file, draft)
    draft.replace(file)


def _keep_owner(file: Path, draft: Path) -> None:
    before = file.stat()
    if hasattr(os, "chown") and os.geteuid() == 0:
        os.chown(draft, before.st_uid, before.st_gid)
    draft.chmod(stat.S_IMODE(before.st_mode))

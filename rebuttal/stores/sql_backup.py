"""A copy of an SQLite file that is in use, and the way back."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from rebuttal.errors import InvalidInput, StoreError
from rebuttal.stores.sql_database import SCHEMA
from rebuttal.stores.sql_errors import store_error

PART = ".part"
"""Ends the name of a copy that is not whole yet."""
BEFORE = ".before"
"""Ends the name of what a restore has put aside."""
WAIT = 10
"""Seconds to wait for a writer."""


def back_up(database: Path, copy: Path) -> None:
    """Copy the database to the new file ``copy`` as it is at this moment; others go on writing.

    The file is for this user alone. Raises InvalidInput where it is there already, StoreError.
    """
    if copy.exists():
        raise InvalidInput(f"{copy.name!r} is there already.", "Name another file.")
    if not database.exists():
        raise StoreError(f"There is no {database.name} yet.", "Nothing has been kept so far.")
    part = copy.with_name(copy.name + PART)
    try:
        _copy(database, part)
        os.replace(part, copy)
    except OSError as exc:
        raise _unwritable(copy, exc) from exc
    finally:
        part.unlink(missing_ok=True)


def restore(backup: Path, database: Path) -> tuple[int, str]:
    """Put the backup in the place of the database: how many debates it holds.

    What was there is kept beside it, in a file whose name comes back too. Whoever has the database
    open works on what was there before, and has to be started again. Raises InvalidInput for a
    file that is no backup, StoreError; then nothing has changed.
    """
    count = _check(backup)
    part, before = (database.with_name(database.name + end) for end in (PART, BEFORE))
    was_there = database.exists()
    try:
        database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _copy(backup, part, "ro")
        if was_there:
            _put_aside(database, before)
        os.replace(part, database)
    except OSError as exc:
        raise _unwritable(database, exc) from exc
    finally:
        part.unlink(missing_ok=True)
    return count, before.name if was_there else ""


def _put_aside(database: Path, before: Path) -> None:
    """Whole and in one file: its log belongs to it and to nothing that comes in its place."""
    before.unlink(missing_ok=True)
    _copy(database, before)
    for end in ("-wal", "-shm"):
        database.with_name(database.name + end).unlink(missing_ok=True)


def _copy(source: Path, target: Path, mode: str = "rw") -> None:
    target.unlink(missing_ok=True)
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        address = f"{source.absolute().as_uri()}?mode={mode}"
        with (
            closing(sqlite3.connect(address, uri=True, timeout=WAIT)) as here,
            closing(sqlite3.connect(target)) as there,
        ):
            # In one step: begun anew at every write, a copy in several might never end.
            here.backup(there)
            there.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as exc:
        target.unlink(missing_ok=True)
        raise store_error(exc, source.name) from exc


def _check(backup: Path) -> int:
    """How many debates the file holds. Raises InvalidInput where it is no whole backup of ours."""
    if not backup.is_file():
        raise InvalidInput(f"There is no file {backup.name!r}.")
    hint = "It is not a backup that Rebuttal made, or it was damaged."
    address = f"{backup.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            whole = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            count: int = connection.execute("SELECT count(*) FROM debates").fetchone()[0]
    except sqlite3.Error as exc:
        raise InvalidInput(f"{backup.name!r}: {exc}.", hint) from exc
    if not whole or version is None:
        raise InvalidInput(f"{backup.name!r} is damaged.", hint)
    if version[0] > SCHEMA:
        raise InvalidInput(f"{backup.name!r} is of a newer Rebuttal.", "Update Rebuttal.")
    return count


def _unwritable(file: Path, exc: OSError) -> StoreError:
    return StoreError(f"{file.name}: cannot be written: {exc.strerror}.", "Choose another folder.")

"""What SQLite and PostgreSQL complain about, in words a person can act on."""

from __future__ import annotations

import re
import sqlite3

from rebuttal.errors import StoreError

_SAFE = "What was kept before is safe."

_SQLITE = {
    sqlite3.SQLITE_FULL: ("the disk is full", f"Free some space and try again. {_SAFE}"),
    sqlite3.SQLITE_IOERR: (
        "the disk refused to read or write",
        f"Look after the disk and its free space, then try again. {_SAFE}",
    ),
    sqlite3.SQLITE_READONLY: (
        "the file or its folder is read-only",
        "Allow writing to both, then try again.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "the file cannot be opened",
        "Is it still in its folder, and may you read and write both? Put it back, then try again.",
    ),
    sqlite3.SQLITE_BUSY: (
        "another program keeps it locked",
        "Close that program (a database browser, a backup), then try again.",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "the file is damaged",
        "Put a backup in its place, or move it away to begin anew.",
    ),
    sqlite3.SQLITE_NOTADB: (
        "the file is not an SQLite database, or a damaged one",
        "Put a backup in its place, or move it away to begin anew.",
    ),
}
_SQLITE[sqlite3.SQLITE_LOCKED] = _SQLITE[sqlite3.SQLITE_BUSY]
_SQLITE[sqlite3.SQLITE_PERM] = _SQLITE[sqlite3.SQLITE_CANTOPEN]

_AWAY = ("the server went away or does not answer", f"Start it, then try again. {_SAFE}")

_POSTGRES = {  # by the beginning of the SQLSTATE, the most specific first
    "53100": ("the server's disk is full", f"Free some space there and try again. {_SAFE}"),
    "53300": ("the server has no connection left", "Try again later, or raise max_connections."),
    "25006": ("the server is read-only", "Use the address of the primary, not of a standby."),
    "55P03": ("another program keeps the rows locked", "End its transaction, then try again."),
    "57014": ("the server cancelled the query", "Try again."),
    "42501": ("the database user lacks a permission", "Grant it rights on the tables."),
    "40": ("two writers were in each other's way", "Try again."),
    "57P": _AWAY,
    "08": _AWAY,
}

_REFUSAL = re.compile(r"FATAL:\s*(.+)")


def store_error(cause: object, name: str) -> StoreError:
    """The error of the driver, or whatever it was, as ours. ``name`` is the database's name."""
    if isinstance(cause, sqlite3.Error):
        message, hint = _of_sqlite(cause)
    elif isinstance(cause, PermissionError):
        message, hint = _SQLITE[sqlite3.SQLITE_READONLY]
    elif hasattr(cause, "sqlstate"):
        message, hint = _of_postgres(str(cause), cause.sqlstate)
    else:
        message, hint = (f"unexpected {type(cause).__name__}", "Please report this as a bug.")
    return StoreError(f"{name}: {message}.", hint)


def _of_sqlite(cause: sqlite3.Error) -> tuple[str, str]:
    code = getattr(cause, "sqlite_errorcode", 0)
    known = _SQLITE.get(code & 0xFF)  # the rest of the number says where in SQLite it happened
    return known or (str(cause), "Is this the file that Rebuttal made?")


def _of_postgres(words: str, sqlstate: str | None) -> tuple[str, str]:
    if sqlstate is None:
        refusal = _REFUSAL.search(words)
        if refusal:
            return refusal[1], "Check the address of the database, its user and its password."
        if "resolve host" in words:
            return "no server of that name is known", "Check the address of the database."
        return _AWAY
    for beginning, known in _POSTGRES.items():
        if sqlstate.startswith(beginning):
            return known
    return f"the server says {sqlstate}", "Is this the database that Rebuttal made?"

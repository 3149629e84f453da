"""A database to work in: opened, brought up to date, and its complaints put into our words."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from rebuttal.errors import InvalidInput, StoreError
from rebuttal.stores.sql_errors import store_error

SCHEMA = "0004"
"""The revision of the newest file in migrations/versions."""

WAIT = 5
"""Seconds to wait for another program's lock, or for a connection."""

MIGRATION_LOCK = 0x72656275  # an advisory lock's number: any, but the same in every process
_one_migration = threading.Lock()  # Alembic keeps the migration in progress in its modules

T = TypeVar("T")
Work = Callable[[sa.Connection], T]


class Database:
    """SQLite or PostgreSQL. Its methods block, may be called from any thread, and raise StoreError.

    A failure drops the pooled connections: the next call begins with fresh ones, so that it works
    as soon as the cause is gone.
    """

    def __init__(self, engine: sa.Engine, name: str, file: Path | None = None) -> None:
        self.backend = engine.dialect.name
        self._engine = engine
        self._writer = engine.execution_options(writes=True)
        self._name = name
        self._file = file
        self._file_identity = _identity(file)

    @classmethod
    def open(cls, address: str) -> Database:
        """Connect to ``address``, creating a missing SQLite file, and bring the tables up to date.

        Raises InvalidInput for an address of another kind.
        """
        if address.startswith("sqlite:///"):
            database = _sqlite(address.removeprefix("sqlite:///"))
        elif address.startswith(("postgresql://", "postgres://")):
            database = _postgresql(address)
        else:
            raise InvalidInput(
                "the address of the database is of an unknown kind",
                "It begins with sqlite:/// or postgresql://",
            )
        try:
            if database.read(_revision) != SCHEMA:
                database.write(database._bring_up_to_date)
        except BaseException:
            database.close()
            raise
        return database

    def read(self, work: Work[T]) -> T:
        """What ``work`` returns, run on one consistent state of the database."""
        return self._transact(self._engine, work)

    def write(self, work: Work[T]) -> T:
        """What ``work`` returns, once it is all safely on the disk; on an error nothing is."""
        return self._transact(self._writer, work)

    def empty_log(self) -> None:
        """Write what SQLite has in its log into the file, unless somebody reads the log just now.

        Pages that are no more would stay in it until others are written over them.
        """
        if self._file is not None:
            with closing(_connect_sqlite(self._file)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Let go of files and connections."""
        self._engine.dispose()

    def _transact(self, engine: sa.Engine, work: Work[T]) -> T:
        self._leave_a_replaced_file()
        try:
            with engine.begin() as connection:
                return work(connection)
        except SQLAlchemyError as exc:
            self._engine.dispose()
            raise store_error(getattr(exc, "orig", None) or exc, self._name) from exc
        except PermissionError as exc:
            raise store_error(exc, self._name) from None
        except ValueError as exc:
            raise StoreError(
                f"{self._name}: holds something that cannot be read.",
                "It was damaged, or written by another version of Rebuttal.",
            ) from exc

    def _leave_a_replaced_file(self) -> None:
        # SQLite goes on writing to a file that was deleted or moved away, and says nothing.
        present = _identity(self._file)
        if present != self._file_identity:
            self._engine.dispose()
            self._file_identity = present

    def _bring_up_to_date(self, connection: sa.Connection) -> None:
        if self.backend == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        with _one_migration:
            _migrate(connection, self._name)  # does nothing where another process was faster


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    query = sa.select(sa.column("version_num", sa.Text)).select_from(sa.table("alembic_version"))
    return connection.scalar(query)


def _migrate(connection: sa.Connection, name: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    folder = Path(__file__).parent / "migrations"
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    try:
        command.upgrade(config, "head")
    except CommandError as exc:
        raise StoreError(
            f"{name}: was written by a newer version of Rebuttal.", "Update Rebuttal."
        ) from exc


def _identity(file: Path | None) -> tuple[int, int] | None:
    try:
        status = file.stat() if file else None
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status else None


def _sqlite(path: str) -> Database:
    if path in ("", ":memory:") or "\0" in path:
        raise InvalidInput("the address of the database names no file", "sqlite:///FOLDER/FILE")
    file = Path(path).absolute()
    try:
        if not file.parent.exists():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileExistsError):
            os.close(os.open(file, os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as exc:
        raise StoreError(
            f"{file.name}: cannot be created: {exc.strerror}.",
            "Choose another folder with --data, or allow writing to this one.",
        ) from exc
    engine = sa.create_engine(
        "sqlite://",
        creator=lambda: _connect_sqlite(file),
        poolclass=sa.QueuePool,
        hide_parameters=True,
    )
    sa.event.listen(engine, "begin", _begin_sqlite)
    return Database(engine, file.name, file)


def _connect_sqlite(file: Path) -> sqlite3.Connection:
    if file.exists() and not os.access(file, os.W_OK):
        # SQLite would open it to read, and leave side files that stay read-only for ever.
        raise PermissionError
    connection = sqlite3.connect(
        f"{file.as_uri()}?mode=rw",  # never a new, empty file in the place of a lost one
        uri=True,
        timeout=WAIT,
        isolation_level=None,  # transactions begin where we say so
        check_same_thread=False,
    )
    try:
        _switch_to_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # what is purged is not left in free pages
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    end = time.monotonic() + WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as exc:
            # Whatever its timeout, SQLite does not wait here for one that has just begun the file.
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that reads first and writes later fails at once when another one writes.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql(address: str) -> Database:
    try:
        url = sa.make_url(address).set(drivername="postgresql+psycopg")
        port = url.port or 5432
    except (ArgumentError, ValueError):
        url = None
    if url is None or "@" in f"{url.host}{url.database}" or not 0 < port < 65536:
        raise InvalidInput(
            "the address of the PostgreSQL database cannot be read",
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with @ : / in the password as %40 "
            "%3A %2F",
        ) from None
    given = {"connect_timeout": WAIT, "tcp_user_timeout": 3 * WAIT * 1000}
    try:
        engine = sa.create_engine(
            url,
            connect_args={name: value for name, value in given.items() if name not in url.query},
            pool_pre_ping=True,
            pool_size=8,
            hide_parameters=True,
        )
    except ImportError:
        raise StoreError(
            "PostgreSQL needs the package psycopg, which is not installed.",
            'Install it with: pip install "psycopg[binary]>=3.2,<4"',
        ) from None
    sa.event.listen(engine, "connect", _limit_postgresql_waits)
    return Database(engine, f"PostgreSQL at {url.host or 'its local socket'}:{port}")


def _limit_postgresql_waits(connection: Any, _record: object) -> None:
    connection.execute(f"SET lock_timeout = '{WAIT}s'")
    connection.commit()

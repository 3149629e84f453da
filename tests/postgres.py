"""A PostgreSQL server of our own: Debian's programs, a temporary folder, a free port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PASSWORD = "open-sesame-4711"
"""Part of every address, so that a test can look for it in messages. The server trusts anybody."""


class Postgres:
    """A server in ``folder``; the programs refuse to run as root, so root lends them a user."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.port = _free_port()
        self._programs = programs
        self._folder = folder
        self._user = _other_user(folder)
        self._databases = 0
        self._run("initdb", "-U", "rebuttal", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")

    def start(self) -> None:
        """Returns when the server answers."""
        options = f"-F -p {self.port} -c listen_addresses=127.0.0.1 -k {self._folder}"
        self._run("pg_ctl", "start", "-w", "-l", str(self._folder / "log"), "-o", options)

    def stop(self) -> None:
        """Returns when the server is gone, and with it every connection."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate")

    def new_database(self) -> str:
        """The address of an empty database."""
        self._databases += 1
        name = f"test_{self._databases}"
        self.say(f"CREATE DATABASE {name}")
        return self.address(name)

    def drop(self, address: str) -> None:
        """Forget that database, whoever still uses it."""
        self.say(f"DROP DATABASE {address.rpartition('/')[2]} WITH (FORCE)")

    def address(self, database: str) -> str:
        """Whether or not there is such a database."""
        return f"postgresql://rebuttal:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def say(self, statement: str) -> None:
        """Run one statement as the owner of the server."""
        import psycopg

        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, "-D", self._folder / "data", *arguments],
            check=True,
            stdout=subprocess.DEVNULL,  # a pipe would stay open as long as the server runs
            cwd=self._folder,
            user=self._user,
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _other_user(folder: Path) -> str | None:
    """The owner that ``folder`` gets where root runs the tests."""
    if os.geteuid() != 0:
        return None
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    user = next(name for name in ("postgres", "nobody") if name in known)
    shutil.chown(folder, user)
    return user


def find_programs() -> Path | None:
    """The folder of ``initdb`` and ``pg_ctl``; Debian keeps it out of the path."""
    found = shutil.which("initdb")
    if found and (Path(found).parent / "pg_ctl").exists():
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version)
    return next((bin for bin in reversed(folders) if (bin / "initdb").exists()), None)


def _version(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdecimal() else 0


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests that ask for it."""
    pytest.importorskip("psycopg", reason="needs psycopg: pip install -r requirements-dev.txt")
    programs = find_programs() if os.name == "posix" else None
    if programs is None:
        pytest.skip("needs PostgreSQL's server programs: apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = Postgres(programs, Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def empty_postgres(postgres: Postgres) -> Iterator[str]:
    """The address of an empty database, there for one test."""
    address = postgres.new_database()
    yield address
    postgres.drop(address)

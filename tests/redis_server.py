"""A Redis server of our own: Debian's program, a temporary folder, a free port."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PASSWORD = "open-sesame-4712"
"""The server asks for it, and tests look for it in messages."""
DATABASES = 64


class RedisServer:
    """A server with its data in ``folder``; every write is on the disk before it is answered."""

    def __init__(self, program: str, folder: Path) -> None:
        self.port = _free_port()
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._given = 0

    def start(self) -> None:
        """Returns when the server answers, with the data of before where there was any."""
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self._folder,
            "requirepass": PASSWORD,
            "databases": DATABASES,
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
            "logfile": self._folder / "log",
        }
        words = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        self._process = subprocess.Popen([self._program, *words], cwd=self._folder)
        deadline = time.monotonic() + 20
        while self._ask("PING") != b"+PONG":
            assert self._process.poll() is None, "redis-server ended; see its log"
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.01)

    def kill(self) -> None:
        """Returns when the server is gone, and with it every connection."""
        if self._process:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self, *, empty: bool = False) -> None:
        """Kill it and start it again; ``empty`` without what it kept."""
        self.kill()
        if empty:
            self.lose()
        self.start()

    def lose(self) -> None:
        """Forget what a killed server kept."""
        shutil.rmtree(self._folder / "appendonlydir", ignore_errors=True)

    def pause(self) -> None:
        """It still takes connections and answers nobody."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After a pause."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def say(self, *words: str) -> str:
        """One command; the first line of what the server answers."""
        return self._ask(*words).decode(errors="replace")

    def ask_all(self, *words: str, database: int = 0) -> list[str]:
        """The texts of a list that is answered."""
        import redis

        with redis.Redis.from_url(self.address(database), decode_responses=True) as client:
            answer: list[str] = client.execute_command(*words)
            return answer

    def address(self, database: int = 0) -> str:
        """A database of this server, by number."""
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The address of an empty database, another one each time."""
        self._given = self._given % (DATABASES - 1) + 1
        self._ask("FLUSHDB", database=self._given)
        return self.address(self._given)

    def _ask(self, *words: str, database: int = 0) -> bytes:
        """The last line that is answered to: password, database, command."""
        commands = (("AUTH", PASSWORD), ("SELECT", str(database)), words)
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                answers = connection.makefile("rb")
                for command in commands:
                    connection.sendall(_as_wire(command))
                    answer = answers.readline().rstrip(b"\r\n")
                return answer
        except ConnectionError:
            return b""


def _as_wire(command: tuple[str, ...]) -> bytes:
    parts = [word.encode() for word in command]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _started(folder: str) -> RedisServer:
    pytest.importorskip("redis", reason="needs redis: pip install -r requirements-dev.txt")
    program = shutil.which("redis-server") if os.name == "posix" else None
    if program is None:
        pytest.skip("needs Redis's server program: apt-get install redis-server")
    server = RedisServer(program, Path(folder))
    server.start()
    return server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One server for all tests that ask for it and do no harm to it."""
    with tempfile.TemporaryDirectory(prefix="redis") as folder:
        server = _started(folder)
        try:
            yield server
        finally:
            server.kill()


@pytest.fixture
def empty_redis(redis_server: RedisServer) -> str:
    """The address of an empty database of it."""
    return redis_server.new_database()


@pytest.fixture
def frail_redis() -> Iterator[RedisServer]:
    """A server for one test, which may kill, pause or empty it."""
    with tempfile.TemporaryDirectory(prefix="redis") as folder:
        server = _started(folder)
        try:
            yield server
        finally:
            server.kill()

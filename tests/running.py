"""Processes of tests, started the quick way where there is one; see nursery."""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

from rebuttal.settings import HOME

AT_IMPORT = ("GRADIO_", "HF_", "OAUTH_", "OPENID_", "PYTHON", "SPACE", "SYSTEM")
"""Beginnings of the variables that libraries read while they are imported."""
STATUS = struct.Struct("i")
"""How the nursery tells a child's number, and then how it ended."""


class Running(Protocol):
    """A part of subprocess.Popen."""

    stdout: IO[str] | None
    returncode: int | None

    @property
    def pid(self) -> int:
        """Its number."""
        ...

    def poll(self) -> int | None:
        """Its exit status, once it has ended."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status. Raises subprocess.TimeoutExpired."""
        ...

    def send_signal(self, sig: int) -> None:
        """Unless it has ended."""
        ...

    def terminate(self) -> None:
        """Ask it to end."""
        ...

    def kill(self) -> None:
        """End it."""
        ...


def start(
    *arguments: str,
    environment: Mapping[str, str],
    folder: Path | None = None,
    stdin: int = 0,
    stdout: int = subprocess.PIPE,
    stderr: int = 2,
) -> Running:
    """Python with these arguments, in that environment; streams are descriptors, or PIPE."""
    early = (name for name in environment if name.startswith(AT_IMPORT))
    like_ours = all(environment[name] == os.environ.get(name) for name in early)
    if arguments[0] == "-m" and sys.platform == "linux" and like_ours:
        streams = stdin, stdout, stderr
        return _nursery().bear(arguments[1:], environment, folder or Path.cwd(), streams)
    return subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        cwd=folder,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        text=True,
    )


class Child:
    """One that the nursery has borne; see Running."""

    def __init__(self, told: socket.socket, stdout: IO[str] | None) -> None:
        self._told = told
        self.stdout = stdout
        self.returncode: int | None = None
        self.pid = self._hear()

    def poll(self) -> int | None:
        """See Running."""
        return self.returncode if self._has_ended(0) else None

    def wait(self, timeout: float | None = None) -> int:
        """See Running."""
        if not self._has_ended(timeout) or self.returncode is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return self.returncode

    def send_signal(self, sig: int) -> None:
        """See Running."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        """See Running."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """See Running."""
        self.send_signal(signal.SIGKILL)

    def _has_ended(self, within: float | None) -> bool:
        if self.returncode is None and select.select([self._told], [], [], within)[0]:
            self.returncode = self._hear()
            self._told.close()
        return self.returncode is not None

    def _hear(self) -> int:
        told = self._told.recv(STATUS.size)
        assert told, "the nursery has ended"
        (number,) = STATUS.unpack(told)
        return int(number)


class Nursery:
    """The process that children are forked from."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.nursery", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=HOME,
                # No threads while it is imported: a fork would lose them.
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            )

    def bear(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        streams: tuple[int, int, int],
    ) -> Child:
        """A child that runs the module ``words[0]`` with the other words as its arguments."""
        stdin, stdout, stderr = streams
        heard = None
        if stdout == subprocess.PIPE:
            ours, stdout = os.pipe()
            heard = os.fdopen(ours, encoding="utf-8")
        told, tells = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        order = json.dumps([words, dict(environment), str(folder)]).encode()
        with tells:
            passed = [tells.fileno(), stdin, stdout, stderr]
            socket.send_fds(self._orders, [order], passed)
        if heard:
            os.close(stdout)
        return Child(told, heard)

    def close(self) -> None:
        """No more children; those that live go on."""
        self._orders.close()
        self._process.wait()


@functools.cache
def _nursery() -> Nursery:
    nursery = Nursery()
    atexit.register(nursery.close)
    return nursery

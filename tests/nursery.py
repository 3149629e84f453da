"""Forks children that have imported everything and done nothing: python -m tests.nursery ORDERS.

Importing Gradio and what else a page needs takes seconds, and tests start hundreds of pages and
commands. A child is a process as any other, with its own streams, folder, environment and end; only
its imports are done, which have no effects. ``ORDERS`` is a socket's descriptor; see running.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
from io import TextIOWrapper

from rebuttal.ui import server
from rebuttal.ui.lean_import import lean_import
from tests.running import STATUS

Order = tuple[list[str], dict[str, str], str]
"""A module and its arguments, the environment, the folder."""


def load() -> None:
    """What a page, the interfaces and the terminal import sooner or later."""
    os.environ.update(server._ENVIRONMENT)
    with lean_import():
        import rebuttal.ui.page
        import rebuttal.ui.raw
    import rebuttal.__main__
    import rebuttal.app
    import rebuttal.mcp.http
    import rebuttal.stores.sql
    import rebuttal.web.alone
    import rebuttal.web.api.application
    import rebuttal.web.auth
    import rebuttal.web.guard
    import rebuttal.web.openai_api.application  # noqa: F401

    gc.collect()
    gc.freeze()  # so that children go on sharing it


class Cradle:
    """Tells of each child its number, and later how it ended."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self._told: dict[int, socket.socket] = {}
        self._ended, self._ends = socket.socketpair()
        self._ends.setblocking(False)
        signal.set_wakeup_fd(self._ends.fileno())
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def tend(self) -> Order | None:
        """Returns in each child, with what it shall be; and once there are no more orders."""
        while True:
            ready, _, _ = select.select([self._orders, self._ended], [], [])
            if self._ended in ready:
                self._ended.recv(4096)
                self._tell()
            if self._orders in ready:
                said, passed, _, _ = socket.recv_fds(self._orders, 1 << 20, 4)
                if not said:
                    return None
                if self._fork(passed):
                    words, environment, folder = json.loads(said)
                    return words, environment, folder

    def _fork(self, passed: list[int]) -> bool:
        """Whether this is the child, which has these streams then."""
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for stream, descriptor in enumerate(passed[1:]):
                os.dup2(descriptor, stream)
            for held in (*self._told.values(), self._orders, self._ended, self._ends):
                held.close()
            self._told.clear()
        else:
            self._told[pid] = socket.socket(fileno=os.dup(passed[0]))
            self._told[pid].send(STATUS.pack(pid))
        for descriptor in passed:
            os.close(descriptor)
        return pid == 0

    def _tell(self) -> None:
        """Of every child that has ended."""
        for pid in [*self._told]:
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                with self._told.pop(pid) as told:
                    told.send(STATUS.pack(os.waitstatus_to_exitcode(status)))


def live(words: list[str], environment: dict[str, str], folder: str) -> None:
    """Be ``python -m`` with these words."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdin = sys.__stdin__ = _stream(0)  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _stream(1)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(2)  # type: ignore[misc]
    sys.path[0] = folder
    sys.argv = ["-m", *words[1:]]
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)


def _stream(number: int) -> TextIOWrapper:
    """That stream anew: a terminal's is passed on line by line."""
    if number == 0:
        return open(number, encoding="utf-8", closefd=False)
    lines = number == 2 or os.isatty(number) or "PYTHONUNBUFFERED" in os.environ
    return open(number, "w", 1 if lines else -1, "utf-8", closefd=False)


def main(orders: socket.socket) -> None:
    """Until there are no more orders, and in each child until it ends."""
    load()
    order = Cradle(orders).tend()
    if order:
        live(*order)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))

"""What everything that serves shares: the port, the address, the words, and an orderly end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Protocol

from rebuttal.app import DebateApp
from rebuttal.errors import InvalidInput, RebuttalError
from rebuttal.settings import Settings

FIRST_PORT = 7860
PORTS = 100
TRIES = 5
CLOSE_WITHIN = 10.0
"""Seconds that debates and models get to end in order."""
COLLECT_AFTER = 10_000
"""New objects until Python looks for rings among them; by its own measure 700."""


class Served(Protocol):
    """What is served: a page, or interfaces alone."""

    settings: Settings
    address: str
    port: int
    public_address: str

    def open(self) -> None:
        """Listen. Returns when it answers."""
        ...

    def wait(self) -> None:
        """Until it shall end."""
        ...

    def close(self) -> None:
        """End debates, keeping what was said, then the server."""
        ...


def run_served(served: Served, also: str = "") -> None:
    """Open it, say where it is, ``also`` in words, and close it when the process shall end."""
    served.open()
    spare_the_loop()
    settings, port = served.settings, served.port
    moved = settings.port is None and port != FIRST_PORT
    why = f"port {FIRST_PORT} is taken; " if moved else ""
    kind = "" if settings.profile == "local" else f"profile {settings.profile}; "
    print(f"Rebuttal is at {served.address}   ({why}{kind}{also}Ctrl-C ends it)", flush=True)
    if settings.profile == "lan" and settings.host in ("0.0.0.0", "::"):
        print(f"and, for your network, at {' or '.join(house_addresses(port))}", flush=True)
    if served.public_address:
        print(f"and, for everybody, at {served.public_address}")
        told = "Anyone with the link can debate here within today's budget; Ctrl-C ends it."
        print(told, flush=True)
    elif settings.share:
        print("There is no public link: no tunnel could be opened. Start again to try again.")
    served.wait()
    served.close()


def spare_the_loop() -> None:
    """Have Python's collector of rings leave alone what has been there since the start.

    The libraries are some 400,000 objects. With a hundred debates Python looked through all of them
    every five seconds, and nobody was told anything for 0.3 s.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])


def wait_for_the_end() -> None:
    """Until Ctrl-C or SIGTERM."""
    ended = threading.Event()

    def end(_: int, __: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    with suppress(KeyboardInterrupt):
        # Windows does not interrupt an endless wait.
        while not ended.wait(1.0):
            pass


def close_app(app: DebateApp, loop: asyncio.AbstractEventLoop | None) -> None:
    """Close it in the loop in which it lives, if there is one."""
    if loop and loop.is_running():
        closing = asyncio.run_coroutine_threadsafe(app.close(), loop)
        with suppress(RebuttalError, TimeoutError):
            closing.result(CLOSE_WITHIN)


def on_free_port(host: str, asked: int | None, listen: Callable[[int], None]) -> int:
    """Listen at the port that was asked for or a free one, and return it.

    ``listen`` raises OSError where it was taken between the look and the launch. Raises
    InvalidInput.
    """
    for _ in range(TRIES):
        port = free_port(host, asked)
        with suppress(OSError):
            listen(port)
            return port
    raise InvalidInput(f"Port {port} was taken meanwhile.", "Start again.")


def free_port(host: str, asked: int | None) -> int:
    """The asked port, else the first free one from 7860. Raises InvalidInput when it is taken."""
    if asked is not None:
        if not _is_free(host, asked):
            raise InvalidInput(
                f"Port {asked} is taken.", "Choose another with --port, or leave it out."
            )
        return asked
    for port in range(FIRST_PORT, FIRST_PORT + PORTS):
        if _is_free(host, port):
            return port
    raise InvalidInput(
        f"No port from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} is free.",
        "Choose one with --port.",
    )


def house_addresses(port: int) -> list[str]:
    """Where others of the network find this machine: by its name, and by its address if known."""
    names = [socket.gethostname()]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # sends nothing: the system chooses the way out
        names.append(probe.getsockname()[0])
    return [f"http://{name}:{port}/" for name in names]


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError:
            return False
    return True

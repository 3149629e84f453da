"""The whole app as a process that also tells of itself: python -m benchmarks.long_app [OPTION ...].

Takes the options of ``debate_app.py``. Before its own first line it prints a port of this machine,
for the benchmark alone: whoever connects and sends a word gets a line of JSON.

``count``: tasks, threads, and blocks of memory that Python has given out. ``kinds``: what the tasks
are, and the most frequent kinds of objects. ``trace``: where memory grew since it was last asked.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
import tracemalloc
from collections import Counter
from types import AsyncGeneratorType

from rebuttal.__main__ import interfaces, run, serve_alone
from rebuttal.app import DebateApp
from rebuttal.cli.commands import page
from rebuttal.settings import Settings
from rebuttal.ui.server import Page, run_page
from rebuttal.web.auth import SignIn
from rebuttal.web.guard import Guard
from rebuttal.web.visitors import Visitors

MOST = 300
"""Kinds and lines that are told of."""


class Observed(Guard):
    """A guard that beside its work answers the benchmark, in the loop in which everything runs."""

    async def live(self) -> None:
        """See Guard."""
        telling = Telling()
        async with await asyncio.start_server(telling.answer, "127.0.0.1", 0) as server:
            print(server.sockets[0].getsockname()[1], flush=True)
            await super().live()


class Telling:
    """What a process knows of itself."""

    def __init__(self) -> None:
        self._before: tracemalloc.Snapshot | None = None

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One question, one line."""
        asked = (await reader.readline()).decode().strip()
        told = {"count": count, "kinds": kinds, "trace": self.trace}[asked]()
        writer.write(json.dumps(told).encode() + b"\n")
        await writer.drain()
        writer.close()

    def trace(self) -> list[str]:
        """Lines that hold more memory than when this was last asked, by how much."""
        if not tracemalloc.is_tracing():
            tracemalloc.start(12)
        gc.collect()
        now, before = tracemalloc.take_snapshot(), self._before
        self._before = now
        if before is None:
            return []
        grown = now.compare_to(before, "traceback")[:40]
        return [
            f"{one.size_diff / 1024:+.0f} KiB {one.count_diff:+d}: {' < '.join(_frames(one))}"
            for one in grown
        ]


def _frames(one: tracemalloc.StatisticDiff) -> list[str]:
    frames = [f"{frame.filename}:{frame.lineno}" for frame in one.traceback]
    return [frame.rpartition("site-packages/")[2] for frame in reversed(frames)]


def count() -> dict[str, int]:
    """What is cheap to know."""
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "blocks": sys.getallocatedblocks(),
    }


def kinds() -> dict[str, dict[str, int]]:
    """What there is most of, and which async generators there are, before and without rubbish."""
    before = Counter(_name(one) for one in gc.get_objects() if isinstance(one, AsyncGeneratorType))
    gc.collect()
    left = Counter(_name(one) for one in gc.get_objects() if isinstance(one, AsyncGeneratorType))
    tasks = Counter(_name(task.get_coro()) for task in asyncio.all_tasks())
    objects = Counter(
        f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects()
    )
    return {
        "tasks": dict(tasks.most_common()),
        "generators before": dict(before),
        "generators": dict(left),
        "objects": dict(objects.most_common(MOST)),
    }


def _name(one: object) -> str:
    return getattr(one, "__qualname__", "?")


def serve(settings: Settings) -> None:
    """As ``rebuttal serve`` does."""
    app = DebateApp(settings)
    visitors = Visitors(settings)
    guard = Observed(app, visitors, SignIn(visitors), programs=interfaces(settings))
    run_page(Page(settings, app, guard))


if __name__ == "__main__":
    run(page(serve, serve_alone), sys.argv[1:], "long_app")

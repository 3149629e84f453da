"""An hour under a small crowd and an endpoint that fails: what the app holds, by the minute."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import psutil

from benchmarks.long_crowd import Crowd
from benchmarks.long_endpoint import Moody
from rebuttal.settings import HOME

CATALOG = """\
endpoints:
  One: {{address: "{one}", needs_key: false, lists_models: false}}
  Two: {{address: "{two}", needs_key: false, lists_models: false}}
models:
  Solo: {{endpoint: One, model: one, context: 8192}}
  Pooled: {{endpoint: [Two, One], model: one, context: 8192}}
"""
SETTINGS = {
    "REBUTTAL_PROFILE": "local",
    "REBUTTAL_OFFLINE": "true",
}
HURRIED = {
    "REBUTTAL_UNWATCHED_AFTER": "5",
    "REBUTTAL_FIRST_TOKEN_WITHIN": "5",
    "REBUTTAL_SILENCE_WITHIN": "4",
    "REBUTTAL_TURN_WITHIN": "10",
}
"""Short, so that an hour has many of each end."""
Sample = dict[str, float]
HELD = ("memory", "blocks", "files", "sockets", "tasks", "threads")


@dataclass
class Watched:
    """One app process, who comes to it, and what it held at each moment."""

    name: str
    process: psutil.Process
    port: int
    log: Path
    crowd: Crowd
    samples: list[Sample] = field(default_factory=list)
    rests: list[Sample] = field(default_factory=list)
    kinds: list[Any] = field(default_factory=list)

    async def sample(self, began: float) -> Sample:
        """What it holds now, its children included."""
        told = await self.ask("count")
        family = [self.process, *self.process.children(recursive=True)]
        sockets = [one for process in family for one in process.net_connections()]
        memory = sum(process.memory_info().rss for process in family) / 2**20
        files = sum(_files(process) for process in family)
        held = {"memory": memory, "files": files, "sockets": len(sockets), **told}
        return {"minute": (time.monotonic() - began) / 60, **held}

    async def ask(self, word: str) -> Any:
        """What it tells of itself."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)
        writer.write(f"{word}\n".encode())
        told = json.loads(await reader.readline())
        writer.close()
        return told


def _files(process: psutil.Process) -> int:
    # Windows counts handles; psutil has only the one of the two that the system knows.
    counted = getattr(process, "num_handles" if os.name == "nt" else "num_fds")
    return int(counted())


@contextmanager
def app_process(
    name: str, folder: Path, models: Path, environment: Mapping[str, str]
) -> Iterator[tuple[str, psutil.Process, int]]:
    """Start the app that tells of itself: its address, its process, and where it tells."""
    words = ["--models", str(models), "--data", str(folder / name)]
    with (
        (folder / f"{name}.log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.long_app", *words],
            cwd=HOME,
            env={**os.environ, **SETTINGS, **environment, "REBUTTAL_CACHE": str(folder)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout
            port = int(process.stdout.readline())
            address = process.stdout.readline().split("at ")[1].split()[0].rstrip("/")
            yield address, psutil.Process(process.pid), port
        finally:
            process.terminate()


@contextmanager
def watched(
    name: str, folder: Path, models: Path, chance: random.Random, debates: int, tabs: int
) -> Iterator[Watched]:
    """Start an app with a crowd before its door."""
    with app_process(name, folder, models, HURRIED) as (address, process, port):
        crowd = Crowd(address, chance, debates, tabs)
        yield Watched(name, process, port, folder / f"{name}.log", crowd)


CROWDS = {"programs": (8, 0), "page": (3, 3)}
"""Debates at once and tabs of the page, by app."""


async def run(
    folder: Path, names: Sequence[str], minutes: float, rests: int, rest: float, seed: int
) -> list[Watched]:
    """These apps for so long; all rest ``rests`` times, the last time at the end."""
    chance = random.Random(seed)
    async with (
        Moody(chance=chance) as one,
        Moody(chance=chance) as two,
    ):
        models = folder / "models.yaml"
        models.write_text(CATALOG.format(one=one.address, two=two.address), "utf-8")
        going = [asyncio.create_task(server.come_and_go(60, 3)) for server in (one, two)]
        with ExitStack() as stack:
            apps = [
                stack.enter_context(watched(name, folder, models, chance, *CROWDS[name]))
                for name in names
            ]
            every = min(10.0, minutes * 60 / 40)
            began = time.monotonic()
            for part in range(1, rests + 1):
                until = began + part * minutes * 60 / rests
                await _stretch(apps, began, until - rest, every)
                await asyncio.gather(*(app.crowd.leave() for app in apps))
                await asyncio.sleep(max(until - time.monotonic(), 0.0))
                for app in apps:
                    app.rests.append(await app.sample(began))
                    app.kinds.append(await app.ask("kinds"))
            for task in going:
                task.cancel()
        print(f"failures: {dict((one.played + two.played).most_common())}", file=sys.stderr)
    return apps


async def _stretch(apps: Sequence[Watched], began: float, until: float, every: float) -> None:
    for app in apps:
        app.crowd.come()
    while time.monotonic() < until:
        for app in apps:
            app.samples.append(await app.sample(began))
        _tell(apps)
        await asyncio.sleep(min(every, max(until - time.monotonic(), 0.01)))


def _tell(apps: Sequence[Watched]) -> None:
    """How it goes, for whoever looks at the log meanwhile."""
    held = [{name: round(app.samples[-1][name]) for name in HELD} for app in apps]
    print(f"{apps[0].samples[-1]['minute']:.1f} {held}", file=sys.stderr, flush=True)


def slope(samples: Sequence[Sample], held: str) -> float:
    """By how much it grew in an hour: least squares."""
    if len(samples) < 2:
        return 0.0
    hours = [sample["minute"] / 60 for sample in samples]
    values = [sample[held] for sample in samples]
    middle, mean = fmean(hours), fmean(values)
    spread = sum((hour - middle) ** 2 for hour in hours)
    moved = sum((hour - middle) * (value - mean) for hour, value in zip(hours, values, strict=True))
    return moved / spread if spread else 0.0

"""The watchers of benchmarks.crowd in one process: python -m benchmarks.crowd_watchers TASK."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import httpx
import psutil

from benchmarks.beat import STAMPED
from benchmarks.crowd_ears import Ears
from benchmarks.crowd_ways import Entrance, Way

PACE = 50
"""Tokens a second of each debate."""
FILES = 4096
"""Connections and more that a process may have open, where the system allows it."""


@dataclass(frozen=True)
class Task:
    """Who watches what, told in JSON."""

    way: Way
    server: str
    watchers: int
    same: bool
    """Whether all watch one debate; else each has its own."""
    every: float
    """Seconds between two watchers who come."""
    warm: float
    seconds: float
    processes: dict[str, int]
    """Whose processor time is taken: names and process ids."""


@dataclass(frozen=True)
class Heard:
    """What all heard within ``seconds``, ages in milliseconds, and what it cost."""

    seconds: float
    delivered: float
    """Tokens of ideal."""
    worst: float
    """The same of the watcher who heard least."""
    left: int
    """Watchers whose stream was open in the end."""
    p50: float | None
    p95: float | None
    cores: dict[str, float]
    """Processor seconds a second, by process; the watchers' own as well."""
    memory: float
    """MiB that the app had in the end."""
    before: float
    """MiB that it had when nobody watched yet."""


async def watch(task: Task) -> Heard:
    """Have everybody come and watch, and measure when all has settled."""
    processes = {name: psutil.Process(pid) for name, pid in task.processes.items()}
    processes["watchers"] = psutil.Process()
    before = processes["app"].memory_info().rss
    ears = await _come(task)
    await asyncio.sleep(task.warm)
    began, spent = time.monotonic(), _spent(processes)
    for one in ears:
        one.counts = True
    await asyncio.sleep(task.seconds)
    for one in ears:
        one.counts = False
    seconds = time.monotonic() - began
    ages = sorted(age for one in ears for age in one.ages)
    ideal = PACE / STAMPED * seconds
    heard = Heard(
        seconds=seconds,
        delivered=len(ages) / (ideal * len(ears)),
        worst=min(len(one.ages) for one in ears) / ideal,
        left=sum(one.is_open for one in ears),
        p50=_share(ages, 0.5),
        p95=_share(ages, 0.95),
        cores={name: (now - spent[name]) / seconds for name, now in _spent(processes).items()},
        memory=processes["app"].memory_info().rss / 2**20,
        before=before / 2**20,
    )
    for one in ears:
        one.leave()
    return heard


async def _come(task: Task) -> list[Ears]:
    """Everybody, one after the other, without waiting until the one before has a seat."""
    limits = httpx.Limits(max_connections=50)
    async with httpx.AsyncClient(base_url=task.server, timeout=120, limits=limits) as web:
        entrance = Entrance(web, same=task.same)
        coming = []
        for number in range(task.watchers):
            coming.append(asyncio.create_task(entrance.by(task.way, number)))
            await asyncio.sleep(task.every)
        return await asyncio.gather(*coming)


def _spent(processes: dict[str, psutil.Process]) -> dict[str, float]:
    times = {name: process.cpu_times() for name, process in processes.items()}
    return {name: time.user + time.system for name, time in times.items()}


def _share(ordered: Sequence[float], share: float) -> float | None:
    return ordered[int(share * len(ordered))] if ordered else None


def raise_file_limit() -> None:
    """As far as a thousand sockets take; Windows counts otherwise."""
    if os.name != "nt":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(FILES, hard)), hard))


def main(told: str) -> None:
    raise_file_limit()
    print(json.dumps(asdict(asyncio.run(watch(Task(**json.loads(told)))))))


if __name__ == "__main__":
    main(sys.argv[1])

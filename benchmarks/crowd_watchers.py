"""The watchers of benchmarks.crowd in one process: python -m benchmarks.crowd_watchers TASK.

Each reads a stream of a server over a socket of its own and notes how old every token was when it
came. Nothing is parsed that need not be, so that thousands of tokens a second cost little.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from array import array
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import psutil

from benchmarks.stamps import clock, moments
from rebuttal.web.connections import room

Way = Literal["page", "events", "bare"]
PERSONAS = ("idealist", "cynic")
LABEL = "Paced"
PACE = 50
"""Tokens a second of each debate."""


@dataclass(frozen=True)
class Task:
    """Who watches what: ``debates`` begin, and each of ``watchers`` follows one of them."""

    way: Way
    server: str
    debates: int
    watchers: int
    warm: float
    seconds: float
    spread: float
    """Seconds over which the debates begin."""
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
    p50: float | None
    p95: float | None
    cores: dict[str, float]
    """Processor seconds a second, by process; the watchers' own as well."""
    memory: float
    """MiB that the app had in the end."""
    before: float
    """MiB that it had when nobody watched yet."""


class Watcher(asyncio.Protocol):
    """One stream of server-sent events. Only those that hold ``mark`` count."""

    def __init__(self, host: str, path: str, mark: bytes = b"") -> None:
        self.mark = mark
        self.ages = array("d")
        self.tokens = 0
        self.counts = False
        self.over: Callable[[], None] | None = None
        """Called when the event that is marked is over."""
        self._request = f"GET {path} HTTP/1.1\r\nhost: {host}\r\naccept: text/event-stream\r\n\r\n"
        self._rest = b""
        self._last = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request.encode())

    def data_received(self, data: bytes) -> None:
        """Events come whole, each in a piece of its own; their last line is empty."""
        events = (self._rest + data).split(b"\n\n")
        self._rest = events.pop()
        now = clock()
        for event in events:
            if self.mark in event:
                self._hear(event, now)

    def _hear(self, event: bytes, now: int) -> None:
        last = self._last
        for moment in moments(event, now):
            if moment > last:
                last = moment
                if self.counts:
                    self.tokens += 1
                    self.ages.append(now - moment)
        self._last = last
        if self.over and b"process_completed" in event:
            self.over()

    def leave(self) -> None:
        """Go away."""
        if self._transport:
            self._transport.abort()


async def watch(task: Task) -> Heard:
    """Begin the debates, have everybody watch, and measure when all has settled."""
    room()
    app = psutil.Process(task.processes["app"])
    limits = httpx.Limits(max_connections=20)
    async with httpx.AsyncClient(base_url=task.server, timeout=60, limits=limits) as web:
        before = app.memory_info().rss
        watchers = await _WAYS[task.way](web, task)
        await asyncio.sleep(task.warm)
        counted = {name: psutil.Process(pid) for name, pid in task.processes.items()}
        counted["watchers"] = psutil.Process()
        began, spent = time.monotonic(), _spent(counted)
        for watcher in watchers:
            watcher.counts = True
        await asyncio.sleep(task.seconds)
        for watcher in watchers:
            watcher.counts = False
        seconds = time.monotonic() - began
        cores = {name: (_spent(counted)[name] - spent[name]) / seconds for name in counted}
        memory = app.memory_info().rss
        for watcher in watchers:
            watcher.leave()
    return _heard(watchers, seconds, cores, memory / 2**20, before / 2**20)


def _spent(processes: dict[str, psutil.Process]) -> dict[str, float]:
    times = {name: process.cpu_times() for name, process in processes.items()}
    return {name: time.user + time.system for name, time in times.items()}


def _heard(
    watchers: list[Watcher], seconds: float, cores: dict[str, float], memory: float, before: float
) -> Heard:
    ideal = PACE * seconds
    ages = sorted(age for watcher in watchers for age in watcher.ages)
    return Heard(
        seconds=seconds,
        delivered=sum(watcher.tokens for watcher in watchers) / (ideal * len(watchers)),
        worst=min(watcher.tokens for watcher in watchers) / ideal,
        p50=ages[len(ages) // 2] if ages else None,
        p95=ages[int(0.95 * len(ages))] if ages else None,
        cores=cores,
        memory=memory,
        before=before,
    )


async def _begin(web: httpx.AsyncClient, task: Task) -> list[str]:
    """The ids of the debates, begun one after the other."""
    wish = {
        "topic": "Is tea better than coffee?",
        "seats": [{"persona": persona, "model": LABEL} for persona in PERSONAS],
        "rounds": 100,
    }
    found = []
    for _ in range(task.debates):
        answer = await web.post("/api/v1/debates", json=wish)
        answer.raise_for_status()
        found.append(answer.json()["id"])
        await asyncio.sleep(task.spread / task.debates)
    return found


async def _listen(web: httpx.AsyncClient, task: Task) -> list[Watcher]:
    ids = await _begin(web, task)
    paths = [f"/api/v1/debates/{ids[n % len(ids)]}/events" for n in range(task.watchers)]
    return [await _open(web, path) for path in paths]


async def _look(web: httpx.AsyncClient, task: Task) -> list[Watcher]:
    """As the page does: one stream for a tab, with what is settled and what is being said."""
    events = (await web.get("/config")).json()["dependencies"]
    speaker = [one for one in events if one["queue"] and len(one["inputs"]) == 2][-1]
    settler = next(one for one in events if one["queue"] and one["inputs"] == speaker["inputs"][:1])
    ids = await _begin(web, task)
    watchers = []
    for number in range(task.watchers):
        ticket = f"{ids[number % len(ids)]} mark"
        tab = f"tab{number:08}"
        await _join(web, settler["id"], [ticket], tab)
        event = await _join(web, speaker["id"], [ticket, True], tab)
        watchers.append(await _open(web, _stream(tab), event.encode()))
    return watchers


async def _look_at_bare(web: httpx.AsyncClient, task: Task) -> list[Watcher]:
    events = (await web.get("/config")).json()["dependencies"]
    watchers = []
    for number in range(task.watchers):
        tab = f"tab{number:08}"
        event = await _join(web, events[0]["id"], ["Is tea better than coffee?"], tab)
        watchers.append(await _open(web, _stream(tab), event.encode()))
        await asyncio.sleep(task.spread / task.watchers)
    return watchers


async def _join(web: httpx.AsyncClient, fn_index: int, data: list[Any], tab: str) -> str:
    asked = {"fn_index": fn_index, "data": data, "session_hash": tab}
    answer = await web.post("/gradio_api/queue/join", json=asked)
    answer.raise_for_status()
    event: str = answer.json()["event_id"]
    return event


def _stream(tab: str) -> str:
    return f"/gradio_api/queue/data?session_hash={tab}"


async def _open(web: httpx.AsyncClient, path: str, mark: bytes = b"") -> Watcher:
    server = urlsplit(str(web.base_url))
    assert server.hostname
    assert server.port
    loop = asyncio.get_running_loop()
    watcher = Watcher(server.netloc, path, mark)
    await loop.create_connection(lambda: watcher, server.hostname, server.port)
    return watcher


_WAYS: dict[Way, Callable[[httpx.AsyncClient, Task], Awaitable[list[Watcher]]]] = {
    "page": _look,
    "events": _listen,
    "bare": _look_at_bare,
}


def main(told: str) -> None:
    print(json.dumps(asdict(asyncio.run(watch(Task(**json.loads(told)))))))


if __name__ == "__main__":
    main(sys.argv[1])

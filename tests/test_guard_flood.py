"""The flood that stops Gradio's queue: more tabs than it keeps messages for."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from rebuttal.settings import load_settings
from rebuttal.web.asgi import Refused
from rebuttal.web.sessions import Sessions
from tests.intruder import API, Intruder, call, together
from tests.served import Served, serving

JOINS = 2100
EVENT = 0
QUICK: list[float] = []
"""Seconds that refusals took."""


async def flood(page: Served, sources: list[str]) -> Counter[int]:
    """Join the queue as 2,100 tabs, in turn from each address. How often each status came."""
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(Intruder(page.address, source)) for source in sources
        ]
        for client in clients:
            assert (await client.open()).status == 200
        tag = secrets.token_hex(4)

        async def join(number: int) -> int:
            client = clients[number % len(clients)]
            return await try_to_join(client, f"{tag}{number}")

        return Counter(await together(JOINS, join))


async def try_to_join(client: Intruder, tab: str) -> int:
    """The status; a refusal says when to come again, and is quick."""
    began = time.monotonic()
    answer = await client.post(f"{API}/queue/join", call(EVENT, tab, "x"))
    if answer.status == 429:
        assert int(answer.headers["retry-after"]) >= 1
        assert "try again" in answer.json["detail"].casefold()
        QUICK.append(time.monotonic() - began)
    return answer.status


async def speak(page: Served, source: str) -> str:
    """What becomes of what a newcomer sends through the queue."""
    async with Intruder(page.address, source) as newcomer:
        await newcomer.open()
        tab = secrets.token_hex(5)
        joined = await newcomer.post(f"{API}/queue/join", call(EVENT, tab, "hello"))
        if joined.status != 200:
            return str(joined.status)
        said = b""
        async with newcomer.stream(tab) as stream, asyncio.timeout(10):
            while b"estimation" not in said and b"process_" not in said:
                said += await stream.read(4096)
        return "heard"


async def health(page: Served) -> tuple[int, bool]:
    """The status of /healthz, and what it says of the queue."""
    async with Intruder(page.address, "127.0.0.98") as doctor:
        answer = await doctor.get("/healthz")
        return answer.status, answer.json["queue"]


@pytest.mark.parametrize("addresses", [1, 50])
async def test_without_the_guard_the_flood_ends_the_queue_and_healthz_turns_red(
    tmp_path: Path, addresses: int
) -> None:
    small = ("-m", "tests.small_page", str(tmp_path), "unguarded")
    with serving(tmp_path, *small) as page:
        assert await health(page) == (200, True)
        await flood(page, [f"127.0.0.{2 + number}" for number in range(addresses)])
        await asyncio.sleep(2)  # until the event that runs is over
        assert await health(page) == (503, False)
        assert await speak(page, "127.0.0.99") == "503"


@pytest.mark.parametrize("profile", ["local", "lan", "public"])
async def test_with_it_others_are_served_and_refusals_are_quick(
    tmp_path: Path, profile: str
) -> None:
    small = ("-m", "tests.small_page", str(tmp_path))
    QUICK.clear()
    with serving(tmp_path, *small, environment={"REBUTTAL_PROFILE": profile}) as page:
        for sources in ([f"127.0.0.{last}" for last in range(3, 53)], ["127.0.0.2"]):
            statuses = await flood(page, sources)
            assert set(statuses) == {200, 429}
            assert statuses[200] <= 1500
            assert (await health(page))[1] is True
            assert await speak(page, "127.0.0.99") == "heard"
        assert sorted(QUICK)[len(QUICK) // 2] < 0.3


async def test_the_places_of_a_flood_are_free_again_within_a_minute() -> None:
    clock = Clock()
    queue = QueueOfNobody()
    sessions = Sessions(load_settings(profile="public"), queue, clock)

    async def join(number: int) -> None:
        await sessions.join(f"tab{number:05}", f"c:{number // 10}", f"10.0.0.{number % 50}")

    for number in range(1500):
        await join(number)
    with pytest.raises(Refused, match="Everything is taken"):
        await join(1501)
    clock.now += 30
    await sessions.sweep()
    assert len(sessions) == 0
    assert len(queue.forgotten) == 1500
    await join(1501)


async def test_whoever_holds_most_gives_up_a_place_for_who_holds_none() -> None:
    queue = QueueOfNobody()
    settings = load_settings(profile="public", sessions=100)
    sessions = Sessions(settings, queue, Clock())
    for number in range(50):
        await sessions.join(f"greedy{number}", f"c:{number}", "10.0.0.1")
        await sessions.join(f"modest{number}", f"c:m{number}", f"10.0.1.{number}")
    await sessions.join("newcomer", "c:n", "10.0.2.1")
    assert queue.forgotten == ["greedy0"]


async def test_a_tab_that_is_over_gives_its_place_to_the_visitors_next() -> None:
    queue = QueueOfNobody()
    sessions = Sessions(load_settings(profile="public", sessions_per_visitor=2), queue, Clock())
    for number in range(20):
        session = await sessions.join(f"reload{number}", "c:a", "10.0.0.1")
        sessions.open(session, lambda: None)
        await sessions.close(session)
    assert len(sessions) == 2
    assert sessions.find("reload19", "c:a")


async def test_a_tab_that_reads_too_slowly_is_cut_and_then_forgotten() -> None:
    queue, cut = QueueOfNobody(), list[str]()
    sessions = Sessions(load_settings(profile="public"), queue, Clock())
    session = await sessions.join("slow", "c:a", "10.0.0.1")
    sessions.open(session, lambda: cut.append("slow"))
    await sessions.sweep()
    assert cut == []
    queue.waiting = 5000
    await sessions.sweep()
    assert (cut, queue.forgotten) == (["slow"], [])
    await sessions.close(session)
    assert queue.forgotten == ["slow"]


class Clock:
    """Stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class QueueOfNobody:
    """A queue in which nothing happens, and which remembers whom it was told to forget."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []
        self.waiting = 0

    def works(self) -> bool:
        return True

    def is_full(self) -> bool:
        return False

    def takes(self, fn_index: int, inputs: int, queued: bool) -> bool:
        return True

    def pending(self, session_hash: str) -> tuple[str, ...]:
        return ()

    def holds(self, session_hash: str) -> bool:
        return True

    def backlog(self, session_hash: str) -> int:
        return self.waiting

    async def forget(self, session_hash: str) -> None:
        self.forgotten.append(session_hash)

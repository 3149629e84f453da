"""The bus between processes: who has a debate, what is said of it, and what happens to orphans."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager

import pytest

from rebuttal.app import DebateApp
from rebuttal.bus import Alone, Bus
from rebuttal.errors import InvalidInput
from rebuttal.settings import load_settings
from rebuttal.stores.redis_bus import RedisBus
from rebuttal.stores.redis_bus_scripts import LEASE
from tests.redis_server import PASSWORD, RedisServer

pytestmark = pytest.mark.redis


class Process:
    """What a bus told the debates of one process, in order."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.heard: list[tuple[str, str]] = []
        self.lost: list[str] = []
        self.taken: list[tuple[str, str]] = []
        self.elsewhere: Collection[str] = ()
        self.unheld: Collection[str] = ()
        self.running: Collection[str] = ()
        self.watched: list[str] = []
        self.went_away = 0
        self.came_back = 0

    def hear(self, debate_id: str, entry: str) -> None:
        self.heard.append((debate_id, entry))

    def lose(self, debate_id: str) -> None:
        self.lost.append(debate_id)

    def away(self) -> None:
        self.went_away += 1

    def back(self) -> None:
        self.came_back += 1

    def look_around(
        self, elsewhere: Collection[str], unheld: Collection[str], running: Collection[str]
    ) -> None:
        self.elsewhere, self.unheld, self.running = elsewhere, unheld, running

    async def obey(self, debate_id: str, order: str) -> str:
        return f"{order} of {debate_id}: done"

    async def take_over(self, debate_id: str, note: str) -> None:
        if await self.bus.claim(debate_id):
            self.taken.append((debate_id, note))


@asynccontextmanager
async def processes(address: str, count: int = 2) -> AsyncIterator[list[Process]]:
    joined = [Process(RedisBus.open(address)) for _ in range(count)]
    try:
        for process in joined:
            await process.bus.join(process)
            process.bus.stand_by()
        yield joined
    finally:
        for process in joined:
            await process.bus.close()


async def until(true: Callable[[], object], within: float = 5.0) -> float:
    """Seconds until it is so."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < within, "it never came to that"
        await asyncio.sleep(0.01)
    return time.monotonic() - began


async def test_one_of_many_who_claim_at_once_has_the_debate(empty_redis: str) -> None:
    async with processes(empty_redis, 4) as all_of_them:
        claims = await asyncio.gather(*(each.bus.claim("d") for each in all_of_them))
        (claim,) = [claim for claim in claims if claim]
        await claim.release()
        again = await all_of_them[0].bus.claim("d")
        assert again
        assert again.number > claim.number


async def test_who_had_it_last_knows_that_nobody_touched_it(empty_redis: str) -> None:
    async with processes(empty_redis) as (one, other):
        for process, untouched in ((one, False), (one, True), (other, False), (one, False)):
            claim = await process.bus.claim("d")
            assert claim
            assert claim.untouched is untouched
            await claim.release()


async def test_followers_hear_everything_once_in_order_and_late_ones_from_the_last_whole(
    empty_redis: str,
) -> None:
    async with processes(empty_redis, 3) as (holder, follower, late):
        await follower.bus.follow("d")
        claim = await holder.bus.claim("d")
        assert claim
        for number in range(100):
            assert await claim.post(str(number), whole=number % 40 == 0)
        await late.bus.follow("d")
        assert late.heard[0][1] in ("0", "40")
        await claim.post("end", whole=False)
        await until(lambda: ("d", "end") in follower.heard and ("d", "end") in late.heard)
        assert [entry for _, entry in follower.heard] == [*map(str, range(100)), "end"]
        assert [entry for _, entry in late.heard][-61:] == [*map(str, range(40, 100)), "end"]
        assert holder.heard == []


async def test_an_order_is_answered_by_whoever_has_the_debate(empty_redis: str) -> None:
    async with processes(empty_redis) as (holder, other):
        assert await other.bus.ask("d", "stop") is None
        claim = await holder.bus.claim("d")
        assert claim
        assert await other.bus.ask("d", "stop") == "stop of d: done"
        await claim.release()
        assert await other.bus.ask("d", "stop") is None


async def test_a_running_debate_of_a_silent_process_is_taken_over_with_its_note_and_fenced_off(
    empty_redis: str,
) -> None:
    async with processes(empty_redis, 3) as (silent, one, other):
        claim = await silent.bus.claim("d")
        rests = await silent.bus.claim("at rest")
        await other.bus.follow("at rest")
        assert claim
        assert rests
        await claim.run("first")
        await claim.run("second")
        await until(lambda: other.running == ["d"])
        assert "at rest" not in other.unheld
        for task in silent.bus._loops:  # type: ignore[attr-defined]
            task.cancel()
        seconds = await until(lambda: one.taken or other.taken, 10)
        assert LEASE - 1.5 < seconds < LEASE + 2
        await asyncio.sleep(1.5)
        assert one.taken + other.taken == [("d", "second")]
        assert not await claim.post("a stale word", whole=True)
        assert not await claim.holds()
        assert silent.lost == ["d"]


async def test_a_debate_that_rests_is_nobodys_to_take_over(empty_redis: str) -> None:
    async with processes(empty_redis) as (one, other):
        claim = await one.bus.claim("d")
        assert claim
        await claim.run("note")
        await claim.release()
        await one.bus.close()
        await asyncio.sleep(LEASE + 1.5)
        assert other.taken == []


async def test_handing_over_is_quick_and_needs_another_process(empty_redis: str) -> None:
    async with processes(empty_redis, 1) as (single,):
        alone = await single.bus.claim("d")
        assert alone
        await alone.run("note")
        assert not await alone.hand_over()
        async with processes(empty_redis, 1) as (other,):
            await asyncio.sleep(1.2)
            assert await alone.hand_over()
            assert await until(lambda: other.taken) < 1.5
            assert other.taken == [("d", "note")]
        assert single.lost == []


async def test_those_who_watch_elsewhere_are_known(empty_redis: str) -> None:
    async with processes(empty_redis) as (holder, other):
        claim = await holder.bus.claim("d")
        assert claim
        other.watched.append("d")
        await until(lambda: "d" in holder.elsewhere)
        other.watched.clear()
        await until(lambda: "d" not in holder.elsewhere, LEASE + 2)


async def test_a_forgotten_debate_leaves_no_key(empty_redis: str) -> None:
    async with processes(empty_redis) as (one, other):
        await other.bus.follow("d")
        claim = await one.bus.claim("d")
        assert claim
        await claim.run("note")
        await claim.post("said", whole=True)
        await one.bus.forget("d", "gone")
        await until(lambda: ("d", "gone") in other.heard)
        left = [key async for key in one.bus._redis.scan_iter("*:d")]  # type: ignore[attr-defined]
        assert left == ["rebuttal:bus:news:d"]
        assert 0 < await one.bus._redis.ttl(left[0]) <= 10  # type: ignore[attr-defined]


@pytest.mark.parametrize("empty", [False, True])
async def test_redis_gone_and_back_each_goes_on_and_nobody_loses_what_it_has(
    frail_redis: RedisServer, empty: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with processes(frail_redis.address(0)) as (holder, other):
        await other.bus.follow("d")
        claim = await holder.bus.claim("d")
        assert claim
        await claim.run("note")
        await claim.post("before", whole=True)
        frail_redis.kill()
        if empty:
            frail_redis.lose()
        await until(lambda: holder.bus.problem and other.bus.problem)
        assert "Redis" in holder.bus.problem
        assert PASSWORD not in holder.bus.problem + caplog.text
        assert await claim.holds()
        assert not await claim.post("meanwhile", whole=False)
        second = await holder.bus.claim("another")
        assert second, "alone, every debate is ours"
        await asyncio.sleep(LEASE)
        frail_redis.start()
        await until(lambda: not (holder.bus.problem or other.bus.problem))
        assert await claim.post("after", whole=True)
        await until(lambda: ("d", "after") in other.heard)
        assert await other.bus.claim("another") is None
        await asyncio.sleep(1.5)
        assert (holder.lost, other.taken) == ([], [])


@pytest.mark.parametrize("last", [0, 1])
async def test_a_debate_begun_while_redis_was_away_stays_when_it_is_back(
    frail_redis: RedisServer, last: int
) -> None:
    async with processes(frail_redis.address(0)) as both:
        one, other = both
        before = await both[last].bus.claim("d")
        assert before
        if last:
            await before.release()
        frail_redis.kill()
        await until(lambda: one.bus.problem and other.bus.problem)
        await before.release()
        claim = await one.bus.claim("d")
        assert claim
        await claim.run("note")
        assert not await claim.post("alone", whole=True)
        assert not claim.exclusive
        frail_redis.start()
        await until(lambda: one.came_back and other.came_back)
        assert claim.exclusive
        assert claim.number > before.number
        assert await other.bus.claim("d") is None
        assert await claim.post("heard", whole=True)
        await asyncio.sleep(LEASE + 2)
        assert await claim.holds()
        assert (one.lost, one.running, other.taken) == ([], ["d"], [])


async def test_of_two_who_began_it_while_redis_was_away_one_has_it_in_the_end(
    frail_redis: RedisServer,
) -> None:
    async with processes(frail_redis.address(0)) as (one, other):
        frail_redis.kill()
        await until(lambda: one.bus.problem and other.bus.problem)
        claims = [await each.bus.claim("d") for each in (one, other)]
        frail_redis.start()
        await until(lambda: one.came_back and other.came_back)
        holds = [await claim.holds() for claim in claims if claim]
        assert sorted(holds) == [False, True]
        assert one.lost + other.lost == ["d"]


async def test_what_came_to_rest_while_redis_was_away_is_not_taken_over(
    frail_redis: RedisServer,
) -> None:
    async with processes(frail_redis.address(0)) as (one, other):
        claim = await one.bus.claim("d")
        assert claim
        await claim.run("note")
        frail_redis.kill()
        await until(lambda: one.bus.problem and other.bus.problem)
        await claim.release()
        frail_redis.start()
        await until(lambda: one.came_back and other.came_back)
        await asyncio.sleep(LEASE * 2 + 2)
        assert (one.taken, other.taken) == ([], [])
        assert await other.bus.claim("d")


async def test_a_frozen_redis_costs_seconds_and_not_an_answer(frail_redis: RedisServer) -> None:
    async with processes(frail_redis.address(0), 1) as (process,):
        frail_redis.pause()
        began = time.monotonic()
        assert await process.bus.claim("d")
        assert await process.bus.ask("d", "stop") is None
        assert time.monotonic() - began < 5
        began = time.monotonic()
        assert await process.bus.claim("e")
        assert time.monotonic() - began < 0.1, "what is known to be away is not asked again"


async def test_alone_every_debate_is_ours() -> None:
    bus = Alone()
    claim = await bus.claim("d")
    assert claim
    assert claim.untouched
    assert await claim.holds()
    assert not await claim.hand_over()
    assert await bus.ask("d", "stop") is None


async def test_an_address_that_is_none_is_told_without_its_password() -> None:
    with pytest.raises(InvalidInput) as raised:
        DebateApp(load_settings(redis=f"http://:{PASSWORD}@127.0.0.1:1/0"))
    assert PASSWORD not in str(raised.value)


async def test_closing_takes_a_moment_at_whatever_moment(empty_redis: str) -> None:
    for number in range(40):
        process = Process(RedisBus.open(empty_redis))
        await process.bus.join(process)
        await process.bus.follow("d")
        await asyncio.sleep(number / 4000)
        async with asyncio.timeout(5):
            await process.bus.close()

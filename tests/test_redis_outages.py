"""Redis goes away, gets stuck, comes back, with and without what it kept: nothing is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import date

import pytest

from rebuttal.errors import NotFound, StoreError
from rebuttal.records import Token
from rebuttal.stores.base import Cost, DebateStore, Purse
from rebuttal.stores.fallback_store import FallbackStore
from tests.redis_server import PASSWORD, RedisServer
from tests.stores import NOON, a_turn, begin, ids, listed

pytestmark = pytest.mark.redis


def opened(server: RedisServer, keep_turns: int = 400) -> FallbackStore:
    return FallbackStore.open(server.address(), keep_hours=168, keep_turns=keep_turns)


@pytest.fixture
async def here(frail_redis: RedisServer) -> AsyncIterator[FallbackStore]:
    """The store of this process."""
    store = opened(frail_redis)
    yield store
    await store.close()


@pytest.fixture
async def elsewhere(frail_redis: RedisServer) -> AsyncIterator[FallbackStore]:
    """The store of another process on the same Redis."""
    store = opened(frail_redis)
    yield store
    await store.close()


async def is_back(store: DebateStore, within: float = 10.0) -> float:
    """Seconds until everything is written back."""
    began = time.monotonic()
    while store.problem:
        assert time.monotonic() - began < within, store.problem
        await asyncio.sleep(0.005)
    return time.monotonic() - began


async def add(store: DebateStore, *turns: str, key: str = "d") -> None:
    """Each behind the one before."""
    for turn in turns:
        await store.add_turn(key, a_turn(turn, (await store.get_debate(key)).tip))


def stop(server: RedisServer) -> Callable[[], object]:
    server.kill()
    return server.start


def pause(server: RedisServer) -> Callable[[], object]:
    server.pause()
    return server.go_on


def fill(server: RedisServer) -> Callable[[], object]:
    server.say("CONFIG", "SET", "maxmemory", "1")
    return lambda: server.say("CONFIG", "SET", "maxmemory", "0")


def follow_another(server: RedisServer) -> Callable[[], object]:
    server.say("REPLICAOF", "127.0.0.1", "1")
    return lambda: server.say("REPLICAOF", "NO", "ONE")


OUTAGES = {
    "does not answer": stop,
    "has no memory left": fill,
    "is read-only": follow_another,
    "does not answer, stuck": pause,
}


@pytest.mark.parametrize("reason", OUTAGES)
async def test_debates_go_on_in_memory_and_are_written_back(
    frail_redis: RedisServer, here: FallbackStore, elsewhere: FallbackStore, reason: str
) -> None:
    await begin(here, turns=2)
    assert here.problem == ""
    come_back = OUTAGES[reason](frail_redis)
    began = time.monotonic()
    await add(here, "t3")
    assert time.monotonic() - began < 3
    assert here.problem == (
        f"Redis {reason.partition(',')[0]}: debates are kept in this process's memory until it "
        "returns, and are then written back."
    )
    await begin(here, "new", turns=1)
    await here.change_debate("d", title="Meanwhile", pinned=True)
    assert [debate.id for debate in await listed(here)] == ["d", "new"]
    assert await ids(here) == ["t0", "t1", "t2", "t3"]
    come_back()
    await is_back(here)
    for store in (here, elsewhere):
        assert [debate.title for debate in await listed(store)] == ["Meanwhile", None]
        assert await ids(store) == ["t0", "t1", "t2", "t3"]
        assert await ids(store, "new") == ["t0", "t1"]
    await add(elsewhere, "t4")
    assert await ids(here) == ["t0", "t1", "t2", "t3", "t4"]


async def test_away_at_the_start_it_begins_in_memory(frail_redis: RedisServer) -> None:
    frail_redis.kill()
    store = opened(frail_redis)
    await begin(store, turns=2)
    assert "does not answer" in store.problem
    frail_redis.start()
    await is_back(store)
    await store.close()
    again = opened(frail_redis)
    assert await ids(again) == ["t0", "t1", "t2"]
    await again.close()


async def test_what_only_redis_knows_is_out_of_reach_and_not_said_to_be_missing(
    frail_redis: RedisServer, here: FallbackStore, elsewhere: FallbackStore
) -> None:
    await begin(elsewhere, turns=1)
    await begin(here, "mine")
    frail_redis.kill()
    for call in (
        here.get_debate("d"),
        here.get_tree("d"),
        here.add_turn("d", a_turn("t2", "t1")),
        here.ids_of(""),
        here.get_token("0" * 64),
    ):
        with pytest.raises(StoreError) as caught:
            await call
        assert caught.value.hint
        assert PASSWORD not in str(caught.value)
        assert "127.0.0.1" not in str(caught.value)
    await here.delete(["mine"])
    with pytest.raises(NotFound):
        await here.get_debate("mine")
    frail_redis.start()
    await is_back(here)
    assert await ids(here) == ["t0", "t1"]
    assert [debate.id for debate in await listed(elsewhere)] == ["d"]


async def test_where_a_debate_went_on_elsewhere_what_was_said_here_is_a_branch(
    frail_redis: RedisServer, here: FallbackStore, elsewhere: FallbackStore
) -> None:
    await begin(here, turns=2)
    frail_redis.pause()
    await add(here, "here-3", "here-4")
    frail_redis.go_on()
    # The other process is quicker: it needs no look whether Redis is back.
    await add(elsewhere, "there-3")
    await is_back(here)
    for store in (here, elsewhere):
        tree = {turn.id: turn.parent_id for turn in await store.get_tree("d")}
        assert tree["here-3"] == tree["there-3"] == "t2"
        assert tree["here-4"] == "here-3"
        assert await ids(store) == ["t0", "t1", "t2", "there-3"]


async def test_a_branch_that_was_deleted_elsewhere_comes_back_where_it_was_gone_on_with(
    frail_redis: RedisServer, here: FallbackStore, elsewhere: FallbackStore
) -> None:
    await begin(here, turns=3)
    frail_redis.pause()
    await add(here, "t4")
    frail_redis.go_on()
    await elsewhere.move_tip("d", "t1", expected="t3")
    await elsewhere.delete_branch("d", "t2")
    await is_back(here)
    assert await ids(elsewhere) == ["t0", "t1"]
    tree = {turn.id: turn.parent_id for turn in await elsewhere.get_tree("d")}
    assert tree == {"t0": None, "t1": "t0", "t2": "t1", "t3": "t2", "t4": "t3"}


async def test_a_purged_debate_stays_gone(
    frail_redis: RedisServer, here: FallbackStore, elsewhere: FallbackStore
) -> None:
    await begin(here, turns=1)
    frail_redis.pause()
    await add(here, "t2")
    frail_redis.go_on()
    await elsewhere.delete(["d"])
    await elsewhere.purge(None, NOON.replace(year=2100))
    await is_back(here)
    assert await listed(elsewhere) == []
    with pytest.raises(NotFound):
        await here.get_tree("d")


async def test_a_write_that_redis_did_but_could_not_say_so_counts_once(
    frail_redis: RedisServer, here: FallbackStore
) -> None:
    purse = Purse("app", "", "2026-11-20")
    await begin(here, turns=1)
    frail_redis.pause()
    # Sent and not answered: done by Redis as soon as it goes on.
    turn, spent = await asyncio.gather(
        here.add_turn("d", a_turn("t2", "t1")), here.ledger.reserve([purse], Cost(70))
    )
    assert (turn, spent) == (None, None)
    frail_redis.go_on()
    await is_back(here)
    assert await ids(here) == ["t0", "t1", "t2"]
    figures = await here.ledger.figures(date(2026, 11, 20))
    assert figures["app"].total == Cost(70)


async def test_a_redis_that_lost_its_data_gets_back_what_this_process_knows(
    frail_redis: RedisServer, here: FallbackStore
) -> None:
    purse = Purse("app", "", "2026-11-20", tokens=1000)
    await begin(here, "first", turns=3)
    await here.ledger.reserve([purse], Cost(300))
    await here.ledger.halt("Stop.")
    await begin(here, "deleted")
    await here.delete(["deleted"])
    frail_redis.kill()
    await begin(here, "second", turns=1)
    await add(here, "t4", key="first")
    await here.ledger.reserve([purse], Cost(100))
    frail_redis.lose()
    frail_redis.start()
    await is_back(here)
    other = opened(frail_redis)
    assert [debate.id for debate in await listed(other)] == ["second", "first"]
    assert await ids(other, "first") == ["t0", "t1", "t2", "t3", "t4"]
    assert (await other.ledger.figures(date(2026, 11, 20)))["app"].total == Cost(400)
    assert await other.ledger.halted() == "Stop."
    await other.close()


async def test_emptied_between_two_turns_it_gets_everything_back(
    frail_redis: RedisServer, here: FallbackStore
) -> None:
    await begin(here, turns=3)
    frail_redis.say("FLUSHALL")
    await add(here, "t4")
    await is_back(here)
    assert await ids(here) == ["t0", "t1", "t2", "t3", "t4"]
    frail_redis.say("FLUSHALL")
    assert await ids(here) == ["t0", "t1", "t2", "t3", "t4"]


async def test_a_restart_between_two_turns_is_over_at_once(
    frail_redis: RedisServer, here: FallbackStore
) -> None:
    await begin(here, turns=1)
    frail_redis.restart()
    await add(here, "t2")
    assert await is_back(here) < 1
    assert await ids(here) == ["t0", "t1", "t2"]


async def test_the_last_writes_that_a_restart_made_it_forget_are_given_again(
    frail_redis: RedisServer, here: FallbackStore
) -> None:
    purse = Purse("app", "", "2026-11-20")
    await begin(here, turns=1)
    frail_redis.say("CONFIG", "SET", "appendonly", "no")  # from here on nothing reaches the disk
    await add(here, "t2", "t3")
    await here.ledger.reserve([purse], Cost(5))
    frail_redis.restart()
    assert frail_redis.say("EXISTS", "rebuttal:sums:2026-11-20:app:tokens") == ":0"
    await add(here, "t4")
    await is_back(here)
    assert await ids(here) == ["t0", "t1", "t2", "t3", "t4"]
    assert (await here.ledger.figures(date(2026, 11, 20)))["app"].total == Cost(5)


async def test_budgets_go_on_from_what_is_known(
    frail_redis: RedisServer, here: FallbackStore, elsewhere: FallbackStore
) -> None:
    purse = Purse("app", "", "2026-11-20", tokens=100)
    secret = await here.ledger.secret(date(2026, 11, 20))
    await elsewhere.ledger.reserve([purse], Cost(50))
    await here.ledger.reserve([purse], Cost(10))
    frail_redis.kill()
    assert await here.ledger.secret(date(2026, 11, 20)) == secret
    lack = await here.ledger.reserve([purse], Cost(41))
    assert lack
    assert lack.spent == Cost(60)
    assert await here.ledger.reserve([purse], Cost(40)) is None
    await here.ledger.settle([purse], Cost(40), Cost(25))
    frail_redis.start()
    await is_back(here)
    assert (await elsewhere.ledger.figures(date(2026, 11, 20)))["app"].total == Cost(85)


async def test_a_halt_that_is_known_stays(frail_redis: RedisServer, here: FallbackStore) -> None:
    await here.ledger.halt("A bill came.")
    frail_redis.kill()
    assert await here.ledger.halted() == "A bill came."
    await here.ledger.go_on()
    assert await here.ledger.halted() is None
    frail_redis.start()
    await is_back(here)
    assert await here.ledger.halted() is None


async def test_in_an_outage_a_link_from_before_opens_nothing(
    frail_redis: RedisServer, here: FallbackStore, elsewhere: FallbackStore
) -> None:
    await begin(here)
    old, new = (
        Token(hash=sign * 64, kind="link", owner="ann", debate_id="d", created_at=NOON)
        for sign in "ab"
    )
    await here.add_token(old)
    await elsewhere.drop_token(old.hash)
    frail_redis.kill()
    with pytest.raises(StoreError):
        await here.get_token(old.hash)
    await here.add_token(new)
    assert await here.get_token(new.hash) == new
    frail_redis.start()
    await is_back(here)
    assert await elsewhere.get_token(new.hash) == new
    assert await elsewhere.get_token(old.hash) is None


async def test_closing_writes_back_what_redis_takes(frail_redis: RedisServer) -> None:
    store = opened(frail_redis)
    await begin(store)
    frail_redis.kill()
    await add(store, "t1")
    frail_redis.start()
    await store.close()
    again = opened(frail_redis)
    assert await ids(again) == ["t0", "t1"]
    await again.close()


async def test_closing_says_what_is_lost_when_redis_stays_away(frail_redis: RedisServer) -> None:
    store = opened(frail_redis)
    await begin(store)
    frail_redis.kill()
    await store.get_debate("d")
    await add(store, "t1")
    with pytest.raises(StoreError, match="lost"):
        await store.close()
    await store.close()
    for call in (store.get_debate("d"), store.ledger.halted(), begin(store, "new")):
        with pytest.raises(StoreError, match="closed"):
            await call


async def test_a_hundred_at_once_wait_for_a_stuck_redis_together(
    frail_redis: RedisServer, here: FallbackStore
) -> None:
    await begin(here)
    frail_redis.pause()
    began = time.monotonic()
    await asyncio.gather(*(begin(here, f"d{n}") for n in range(100)))
    assert time.monotonic() - began < 3.5
    frail_redis.go_on()
    await is_back(here)
    assert len(await listed(here)) == 101


async def test_a_wrong_password_is_an_error_and_no_outage(frail_redis: RedisServer) -> None:
    address = frail_redis.address().replace(PASSWORD, "not-it-0815")
    store = FallbackStore.open(address, keep_hours=1, keep_turns=10)
    with pytest.raises(StoreError, match="password") as caught:
        await begin(store)
    assert "not-it-0815" not in str(caught.value)
    assert store.problem == ""
    await store.close()

"""Two real processes, one PostgreSQL, one Redis: one debate, whoever runs it, kills included."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from rebuttal.events import (
    DebateFinished,
    DebatePaused,
    DebateRewound,
    TurnDelta,
    TurnDiscarded,
    TurnFinished,
    TurnStarted,
)
from rebuttal.records import Turn
from rebuttal.stores.redis_connection import RedisAddress
from tests.neighbour import Neighbour, Refused, neighbour
from tests.redis_server import RedisServer

pytestmark = [pytest.mark.redis, pytest.mark.postgres]

Pair = tuple[Neighbour, Neighbour]


@pytest.fixture
async def pair(tmp_path: Path, empty_postgres: str, empty_redis: str) -> AsyncIterator[Pair]:
    addresses = {"database": empty_postgres, "redis": empty_redis}
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(neighbour(tmp_path / "a", addresses))
        other = await stack.enter_async_context(neighbour(tmp_path / "b", addresses))
        yield one, other


def is_whole(turns: Sequence[Turn], rounds: int) -> bool:
    """Whether it is one line on which each seat said each turn it owed once, in its order."""
    parents = [turn.parent_id for turn in turns]
    in_line = parents == [None, *(turn.id for turn in turns[:-1])]
    spoken = [turn.speaker for turn in turns if not turn.from_user]
    return in_line and spoken == ["seat1", "seat2"] * rounds


def check_deltas(watcher: Neighbour, debate_id: str, turns: Sequence[Turn]) -> None:
    """Each turn came word by word, none twice; the last words come with the whole turn."""
    texts: dict[str, str] = {}
    turn_id = ""
    for _, event in watcher.news[debate_id]:
        if isinstance(event, TurnStarted):
            turn_id = event.turn_id
            texts[turn_id] = ""
        elif isinstance(event, TurnDelta):
            texts[turn_id] += event.text
    for turn in turns:
        if not turn.from_user:
            assert turn.text.startswith(texts[turn.id].strip())
            assert len(texts[turn.id]) > len(turn.text) / 2


def kinds(watcher: Neighbour, debate_id: str) -> list[str]:
    """The kinds of events but deltas, which are merged differently for each watcher."""
    events = [event for _, event in watcher.news[debate_id]]
    return [type(event).__name__ for event in events if not isinstance(event, TurnDelta)]


async def test_watched_on_the_other_process_word_by_word_with_the_same_events(pair: Pair) -> None:
    one, other = pair
    debate_id = await one.start(2)
    await one.watch(debate_id)
    await other.watch(debate_id)
    assert await other.state(debate_id) == "running"
    await other.hears(debate_id, DebateFinished, 20)
    await one.hears(debate_id, DebateFinished)
    turns = await other.transcript(debate_id)
    assert is_whole(turns, 2)
    assert turns == await one.transcript(debate_id)
    assert kinds(one, debate_id) == kinds(other, debate_id)
    for watcher in pair:
        check_deltas(watcher, debate_id, turns)
    moments = {at for at, event in other.news[debate_id] if isinstance(event, TurnDelta)}
    assert len(moments) > 20
    assert await other.state(debate_id) == "finished"


async def test_who_comes_late_to_the_other_process_hears_the_turn_so_far(pair: Pair) -> None:
    one, other = pair
    debate_id = await one.start(1)
    await one.watch(debate_id)
    await one.hears(debate_id, TurnDelta)
    await asyncio.sleep(0.5)
    await other.watch(debate_id)
    await other.hears(debate_id, TurnDelta)
    assert kinds(other, debate_id) == ["TurnFinished", "TurnStarted"]
    await other.hears(debate_id, DebateFinished)
    turns = await other.transcript(debate_id)
    check_deltas(other, debate_id, turns)


async def test_stopped_told_and_resumed_from_the_other_process(pair: Pair) -> None:
    one, other = pair
    debate_id = await one.start(2)
    await one.watch(debate_id)
    await other.watch(debate_id)
    await other.hears(debate_id, TurnDelta)
    await other.ask("stop", debate_id)
    assert await one.state(debate_id) == await other.state(debate_id) == "paused"
    turns = await other.transcript(debate_id)
    assert turns[-1].finish == "stopped"
    assert turns == await one.transcript(debate_id)
    await one.hears(debate_id, DebatePaused, of=lambda event: event.reason == "stopped")
    await other.ask("say", debate_id, "Think of the geese.")
    await one.hears(debate_id, TurnFinished, of=lambda event: "geese" in event.turn.text)
    await other.ask("resume", debate_id)
    assert await one.state(debate_id) == "running"
    await one.ask("say", debate_id, "And of the dogs.")
    since = len(one.news[debate_id])
    await one.hears(debate_id, DebateFinished, 20, since)
    turns = await one.transcript(debate_id)
    assert [turn.text for turn in turns if turn.from_user][1:] == [
        "Think of the geese.",
        "And of the dogs.",
    ]
    await other.hears(debate_id, DebateFinished, of=lambda _: True)
    assert turns == await other.transcript(debate_id)


async def test_paused_from_the_other_process_it_ends_the_turn_first(pair: Pair) -> None:
    one, other = pair
    debate_id = await one.start(2)
    await other.watch(debate_id)
    await other.hears(debate_id, TurnDelta)
    await other.ask("pause", debate_id)
    await other.hears(debate_id, DebatePaused, of=lambda event: event.reason == "paused")
    turns = await other.transcript(debate_id)
    assert [turn.finish for turn in turns] == ["stop", "stop"]


async def test_a_fresh_answer_a_branch_and_another_line_from_the_other_process(pair: Pair) -> None:
    one, other = pair
    debate_id = await one.start(1)
    await one.watch(debate_id)
    await one.hears(debate_id, DebateFinished)
    first = await one.transcript(debate_id)
    since = len(one.news[debate_id])
    await other.ask("regenerate", debate_id)
    await one.hears(debate_id, DebateRewound, 10, since)
    await one.hears(debate_id, DebateFinished, 10, since)
    second = await one.transcript(debate_id)
    assert first[:-1] == second[:-1]
    assert first[-1] != second[-1]
    with pytest.raises(Refused, match="NotFound"):
        await other.ask("branch", debate_id, "nowhere")
    since = len(one.news[debate_id])
    await other.ask("choose", debate_id, first[-1].id)
    await one.hears(debate_id, DebateRewound, 10, since)
    assert await one.transcript(debate_id) == await other.transcript(debate_id) == first
    await one.ask("prune", debate_id, second[-1].id)
    assert [turn.id for turn in first] == [turn.id for turn in await other.transcript(debate_id)]


async def test_what_the_other_process_refuses_is_told_in_its_words(pair: Pair) -> None:
    one, other = pair
    debate_id = await one.start(2)
    await other.watch(debate_id)
    await other.hears(debate_id, TurnDelta)
    with pytest.raises(Refused) as refused:
        await other.ask("regenerate", debate_id)
    assert refused.value.args == ("InvalidInput", "A turn is being spoken.", "Stop it first.")


async def test_resumed_on_both_at_once_it_runs_once(pair: Pair) -> None:
    one, other = pair
    debate_id = await one.start(2)
    await one.ask("stop", debate_id)
    await one.watch(debate_id)
    await asyncio.gather(*(each.ask("resume", debate_id) for each in (one, other) * 3))
    await one.hears(debate_id, DebateFinished, 20)
    assert is_whole(await other.transcript(debate_id), 2)
    assert kinds(one, debate_id).count("TurnStarted") <= 5  # with the one that was stopped


async def test_a_watcher_on_the_other_process_keeps_it_running(
    tmp_path: Path, empty_postgres: str, empty_redis: str
) -> None:
    addresses = {"database": empty_postgres, "redis": empty_redis}
    async with (
        neighbour(tmp_path / "a", addresses, UNWATCHED_AFTER="3") as one,
        neighbour(tmp_path / "b", addresses, UNWATCHED_AFTER="3") as other,
    ):
        unseen = await one.start(9)
        debate_id = await one.start(4)
        await other.watch(debate_id)
        await other.hears(debate_id, DebateFinished, 20)
        assert await other.state(unseen) == "paused"


async def test_deleted_on_the_other_process_it_stops_and_leaves_nothing_behind(pair: Pair) -> None:
    one, other = pair
    debate_id = await one.start(9)
    await one.watch(debate_id)
    await one.hears(debate_id, TurnDelta)
    await other.ask("delete", debate_id)
    await one.hears(debate_id, DebatePaused)
    for each in pair:
        with pytest.raises(Refused, match="NotFound"):
            await each.state(debate_id)


async def test_a_new_name_is_known_wherever_the_debate_is_open(pair: Pair) -> None:
    one, other = pair
    debate_id = await one.start(2)
    for each in pair:
        await each.watch(debate_id)
    await other.hears(debate_id, TurnDelta)
    for number, each in enumerate((other, one)):
        await each.ask("rename", debate_id, f"Cats {number}")
        await until_called(pair, debate_id, f"Cats {number}")
    await other.hears(debate_id, DebateFinished, 20)
    await other.ask("rename", debate_id, "Geese")
    await until_called(pair, debate_id, "Geese")
    deadline = time.monotonic() + 5
    while kinds(one, debate_id) != kinds(other, debate_id):
        assert time.monotonic() < deadline, (kinds(one, debate_id), kinds(other, debate_id))
        await asyncio.sleep(0.05)


async def until_called(pair: Pair, debate_id: str, title: str) -> None:
    deadline = time.monotonic() + 5
    while titles := {await each.ask("title", debate_id) for each in pair} - {title}:
        assert time.monotonic() < deadline, titles
        await asyncio.sleep(0.05)


async def test_one_that_cannot_be_taken_over_says_so_and_waits_for_a_person(
    pair: Pair, empty_redis: str
) -> None:
    one, other = pair
    debate_id = await one.start(3)
    await other.watch(debate_id)
    await other.hears(debate_id, TurnDelta)
    since = len(other.news[debate_id])
    await one.kill()
    async with RedisAddress(empty_redis).connect() as redis:
        await redis.hset("rebuttal:bus:notes", debate_id, "of another version")
    await other.hears(debate_id, DebatePaused, 10, since, lambda event: event.reason == "error")
    assert await other.state(debate_id) == "paused"
    await asyncio.sleep(2)
    assert await other.state(debate_id) == "paused"
    await other.ask("resume", debate_id)
    await other.hears(debate_id, DebateFinished, 20, since)


async def test_a_halt_ends_it_wherever_it_runs(pair: Pair) -> None:
    one, other = pair
    debate_id = await one.start(9)
    await other.watch(debate_id)
    await other.hears(debate_id, TurnDelta)
    await other.ask("halt", "Back tomorrow.")
    await other.hears(debate_id, DebatePaused, of=lambda event: "Back tomorrow" in event.message)
    with pytest.raises(Refused, match="BudgetSpent"):
        await one.ask("resume", debate_id)


async def test_ended_in_order_it_hands_over_at_once(pair: Pair) -> None:
    one, other = pair
    await asyncio.sleep(1.1)
    debate_id = await one.start(2)
    await other.watch(debate_id)
    await other.hears(debate_id, TurnDelta)
    await one.ask("say", debate_id, "Think of the geese.")
    since = len(other.news[debate_id])
    began = time.monotonic()
    assert await one.end() == 0
    assert await other.hears(debate_id, TurnStarted, 5, since) - began < 3
    await other.hears(debate_id, DebateFinished, 20, since)
    turns = await other.transcript(debate_id)
    assert [turn.text for turn in turns if turn.from_user][1:] == ["Think of the geese."]
    assert [turn.speaker for turn in turns if not turn.from_user] == ["seat1", "seat2"] * 2
    assert not {turn.finish for turn in turns} - {"stop"}


@pytest.mark.parametrize("watched", [True, False])
async def test_killed_in_mid_turn_another_goes_on_from_the_last_finished_turn(
    pair: Pair, watched: bool
) -> None:
    one, other = pair
    debate_id = await one.start(2)
    await one.watch(debate_id)
    await one.hears(debate_id, TurnFinished, of=lambda event: not event.turn.from_user)
    if watched:
        await other.watch(debate_id)
        await other.hears(debate_id, TurnDelta)
    await one.ask("say", debate_id, "Think of the geese.")
    kept = await one.transcript(debate_id)
    killed = await one.kill()
    if watched:
        discarded = await other.hears(debate_id, TurnDiscarded)
        since = len(other.news[debate_id])
        said = await other.hears(debate_id, TurnDelta, 10, since)
        assert discarded < said
        assert said - killed < 10
    else:
        await asyncio.sleep(8)
        await other.watch(debate_id)
    await other.hears(debate_id, DebateFinished, 20)
    turns = await other.transcript(debate_id)
    assert turns[: len(kept)] == kept
    assert [turn.speaker for turn in turns if not turn.from_user] == ["seat1", "seat2"] * 2
    assert [turn.text for turn in turns if turn.from_user][1:] == ["Think of the geese."]


async def test_where_redis_is_the_store_it_also_carries_the_debates(
    tmp_path: Path, empty_redis: str
) -> None:
    addresses = {"database": empty_redis, "redis": ""}
    async with (
        neighbour(tmp_path / "a", addresses) as one,
        neighbour(tmp_path / "b", addresses) as other,
    ):
        debate_id = await one.start(2)
        await other.watch(debate_id)
        await other.hears(debate_id, TurnDelta)
        since = len(other.news[debate_id])
        await one.kill()
        await other.hears(debate_id, DebateFinished, 20, since)
        assert is_whole(await other.transcript(debate_id), 2)


async def test_stopped_on_the_other_process_while_its_own_is_frozen(pair: Pair) -> None:
    one, other = pair
    debate_id = await one.start(9)
    await other.watch(debate_id)
    await other.hears(debate_id, TurnDelta)
    one.freeze()
    await other.ask("stop", debate_id)
    assert await other.state(debate_id) == "paused"
    said = await other.transcript(debate_id)
    one.thaw()
    await asyncio.sleep(3)
    assert await other.transcript(debate_id) == said
    assert await one.state(debate_id) == "paused"


async def test_a_process_frozen_for_long_writes_nothing_when_it_thaws(pair: Pair) -> None:
    one, other = pair
    debate_id = await one.start(9)
    await one.watch(debate_id)
    await other.watch(debate_id)
    await other.hears(debate_id, TurnDelta)
    one.freeze()
    since = len(other.news[debate_id])
    await other.hears(debate_id, TurnDiscarded, 20, since)
    await other.hears(debate_id, TurnFinished, 20, since)
    since = len(other.news[debate_id])
    one.thaw()
    await other.hears(debate_id, TurnFinished, 10, since)
    await other.ask("pause", debate_id)
    await other.hears(debate_id, DebatePaused, 10, since)
    await one.hears(debate_id, DebatePaused)
    turns = await other.transcript(debate_id)
    assert turns == await one.transcript(debate_id)
    spoken = [turn for turn in turns if not turn.from_user]
    assert [turn.speaker for turn in spoken] == (["seat1", "seat2"] * 9)[: len(spoken)]
    check_deltas(other, debate_id, turns)


async def test_kills_at_random_moments_lose_no_turn_and_say_none_twice(
    tmp_path: Path, empty_postgres: str, empty_redis: str
) -> None:
    addresses = {"database": empty_postgres, "redis": empty_redis}
    rounds, kills = 10, 4
    async with AsyncExitStack() as stack:

        async def begin(name: str) -> Neighbour:
            return await stack.enter_async_context(
                neighbour(tmp_path / name, addresses, 8, UNWATCHED_AFTER="300")
            )

        one, other = await begin("a"), await begin("b")
        debates = [await one.start(rounds) for _ in range(3)]
        known: list[tuple[str, list[Turn]]] = []
        for number in range(kills):
            await asyncio.sleep(random.uniform(0, 4))
            known += [(debate_id, await one.transcript(debate_id)) for debate_id in debates]
            await one.kill()
            one, other = other, await begin(f"c{number}")
        for debate_id in debates:
            await one.watch(debate_id)
            await one.hears(debate_id, DebateFinished, 60)
            turns = await other.transcript(debate_id)
            assert is_whole(turns, rounds)
            assert max(Counter(turn.text for turn in turns).values()) == 1
            for before in (said for key, said in known if key == debate_id):
                assert turns[: len(before)] == before


@pytest.mark.parametrize("empty", [False, True])
async def test_redis_gone_and_back_it_goes_on_where_it_runs_and_is_heard_again(
    tmp_path: Path, empty_postgres: str, frail_redis: RedisServer, empty: bool
) -> None:
    addresses = {"database": empty_postgres, "redis": frail_redis.address()}
    async with (
        neighbour(tmp_path / "a", addresses) as one,
        neighbour(tmp_path / "b", addresses) as other,
    ):
        debate_id = await one.start(6)
        await one.watch(debate_id)
        await other.watch(debate_id)
        await other.hears(debate_id, TurnDelta)
        await asyncio.to_thread(frail_redis.kill)
        if empty:
            frail_redis.lose()
        await other.hears(debate_id, DebatePaused, of=lambda event: "heard" in event.message)
        assert "Redis" in await other.ask("problem")
        since = len(one.news[debate_id])
        await one.hears(debate_id, TurnFinished, 10, since)
        alone = await other.start(1)
        await asyncio.to_thread(frail_redis.start)
        since = len(other.news[debate_id])
        await other.hears(debate_id, TurnDelta, 10, since)
        assert await one.ask("problem") == await other.ask("problem") == ""
        await other.ask("say", debate_id, "Redis is back.")
        await other.hears(debate_id, DebateFinished, 30, since)
        turns = await other.transcript(debate_id)
        assert turns == await one.transcript(debate_id)
        spoken = [turn for turn in turns if not turn.from_user]
        assert [turn.speaker for turn in spoken] == ["seat1", "seat2"] * 6
        assert kinds(one, debate_id).count("TurnStarted") == 12
        assert await other.state(alone) == "finished"


async def test_both_may_resume_while_redis_is_away_and_no_turn_is_kept_twice(
    tmp_path: Path, empty_postgres: str, frail_redis: RedisServer
) -> None:
    addresses = {"database": empty_postgres, "redis": frail_redis.address()}
    async with (
        neighbour(tmp_path / "a", addresses) as one,
        neighbour(tmp_path / "b", addresses) as other,
    ):
        debate_id = await one.start(4)
        await one.watch(debate_id)
        await other.watch(debate_id)
        await other.hears(debate_id, TurnDelta)
        await asyncio.to_thread(frail_redis.kill)
        await other.hears(debate_id, DebatePaused)
        await other.ask("resume", debate_id)
        await asyncio.sleep(4)
        await asyncio.to_thread(frail_redis.start)
        for _ in range(100):
            states = [await one.state(debate_id), await other.state(debate_id)]
            if states == ["finished"] * 2:
                break
            if "running" not in states:
                await one.ask("resume", debate_id)
            await asyncio.sleep(0.3)
        assert is_whole(await one.transcript(debate_id), 4)
        assert await one.transcript(debate_id) == await other.transcript(debate_id)

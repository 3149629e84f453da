"""A running debate while Redis goes away, through DebateApp."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path

import pytest

from rebuttal.app import DebateApp
from rebuttal.errors import BudgetSpent, StoreError
from rebuttal.events import DebateFinished, TurnFinished, TurnStarted
from rebuttal.providers.scripted import ScriptedModel
from rebuttal.records import Visitor
from tests.debates import CYNIC_AND_RATIONAL, scripted_app, watch_to_rest
from tests.redis_server import RedisServer

pytestmark = pytest.mark.redis

ANN = Visitor(owner="c:ann")


def app_on(
    server: RedisServer, folder: Path, delay: float = 0.0
) -> AbstractAsyncContextManager[DebateApp]:
    folder.mkdir(exist_ok=True)
    model = ScriptedModel([f"Speech {n} is long enough." for n in range(50)], delay=delay)
    return scripted_app(folder, model, profile="public", database=server.address())


async def is_back(app: DebateApp) -> None:
    """The store; processes may hear each other only a second later."""
    deadline = time.monotonic() + 10
    while app.storage_problem:
        assert time.monotonic() < deadline, app.storage_problem
        await asyncio.sleep(0.01)


async def test_a_debate_that_runs_when_redis_dies_is_spoken_to_its_end_and_kept(
    frail_redis: RedisServer, tmp_path: Path
) -> None:
    async with app_on(frail_redis, tmp_path / "a", delay=0.02) as app:
        debate = await app.start("Should cats vote?", CYNIC_AND_RATIONAL, rounds=3, visitor=ANN)
        finished = 0
        async with aclosing(app.watch(debate, visitor=ANN)) as batches:
            while finished < 3:
                finished += sum(isinstance(event, TurnFinished) for event in await anext(batches))
        frail_redis.kill()
        await watch_to_rest(app, debate)
        assert await app.state(debate, visitor=ANN) == "finished"
        assert "Redis does not answer" in app.storage_problem
        assert app.is_degraded
        new = await app.start("Should dogs vote?", CYNIC_AND_RATIONAL, rounds=1, visitor=ANN)
        await watch_to_rest(app, new)
        assert [one.id for one in await app.debates(visitor=ANN)] == [new, debate]
        said = await app.transcript(debate, visitor=ANN)
        frail_redis.start()
        await is_back(app)
        await app.say(debate, "One more.", 1, visitor=ANN)
        seen = await watch_to_rest(app, debate)
        assert isinstance(seen[-1], DebateFinished)
        assert sum(isinstance(event, TurnStarted) for event in seen) == 2
    async with app_on(frail_redis, tmp_path / "b") as other:
        turns = await other.transcript(debate, visitor=ANN)
        assert turns[:7] == said
        assert len(turns) == 10
        assert len(await other.transcript(new, visitor=ANN)) == 3
        spent = (await other.budget()).figures["app"].total.tokens
        assert spent > 0


async def test_without_redis_at_the_start_debates_begin_and_are_kept_later(
    frail_redis: RedisServer, tmp_path: Path
) -> None:
    frail_redis.kill()
    async with app_on(frail_redis, tmp_path / "a") as app:
        debate = await app.start("Should cats vote?", CYNIC_AND_RATIONAL, rounds=1, visitor=ANN)
        await watch_to_rest(app, debate)
        with pytest.raises(StoreError, match="kept in Redis"):
            await app.debate("of-before", visitor=ANN)
        frail_redis.start()
        await is_back(app)
    async with app_on(frail_redis, tmp_path / "b") as other:
        assert len(await other.transcript(debate, visitor=ANN)) == 3


async def test_a_halt_that_was_heard_stands_while_redis_is_away(
    frail_redis: RedisServer, tmp_path: Path
) -> None:
    async with app_on(frail_redis, tmp_path / "a") as app:
        await app.halt("A bill came.")
        frail_redis.kill()
        with pytest.raises(BudgetSpent, match="A bill came"):
            await app.start("Should cats vote?", CYNIC_AND_RATIONAL, visitor=ANN)
        frail_redis.start()
        await is_back(app)

"""How many watch, and who only looks in now and then."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from rebuttal.app import DebateApp
from rebuttal.errors import NotFound
from rebuttal.events import DebatePaused
from rebuttal.providers.scripted import ScriptedModel
from rebuttal.records import OPERATOR
from tests.debates import CYNIC_AND_RATIONAL, scripted_app, watch_to_rest
from tests.listening import ANN, BOB
from tests.neighbour import neighbour
from tests.page_app import SPEECHES


async def begin(app: DebateApp, rounds: int = 3) -> str:
    return await app.start("Tea?", CYNIC_AND_RATIONAL, rounds=rounds, visitor=ANN)


async def test_a_page_that_listens_twice_counts_once_and_a_reader_counts(tmp_path: Path) -> None:
    model = ScriptedModel(SPEECHES, delay=0.02, repeat=True)
    async with scripted_app(tmp_path, model, profile="public") as app:
        debate = await begin(app)
        assert await app.watchers(debate, visitor=ANN) == 0
        page = [app.watch(debate, visitor=ANN), app.watch(debate, again=True, visitor=ANN)]
        guest = await app.links.guest(await app.links.make(debate, visitor=ANN))
        async with aclosing(page[0]), aclosing(page[1]):
            for line in page:
                await anext(line)
            assert await app.watchers(debate, visitor=ANN) == 1
            async with aclosing(app.watch(debate, visitor=guest)) as reader:
                await anext(reader)
                assert await app.watchers(debate, visitor=ANN) == 2
            assert await app.watchers(debate, visitor=ANN) == 1
        assert await app.watchers(debate, visitor=OPERATOR) == 0
        for somebody in (BOB, guest):
            with pytest.raises(NotFound):
                await app.watchers(debate, visitor=somebody)


@pytest.mark.parametrize("looks", [False, True])
async def test_who_looks_in_keeps_it_running(tmp_path: Path, looks: bool) -> None:
    model = ScriptedModel(SPEECHES, delay=0.05, repeat=True)
    async with scripted_app(tmp_path, model, profile="public", unwatched_after=0.5) as app:
        debate = await begin(app, 2)
        for _ in range(8):
            await asyncio.sleep(0.25)
            if looks:
                await app.look_in(debate, visitor=ANN)
        assert (await app.state(debate, visitor=ANN) == "running") is looks
        if not looks:
            seen = await watch_to_rest(app, debate)
            assert isinstance(seen[-1], DebatePaused)
            assert seen[-1].reason == "unwatched"


async def test_a_reader_who_looks_in_keeps_nothing_running(tmp_path: Path) -> None:
    model = ScriptedModel(SPEECHES, delay=0.05, repeat=True)
    async with scripted_app(tmp_path, model, profile="public", unwatched_after=0.5) as app:
        debate = await begin(app, 2)
        guest = await app.links.guest(await app.links.make(debate, visitor=ANN))
        for _ in range(8):
            await asyncio.sleep(0.25)
            await app.look_in(debate, visitor=guest)
        assert await app.state(debate, visitor=ANN) == "paused"


async def test_a_debate_that_is_kept_holds_no_place_and_begins_later(tmp_path: Path) -> None:
    model = ScriptedModel(SPEECHES, repeat=True)
    async with scripted_app(tmp_path, model, profile="public") as app:
        kept = [
            await app.start("Tea?", CYNIC_AND_RATIONAL, rounds=1, run=False, visitor=ANN)
            for _ in range(5)
        ]
        assert model.asked == []
        assert await app.state(kept[0], visitor=ANN) == "interrupted"
        await app.resume(kept[0], visitor=ANN)
        await watch_to_rest(app, kept[0])
        assert len(await app.transcript(kept[0], visitor=ANN)) == 3


@pytest.mark.redis
@pytest.mark.postgres
async def test_who_looks_in_at_another_process_keeps_it_running(
    tmp_path: Path, empty_postgres: str, empty_redis: str
) -> None:
    addresses = {"database": empty_postgres, "redis": empty_redis}
    async with (
        neighbour(tmp_path / "a", addresses, 40, UNWATCHED_AFTER="3") as one,
        neighbour(tmp_path / "b", addresses) as other,
    ):
        debate = await one.start(9)
        for _ in range(12):
            await asyncio.sleep(0.5)
            await other.ask("look_in", debate)
        assert await other.state(debate) == "running"
        async with asyncio.timeout(20):
            while await one.state(debate) == "running":  # noqa: ASYNC110
                await asyncio.sleep(0.5)
        assert await one.state(debate) == "paused"

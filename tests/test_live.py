"""Debates in progress: watched, stopped, paused, resumed, and never lost."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path

import pytest

from rebuttal.app import DebateApp
from rebuttal.broadcast import MERGE_EVERY
from rebuttal.catalog import Endpoint, Model
from rebuttal.errors import InvalidInput, NotFound, StoreError, Unreachable
from rebuttal.events import (
    DebateEvent,
    DebateFinished,
    DebatePaused,
    DebateRewound,
    TurnDelta,
    TurnFinished,
    TurnStarted,
)
from rebuttal.live_debates import AT_REST
from rebuttal.providers.base import Limits
from rebuttal.providers.openai_compatible import OpenAICompatible
from rebuttal.providers.scripted import Line, ScriptedModel
from rebuttal.records import Seat
from tests.debates import CYNIC_AND_RATIONAL, scripted_app, watch_to_rest
from tests.fault_server import FaultServer

LINES = [
    "Cats nap through every session of parliament.",
    "Sleep has never disqualified a senator.",
    "Ballots smell of paper and paper is for sitting on.",
    "Whoever can open a fridge can fill in a form.",
    "Dogs would only copy whatever the postman chose.",
    "Rome kept geese and lost its republic anyway.",
    "Milk prices decide more elections than speeches do.",
    "Nine lives mean nine votes and that is fraud.",
]


def slow(delay: float = 0.02) -> ScriptedModel:
    return ScriptedModel(LINES, delay=delay, repeat=True)


async def begin(app: DebateApp, rounds: int = 2, **options: object) -> str:
    return await app.start("Should cats vote?", CYNIC_AND_RATIONAL, rounds=rounds, **options)  # type: ignore[arg-type]


async def until(app: DebateApp, debate_id: str, kind: type[object]) -> None:
    """Watch until an event of that kind."""
    async with aclosing(app.watch(debate_id)) as batches:
        async for batch in batches:
            if any(isinstance(event, kind) for event in batch):
                return


def texts(seen: list[DebateEvent]) -> list[str]:
    return [event.turn.text for event in seen if isinstance(event, TurnFinished)]


async def test_a_debate_runs_on_its_own_and_two_watchers_see_the_same(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, slow()) as app:
        debate_id = await begin(app)
        first, second = await asyncio.gather(*(watch_to_rest(app, debate_id) for _ in range(2)))
        assert texts(first) == texts(second) == ["Should cats vote?", *LINES[:4]]
        assert await app.state(debate_id) == "finished"


async def test_a_late_watcher_gets_the_turn_so_far_and_then_the_rest(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, slow(0.1)) as app:
        debate_id = await begin(app)
        await until(app, debate_id, TurnDelta)
        await asyncio.sleep(0.15)
        async with aclosing(app.watch(debate_id)) as batches:
            kinds = [type(event) for event in await anext(batches)]
        assert kinds[0] is TurnFinished
        assert kinds[-2:] == [TurnStarted, TurnDelta]
        assert DebatePaused not in kinds


async def test_a_watcher_that_has_seen_a_turn_is_not_told_again(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, slow(0)) as app:
        debate_id = await begin(app)
        seen = await watch_to_rest(app, debate_id)
        known = next(event.turn.id for event in seen if isinstance(event, TurnFinished))
        assert texts(await watch_to_rest(app, debate_id, after=known)) == LINES[:4]


async def test_a_laggard_gets_whole_turns_and_no_token_twice(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, slow(0.001)) as app:
        debate_id = await begin(app, rounds=4)
        said = ""
        async with aclosing(app.watch(debate_id)) as batches:
            async for batch in batches:
                await asyncio.sleep(0.05)
                for event in batch:
                    said = said + event.text if isinstance(event, TurnDelta) else ""
                    if isinstance(event, TurnDelta):
                        assert any(line.startswith(said.strip()) for line in LINES), said
                if batch and isinstance(batch[-1], DebateFinished):
                    return


async def test_updates_are_merged_and_come_at_least_every_half_second(
    tmp_path: Path,
) -> None:
    model = ScriptedModel([Line(" ".join(LINES), next="silence")], delay=0.005)
    async with scripted_app(tmp_path, model) as app:
        debate_id = await begin(app)
        clock, at = asyncio.get_running_loop().time, []
        async with aclosing(app.watch(debate_id)) as batches:
            async for _ in batches:
                at.append(clock())
                if len(at) > 8:
                    break
        gaps = [later - earlier for earlier, later in pairwise(at)]
        assert min(gaps) > MERGE_EVERY * 0.9
        assert max(gaps) < 1.0


async def test_stop_keeps_the_half_said_turn_and_resume_goes_on(tmp_path: Path) -> None:
    model = slow(0.05)
    async with scripted_app(tmp_path, model) as app:
        debate_id = await begin(app)
        await until(app, debate_id, TurnDelta)
        await app.stop(debate_id)
        assert model.open == 0
        half = (await app.transcript(debate_id))[-1]
        assert half.finish == "stopped"
        assert LINES[0].startswith(half.text)
        assert await app.state(debate_id) == "paused"
        await asyncio.gather(app.resume(debate_id), app.resume(debate_id))
        await watch_to_rest(app, debate_id)
        said = await app.transcript(debate_id)
        assert [turn.speaker for turn in said] == ["user", "seat1", "seat2", "seat1", "seat2"]


async def test_stop_before_the_first_word_leaves_no_turn(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, ScriptedModel([Line(next="silence")])) as app:
        debate_id = await begin(app)
        await until(app, debate_id, TurnStarted)
        await app.stop(debate_id)
        assert len(await app.transcript(debate_id)) == 1


@pytest.mark.parametrize("fault", ["accept_then_silence", "one_token_then_silence", "good"])
async def test_stop_closes_the_connection_to_the_server(tmp_path: Path, fault: str) -> None:
    async with FaultServer(fault, tokens=["word "] * 500, delay=0.02) as server:
        endpoint = Endpoint(name="Faulty", address=server.address, needs_key=False)
        model = Model(label="Scripted", endpoint="Faulty", model="m")
        chat = OpenAICompatible(endpoint, model, None, Limits())
        async with scripted_app(tmp_path, chat) as app:
            debate_id = await begin(app)
            await server.until(lambda one: one.open == 1, within=5)
            await asyncio.sleep(0.1)
            await app.stop(debate_id)
            assert await server.until_closed() < 0.2


async def test_pause_lets_the_turn_end(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, slow()) as app:
        debate_id = await begin(app)
        await until(app, debate_id, TurnDelta)
        await app.pause(debate_id)
        seen = await watch_to_rest(app, debate_id)
        assert isinstance(seen[-1], DebatePaused)
        assert seen[-1].reason == "paused"
        assert texts(seen)[-1] == LINES[0]


async def test_nobody_watching_pauses_the_debate_and_coming_back_does_not(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, slow(0.05), unwatched_after=0.2) as app:
        debate_id = await begin(app, rounds=9)
        await asyncio.sleep(1.5)
        assert await app.state(debate_id) == "paused"
        seen = await watch_to_rest(app, debate_id)
        assert isinstance(seen[-1], DebatePaused)
        assert seen[-1].reason == "unwatched"
        await app.resume(debate_id)
        await asyncio.sleep(0.25)
        async with aclosing(app.watch(debate_id)) as batches:
            for _ in range(12):
                await anext(batches)
            assert await app.state(debate_id) == "running"


async def test_twenty_clicks_on_start_make_one_debate(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, slow(0)) as app:
        ids = await asyncio.gather(*(begin(app, request="click") for _ in range(20)))
        assert len(set(ids)) == 1
        assert len(await app.debates()) == 1


async def test_a_refused_start_can_be_mended_under_the_same_token(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, slow(0)) as app:
        with pytest.raises(InvalidInput):
            await begin(app, rounds=0, request="click")
        assert await begin(app, request="click")


async def test_a_note_waits_for_the_end_of_the_turn_and_reaches_the_next(tmp_path: Path) -> None:
    model = slow()
    async with scripted_app(tmp_path, model) as app:
        debate_id = await begin(app)
        await until(app, debate_id, TurnDelta)
        await app.say(debate_id, "Mind the dogs.")
        await watch_to_rest(app, debate_id)
        said = [turn.speaker for turn in await app.transcript(debate_id)]
        assert said == ["user", "seat1", "user", "seat2", "seat1", "seat2"]
        assert "[Moderator]: Mind the dogs." in model.asked[1].messages[-1].content


async def test_a_note_is_kept_when_the_turn_is_stopped(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, slow(0.1)) as app:
        debate_id = await begin(app)
        await until(app, debate_id, TurnDelta)
        await app.say(debate_id, "Mind the dogs.")
        await app.stop(debate_id)
        assert (await app.transcript(debate_id))[-1].text == "Mind the dogs."


async def test_a_finished_debate_goes_on_for_one_more_round(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, slow(0)) as app:
        debate_id = await begin(app, rounds=1)
        await watch_to_rest(app, debate_id)
        await app.say(debate_id, "", rounds=1)
        await watch_to_rest(app, debate_id)
        speakers = [turn.speaker for turn in await app.transcript(debate_id)]
        assert speakers == ["user", "seat1", "seat2", "user", "seat1", "seat2"]


async def test_regenerate_leaves_the_turn_on_a_side_branch(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, slow(0)) as app:
        debate_id = await begin(app, rounds=1)
        await watch_to_rest(app, debate_id)
        async with aclosing(app.watch(debate_id)) as batches:
            await anext(batches)
            await app.regenerate(debate_id)
            seen = await anext(batches)
        assert any(isinstance(event, DebateRewound) for event in seen)
        await watch_to_rest(app, debate_id)
        assert [turn.text for turn in await app.transcript(debate_id)][1:] == [LINES[0], LINES[2]]


async def test_regenerate_refuses_while_somebody_speaks_or_nobody_spoke(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, ScriptedModel([Line(next="silence")])) as app:
        debate_id = await begin(app)
        with pytest.raises(InvalidInput, match="being spoken"):
            await app.regenerate(debate_id)
        await app.stop(debate_id)
        with pytest.raises(InvalidInput, match="No debater"):
            await app.regenerate(debate_id)


async def test_an_error_pauses_with_its_words_and_resume_asks_again(tmp_path: Path) -> None:
    model = ScriptedModel([Unreachable("gone", "start it"), *LINES])
    async with scripted_app(tmp_path, model) as app:
        debate_id = await begin(app, rounds=1)
        seen = await watch_to_rest(app, debate_id)
        assert seen[-1] == DebatePaused(reason="error", message="gone", hint="start it")
        assert texts(seen) == ["Should cats vote?"]
        await app.resume(debate_id)
        assert texts(await watch_to_rest(app, debate_id))[1:] == LINES[:2]


async def test_a_debate_survives_its_process_and_resumes_in_the_next(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, slow(0.05)) as app:
        debate_id = await begin(app)
        await until(app, debate_id, TurnDelta)
    async with scripted_app(tmp_path, slow(0)) as app:
        assert await app.state(debate_id) == "interrupted"
        seen = await watch_to_rest(app, debate_id)
        assert isinstance(seen[-1], DebatePaused)
        assert seen[-1].reason == "interrupted"
        await app.resume(debate_id)
        await watch_to_rest(app, debate_id)
        assert len(await app.transcript(debate_id)) == 5


async def test_a_locked_database_pauses_and_the_turn_is_kept_when_it_is_free(
    tmp_path: Path,
) -> None:
    model = slow(0)
    async with scripted_app(tmp_path, model) as app:
        debate_id = await begin(app, rounds=1)
        await watch_to_rest(app, debate_id)
        lock = sqlite3.connect(tmp_path / "debates.sqlite", isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        try:
            with pytest.raises(StoreError):
                await app.say(debate_id, "Go on.", rounds=1)
        finally:
            lock.execute("ROLLBACK")
            lock.close()
        await app.resume(debate_id)
        seen = await watch_to_rest(app, debate_id)
        assert texts(seen) == ["Should cats vote?", *LINES[:2], "Go on.", *LINES[2:4]]


async def test_an_unknown_debate_is_not_found(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, slow()) as app:
        with pytest.raises(NotFound):
            await anext(app.watch("nowhere"))
        with pytest.raises(NotFound):
            await app.stop("nowhere")


async def test_who_leaves_while_a_debate_is_looked_for_leaves_no_complaint_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with scripted_app(tmp_path, slow()) as app:
        await watch_to_rest(app, await begin(app, rounds=1))
        for moment in range(8):
            asking = asyncio.create_task(app.state("no-such-debate"))
            for _ in range(moment):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        await asyncio.sleep(0.1)
        gc.collect()
    assert "never retrieved" not in caplog.text


async def test_debates_at_rest_are_forgotten_and_nothing_is_left_running(tmp_path: Path) -> None:
    before = len(asyncio.all_tasks())
    async with scripted_app(tmp_path, slow(0)) as app:
        for _ in range(AT_REST + 4):
            chat = await app.start("Should cats vote?", CYNIC_AND_RATIONAL[:1], rounds=1)
            await app.stop(chat)
        assert app._works.live is not None
        assert len(app._works.live._debates) == AT_REST
    assert len(asyncio.all_tasks()) == before


async def test_six_seats_and_a_chat_are_the_same_thing(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, slow(0)) as app:
        for count in (1, 6):
            seats = [Seat(persona="cynic", model="Scripted")] * count
            debate_id = await app.start("Should cats vote?", seats, rounds=1)
            await watch_to_rest(app, debate_id)
            assert len(await app.transcript(debate_id)) == 1 + count
            names = [debater.name for debater in (await app.debate(debate_id)).debaters]
            assert len(set(names)) == count


@pytest.mark.parametrize(
    ("seats", "rounds", "topic"), [(0, 1, "x"), (7, 1, "x"), (2, 0, "x"), (2, 11, "x"), (2, 1, " ")]
)
async def test_what_cannot_be_is_refused(
    tmp_path: Path, seats: int, rounds: int, topic: str
) -> None:
    async with scripted_app(tmp_path, slow(0)) as app:
        with pytest.raises(InvalidInput):
            await app.start(topic, [CYNIC_AND_RATIONAL[0]] * seats, rounds=rounds)
        assert await app.debates() == []

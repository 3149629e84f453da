"""Places: how many debates speak at once, and the fair line of those that wait."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from pathlib import Path

import pytest

from rebuttal.app import DebateApp
from rebuttal.errors import Busy
from rebuttal.events import (
    DebateEvent,
    DebateFinished,
    DebatePaused,
    DebateWaiting,
    TurnStarted,
)
from rebuttal.places import Place, Places
from rebuttal.providers.scripted import Line, ScriptedModel
from rebuttal.records import OPERATOR, Visitor
from rebuttal.settings import Settings
from tests.debates import watch_to_rest
from tests.paying import ANN, BOB, EVE, NO_CAPS, public_app, seats

TOPIC = "Should cats vote?"


def silent() -> ScriptedModel:
    return ScriptedModel([Line("word", next="silence")], repeat=True)


def places(
    running: int, waiting: int, visitor: int | None = None, network: int | None = None
) -> Places:
    return Places(
        Settings(
            running=running,
            waiting=waiting,
            running_per_visitor=visitor,
            running_per_network=network,
        )
    )


def somebody(number: int) -> Visitor:
    return Visitor(owner=f"c:{number}", network=f"203.0.113.{number}")


def numbers(taken: list[Place]) -> list[int]:
    return [place.position for place in taken]


def test_who_comes_first_is_served_first_and_the_line_moves_up() -> None:
    hall = places(2, 3)
    taken = [hall.take(somebody(number)) for number in range(5)]
    assert numbers(taken) == [0, 0, 1, 2, 3]
    with pytest.raises(Busy, match="2 places are taken, and 3 debates wait"):
        hall.take(somebody(9))
    taken[1].leave()
    taken[1].leave()
    assert numbers(taken[2:]) == [0, 1, 2]
    taken[3].leave()
    assert numbers([taken[2], taken[4]]) == [0, 1]
    assert hall.take(somebody(9)).position == 2


def test_a_visitor_and_a_network_have_caps_of_their_own_and_the_operator_none() -> None:
    hall = places(10, 10, visitor=2, network=3)
    mine = [hall.take(ANN), hall.take(ANN)]
    with pytest.raises(Busy, match="You have 2 debates"):
        hall.take(ANN)
    hall.take(BOB)
    with pytest.raises(Busy, match="Your network has 3 debates"):
        hall.take(Visitor(owner="c:carl", network=ANN.network))
    hall.take(EVE)
    for _ in range(4):
        hall.take(OPERATOR)
    mine[0].leave()
    assert hall.take(ANN).position == 0
    free = places(10, 10)
    assert numbers([free.take(ANN) for _ in range(8)]) == [0] * 8


def test_a_place_is_given_back_where_what_follows_fails() -> None:
    hall = places(1, 1)
    with pytest.raises(KeyError), hall.take(ANN).left_on_error():
        raise KeyError
    with hall.take(BOB).left_on_error():
        pass
    assert hall.take(ANN).position == 1, "what went well keeps its place"


async def begin(app: DebateApp, visitor: Visitor = OPERATOR, rounds: int = 1) -> str:
    return await app.start(TOPIC, seats("Scripted"), rounds=rounds, visitor=visitor)


async def first_seen(app: DebateApp, debate_id: str) -> list[DebateEvent]:
    async with aclosing(app.watch(debate_id)) as batches:
        return await anext(batches)


async def until(app: DebateApp, debate_id: str, kind: type[DebateEvent]) -> list[DebateEvent]:
    """Everything until an event of that kind."""
    seen: list[DebateEvent] = []
    async with asyncio.timeout(5), aclosing(app.watch(debate_id)) as batches:
        async for batch in batches:
            seen += batch
            if any(isinstance(event, kind) for event in batch):
                return seen
    return seen


def waits(seen: list[DebateEvent]) -> list[int]:
    return [event.position for event in seen if isinstance(event, DebateWaiting)]


async def test_a_debate_waits_says_its_number_and_speaks_when_it_is_its_turn(
    tmp_path: Path,
) -> None:
    model = silent()
    async with public_app(tmp_path, model, running=1, waiting=5, running_per_network=None) as app:
        speaking, first, second = [await begin(app, somebody(number)) for number in range(3)]
        await asyncio.sleep(0.1)
        assert len(model.asked) == 1
        assert waits(await first_seen(app, first)) == [1]
        assert waits(await first_seen(app, second)) == [2]
        assert await app.state(second) == "running"
        watching = asyncio.create_task(until(app, second, TurnStarted))
        await asyncio.sleep(0.15)
        await app.stop(speaking)
        await asyncio.sleep(0.3)
        assert waits(await first_seen(app, second)) == [1]  # a late watcher hears the latest alone
        assert waits(await first_seen(app, first)) == []
        await app.stop(first)
        assert waits(await watching) == [2, 1]
        assert len(model.asked) == 3
        await app.stop(second)


@pytest.mark.parametrize("how", ["stop", "pause", "abandon"])
async def test_who_leaves_the_line_makes_room_and_resume_stands_at_its_end(
    tmp_path: Path, how: str
) -> None:
    alone = 0.4 if how == "abandon" else 60
    async with public_app(
        tmp_path, silent(), running=1, waiting=2, running_per_network=None, unwatched_after=alone
    ) as app:
        speaking = await begin(app, somebody(0))
        watching = asyncio.create_task(watch_to_rest(app, speaking))
        await asyncio.sleep(0.1)
        leaver, stayer = await begin(app, somebody(1)), await begin(app, somebody(2))
        staying = asyncio.create_task(until(app, stayer, TurnStarted))
        if how == "abandon":
            await asyncio.sleep(0.8)
        else:
            await getattr(app, how)(leaver)
        seen = await watch_to_rest(app, leaver)
        assert isinstance(seen[-1], DebatePaused)
        assert seen[-1].reason == {"stop": "stopped", "pause": "paused"}.get(how, "unwatched")
        assert waits(await first_seen(app, stayer)) == [1]
        await app.resume(leaver)
        assert waits(await first_seen(app, leaver)) == [2]
        await app.stop(speaking)
        await asyncio.gather(watching, staying)


async def test_say_and_regenerate_go_through_the_same_door(tmp_path: Path) -> None:
    model = ScriptedModel([Line("One."), *[Line("word", next="silence")] * 9])
    async with public_app(tmp_path, model, running=1, waiting=0, running_per_network=None) as app:
        done = await begin(app, somebody(0))
        await watch_to_rest(app, done)
        speaking = await begin(app, somebody(1))
        await asyncio.sleep(0.05)
        before = await app.transcript(done)
        for call in (app.say(done, "Go on.", rounds=1), app.regenerate(done), begin(app, ANN)):
            with pytest.raises(Busy, match="All 1 places are taken"):
                await call
        assert await app.transcript(done) == before
        assert len(await app.debates()) == 2
        await app.say(done, "A note needs no place.")
        await app.stop(speaking)
        await app.say(done, "Go on.", rounds=1)
        await app.stop(done)


async def test_a_place_is_free_again_however_a_debate_ends(tmp_path: Path) -> None:
    async with public_app(tmp_path, silent(), running=1, waiting=0) as app:
        for _ in range(5):
            debate_id = await begin(app, ANN)
            await app.stop(debate_id, visitor=ANN)  # at once: its task may not have begun
        await app.stop(await begin(app, ANN))
    async with public_app(tmp_path, ScriptedModel([]), running=1, waiting=0) as app:
        for _ in range(3):
            debate_id = await begin(app, ANN)
            assert isinstance((await watch_to_rest(app, debate_id))[-1], DebatePaused)
            await asyncio.sleep(0)


async def test_a_thousand_starts_are_each_answered_within_a_third_of_a_second(
    tmp_path: Path,
) -> None:
    async def start(app: DebateApp, number: int) -> tuple[bool, float]:
        began = time.perf_counter()
        try:
            await begin(app, somebody(number))
        except Busy:
            return False, time.perf_counter() - began
        return True, time.perf_counter() - began

    model = silent()
    async with public_app(tmp_path, model, tokens_per_day=10**6) as app:
        ends = await asyncio.gather(*(start(app, number) for number in range(1000)))
        assert sum(began for began, _ in ends) == app.settings.running + app.settings.waiting
        assert max(seconds for began, seconds in ends if not began) < 0.3
        await asyncio.sleep(0.2)
        assert len(model.asked) == app.settings.running


async def test_without_caps_a_flood_of_starts_asks_the_model_for_all_at_once(
    tmp_path: Path,
) -> None:
    model = silent()
    async with public_app(tmp_path, model, **NO_CAPS) as app:
        await asyncio.gather(*(begin(app, ANN) for _ in range(100)))
        await asyncio.sleep(0.3)
        assert model.open == 100
    model = silent()
    async with public_app(tmp_path, model) as app:
        ends = await asyncio.gather(*(begin(app, ANN) for _ in range(100)), return_exceptions=True)
        await asyncio.sleep(0.2)
        assert sum(isinstance(end, Busy) for end in ends) == 98
        assert model.open == 2


class Clock:
    """Stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def crowd(hall: Places, network: str, count: int) -> list[Place]:
    return [hall.take(Visitor(owner=f"c:{network}{n}", network=network)) for n in range(count)]


def test_whose_network_speaks_least_comes_before_a_crowd_that_waits() -> None:
    hall = places(2, 10)
    mob = crowd(hall, "203.0.113.66", 6)
    one, other = hall.take(ANN), hall.take(EVE)
    assert numbers([one, other]) == [1, 2]
    assert numbers(mob) == [0, 0, 3, 4, 5, 6]
    mob[0].leave()
    assert numbers([one, other, mob[2]]) == [0, 1, 2]


def test_a_full_line_of_one_network_makes_room_for_another() -> None:
    hall = places(1, 3)
    mob = crowd(hall, "203.0.113.66", 4)
    newcomer = hall.take(ANN)
    assert numbers([*mob[:3], newcomer]) == [0, 2, 3, 1]
    assert [place.is_lost for place in mob] == [False, False, False, True]
    others = [hall.take(EVE), hall.take(somebody(1))]
    with pytest.raises(Busy, match="3 debates wait"):
        hall.take(somebody(2))
    assert numbers([mob[0], newcomer, *others]) == [0, 1, 2, 3]
    mob[3].leave()  # as its debate does once it has heard
    assert numbers([mob[0], newcomer, *others]) == [0, 1, 2, 3]


def test_a_place_is_handed_on_after_a_while_if_others_wait() -> None:
    clock = Clock()
    hall = Places(Settings(running=1, waiting=5), clock)
    first, alone = hall.take(ANN), hall.take(EVE)
    assert not first.is_wanted
    first.hand_on()
    assert numbers([first, alone]) == [0, 1]
    clock.now = 20
    assert first.is_wanted
    first.hand_on()
    assert numbers([first, alone]) == [1, 0]
    assert not first.is_wanted
    alone.leave()
    clock.now *= 3
    assert numbers([first]) == [0]
    assert not first.is_wanted


@pytest.mark.parametrize(("place_for", "lets_in"), [(1000.0, False), (0.01, True)])
async def test_a_long_debate_lets_another_speak_between_two_turns(
    tmp_path: Path, place_for: float, lets_in: bool
) -> None:
    model = ScriptedModel([Line("Cats read the law every day.")], repeat=True, delay=0.01)
    async with public_app(tmp_path, model, running=1, place_for=place_for) as app:
        long = await begin(app, somebody(1), rounds=5)
        short = await begin(app, somebody(2))
        seen, _ = await asyncio.gather(watch_to_rest(app, long), watch_to_rest(app, short))
        assert bool(waits(seen)) is lets_in
        assert [type(event).__name__ for event in seen].count("TurnFinished") == 6
        assert isinstance(seen[-1], DebateFinished)
        assert await app.state(short) == "finished"


def test_how_long_the_line_takes_is_told_from_how_long_places_were_held_lately() -> None:
    clock = Clock()
    hall = Places(Settings(running=2, waiting=10), clock)
    first, second, third, fourth = (hall.take(somebody(number)) for number in range(4))
    assert [third.seconds, fourth.seconds] == [None, None], "nobody knows yet"
    clock.now = 10
    first.leave()
    assert numbers([third, fourth]) == [0, 1]
    assert first.seconds == third.seconds == 0
    assert fourth.seconds == 10, "of two, both still held: one as long as it has been already"
    clock.now = 16
    assert fourth.seconds == 4, "the one that came later has 4 of the usual 10 left"
    second.leave()
    fifth, sixth = hall.take(somebody(5)), hall.take(somebody(6))
    assert [fifth.seconds, sixth.seconds] == [7, 13]
    assert hall.seconds(3) == 7 + 13


def test_a_place_held_for_a_moment_or_for_ever_says_little_of_others() -> None:
    clock = Clock()
    hall = Places(Settings(running=1, waiting=10, place_for=20), clock)
    for _ in range(30):
        hall.take(ANN).leave()  # refused at once
    long, waiting = hall.take(ANN), hall.take(EVE)
    assert waiting.seconds is None
    waiting.leave()
    for _ in range(40):
        clock.now += 15
        long.end_turn()  # where others wait, it is over after every second turn
    waiting = hall.take(EVE)
    assert waiting.seconds == 30
    clock.now += 25
    assert waiting.seconds == 5
    clock.now += 25
    assert waiting.seconds == 50, "it has outlasted all others: who knows"


def test_busy_says_when_another_try_may_find_a_place() -> None:
    clock = Clock()
    hall = Places(Settings(running=1, waiting=0, running_per_visitor=2), clock)
    held = hall.take(ANN)

    def refusal(visitor: Visitor) -> float:
        with pytest.raises(Busy) as caught:
            hall.take(visitor)
        return caught.value.retry_after

    assert refusal(EVE) == 30, "nothing is known"
    clock.now = 100
    held.leave()
    hall.take(ANN)
    clock.now = 140
    assert refusal(EVE) == 60
    clock.now = 199.9
    assert refusal(EVE) == 1


def test_a_wait_in_words() -> None:
    def words(seconds: float | None) -> str:
        return DebateWaiting(position=2, seconds=seconds).place

    assert words(None) == "number 2 in line"
    assert words(3) == "number 2 in line, for a few seconds"
    assert words(44) == "number 2 in line, for about 40 s"
    assert words(200) == "number 2 in line, for about 3 min"

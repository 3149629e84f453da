"""Several endpoints of one model: who is asked, who is passed over, and who gets a rest."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing

import pytest

from rebuttal.errors import (
    ContextOverflow,
    KeyRejected,
    RequestRejected,
    ServerFailed,
    Unreachable,
)
from rebuttal.providers.base import Limits, Message, Options
from rebuttal.providers.breaker import FIRST_REST
from rebuttal.providers.pool import KEPT_FOR, MOST_KEPT, MUCH_BUSIER
from tests.fault_server import FaultServer
from tests.hearing import PROMPT, hear
from tests.pooled import Pooled, about, asked_for_turns, pool_over

PATIENT = Limits(first_token=5, silence=5, turn=10, retries=2)


async def servers(stack: AsyncExitStack, *faults: str, **script: object) -> list[FaultServer]:
    return [
        await stack.enter_async_context(FaultServer(fault, **script))  # type: ignore[arg-type]
        for fault in faults
    ]


# Who is asked


async def test_the_first_endpoint_speaks_and_nothing_is_said_about_it() -> None:
    async with FaultServer() as north, FaultServer() as south:
        heard = await hear(pool_over(north, south).pool)
        assert heard.text == "One two three."
        assert heard.waiting == []
        assert heard.chunks[0].endpoint == "North"
        assert (asked_for_turns(north), asked_for_turns(south)) == (1, 0)


async def test_fifty_requests_at_once_are_spread_evenly() -> None:
    async with AsyncExitStack() as stack:
        north, south = await servers(stack, "good", "good", delay=0.02)
        pooled = pool_over(north, south, limits=PATIENT)
        heard = await asyncio.gather(*(hear(pooled.pool, about(f"{n}?")) for n in range(50)))
        assert [one.text for one in heard] == ["One two three."] * 50
        assert (asked_for_turns(north), asked_for_turns(south)) == (25, 25)
        assert [station.busy for station in pooled.stations] == [0, 0]


async def test_fifty_requests_of_one_beginning_are_spread_too() -> None:
    async with AsyncExitStack() as stack:
        north, south = await servers(stack, "good", "good", delay=0.02)
        pooled = pool_over(north, south, limits=PATIENT)
        await asyncio.gather(*(hear(pooled.pool) for _ in range(50)))
        assert abs(asked_for_turns(north) - asked_for_turns(south)) <= 2 * MUCH_BUSIER


async def test_a_conversation_keeps_to_its_endpoint() -> None:
    async with AsyncExitStack() as stack:
        north, south = await servers(stack, "good", "good", delay=0.05)
        pooled = pool_over(north, south, limits=PATIENT)
        first, second = about("Cats?"), about("Dogs?")
        await asyncio.gather(hear(pooled.pool, first), hear(pooled.pool, second))
        for turn in range(3):
            more = (Message("assistant", "No."), Message("user", f"{turn}: why?"))
            first, second = (*first, *more), (*second, *more)
            await hear(pooled.pool, second)
            await hear(pooled.pool, first)
        topics = [[r.body["messages"][1]["content"] for r in s.requests] for s in (north, south)]
        assert topics == [["Cats?"] * 4, ["Dogs?"] * 4]


async def test_a_conversation_leaves_an_endpoint_that_is_much_busier() -> None:
    async with AsyncExitStack() as stack:
        north, south = await servers(stack, "good", "good", delay=0.05)
        pooled = pool_over(north, south, limits=PATIENT)
        await hear(pooled.pool)
        pooled.stations[0].busy += MUCH_BUSIER
        await hear(pooled.pool)
        assert asked_for_turns(south) == 0
        pooled.stations[0].busy += 1
        heard = await hear(pooled.pool)
        assert heard.waiting == ["asking South"]
        assert asked_for_turns(south) == 1


async def test_a_conversation_that_rested_long_begins_with_the_first_endpoint_again() -> None:
    async with FaultServer() as north, FaultServer() as south:
        pooled = pool_over(north, south)
        pooled.stations[0].busy = 5
        await hear(pooled.pool)
        pooled.stations[0].busy = 0
        pooled.clock.now += KEPT_FOR - 1
        await hear(pooled.pool)
        assert (asked_for_turns(north), asked_for_turns(south)) == (0, 2)
        pooled.clock.now += KEPT_FOR
        await hear(pooled.pool)
        assert (asked_for_turns(north), asked_for_turns(south)) == (1, 2)


async def test_of_many_conversations_the_oldest_are_forgotten() -> None:
    async with FaultServer() as north, FaultServer() as south:
        pooled = pool_over(north, south)
        pooled.stations[0].busy = 1
        assert pooled.pool.choose(0, ()).name == "South"
        for beginning in range(1, MOST_KEPT):
            pooled.pool.choose(beginning, ())
        pooled.stations[0].busy = 0
        assert pooled.pool.choose(0, ()).name == "South"
        for beginning in range(1, MOST_KEPT + 1):
            pooled.pool.choose(beginning, ())
        assert pooled.pool.choose(0, ()).name == "North"


async def test_a_spare_endpoint_is_asked_while_no_other_can_be() -> None:
    async with FaultServer() as north, FaultServer() as south:
        pooled = pool_over(north, south, spare="South")
        pooled.stations[0].busy = 50
        await hear(pooled.pool)
        assert asked_for_turns(south) == 0
        await north.die()
        await hear(pooled.pool)
        await hear(pooled.pool)
        assert asked_for_turns(south) == 2
        await north.come_back()
        pooled.stations[0].breaker.answered()
        await hear(pooled.pool)
        assert (asked_for_turns(north), asked_for_turns(south)) == (2, 2)


# What moves on


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("refuse", "connection refused"),
        ("hang_up", "the connection was cut"),
        ("reset_at_once", "the connection was cut"),
        ("accept_then_silence", "said nothing for 0.5 s"),
        ("always_failing", "CUDA error: out of memory (status 500)"),
        ("bad_gateway", "status 502"),
        ("asks_to_wait_an_hour", "asks to wait 3600 s: Rate limit reached (status 429)"),
        ("asks_to_wait_once", "asks to wait 0 s: Slow down (status 429)"),
        ("quota_exhausted", "You exceeded your current quota"),
        ("no_money", "Payment required (status 402)"),
        ("unauthorised", "Incorrect API key provided"),
        ("no_such_model", "not found"),
        ("json_error", "provider returned error"),
        ("html", "sent a web page"),
        ("zero_chunks", "ended its answer before the first word"),
    ],
)
async def test_what_fails_before_the_first_token_moves_on_at_once(fault: str, why: str) -> None:
    async with FaultServer(fault) as north, FaultServer() as south:
        heard = await hear(pool_over(north, south, limits=Limits(first_token=0.5)).pool)
        assert heard.text == "One two three."
        assert heard.seconds < 0.9
        told = next(chunk for chunk in heard.chunks if chunk.waiting)
        assert told.waiting.startswith("North: ")
        assert why in told.waiting
        assert told.waiting.endswith("; asking South")
        assert "http" not in told.waiting
        assert told.endpoint == "South"
        assert told.problem is not None
        assert asked_for_turns(north) <= 1


@pytest.mark.parametrize(
    ("fault", "problem"),
    [("overflow_of_llama_cpp", ContextOverflow), ("bad_request", RequestRejected)],
)
async def test_what_is_wrong_everywhere_does_not_move(fault: str, problem: type[Exception]) -> None:
    async with FaultServer(fault) as north, FaultServer() as south:
        pooled = pool_over(north, south)
        for _ in range(4):
            assert isinstance((await hear(pooled.pool)).raised, problem)
        assert asked_for_turns(south) == 0
        assert pooled.states == ["closed", "closed"]


async def test_a_template_without_a_system_role_is_asked_again_where_it_is() -> None:
    async with FaultServer("template_error") as north, FaultServer() as south:
        heard = await hear(pool_over(north, south).pool)
        assert heard.text == "One two three."
        assert (asked_for_turns(north), asked_for_turns(south)) == (2, 0)


@pytest.mark.parametrize(
    "fault", ["one_token_then_hang_up", "one_token_then_silence", "json_error_after_a_token"]
)
async def test_after_the_first_token_nothing_moves(fault: str) -> None:
    async with FaultServer(fault) as north, FaultServer() as south:
        pooled = pool_over(north, south)
        heard = await hear(pooled.pool)
        assert heard.last.finish == "lost"
        assert heard.last.problem is not None
        assert asked_for_turns(south) == 0
        assert pooled.stations[0].breaker.failures == 1


async def test_a_thought_is_a_token() -> None:
    async with FaultServer("thought_then_silence") as north, FaultServer() as south:
        heard = await hear(pool_over(north, south).pool)
        assert isinstance(heard.raised, Unreachable)
        assert asked_for_turns(south) == 0


async def test_the_third_speaks_where_two_fail() -> None:
    async with AsyncExitStack() as stack:
        north, south, east = await servers(stack, "refuse", "always_failing", "good")
        heard = await hear(pool_over(north, south, east).pool)
        assert heard.text == "One two three."
        assert [words.partition(":")[0] for words in heard.waiting] == ["North", "South"]


# Where nobody is left


async def test_where_all_fail_the_error_says_what_each_said() -> None:
    async with FaultServer("refuse") as north, FaultServer("unauthorised") as south:
        heard = await hear(pool_over(north, south, limits=PATIENT).pool)
        assert isinstance(heard.raised, KeyRejected)
        said = heard.raised.message
        assert said.startswith("No endpoint could be asked. North: connection refused; South: ")
        assert "http" not in said


async def test_where_nobody_is_left_the_endpoints_are_asked_again() -> None:
    async with AsyncExitStack() as stack:
        north, south = await servers(stack, "failing_once", "refuse")
        heard = await hear(pool_over(north, south, limits=PATIENT).pool)
        assert heard.text == "One two three."
        assert 1 <= heard.seconds < 2
        assert heard.waiting[-1] == "trying North again in 1 s: Loading model (status 503)"


async def test_further_tries_have_an_end() -> None:
    async with AsyncExitStack() as stack:
        north, south = await servers(stack, "always_failing", "always_failing")
        limits = Limits(first_token=5, turn=10, retries=1)
        heard = await hear(pool_over(north, south, limits=limits).pool)
        assert isinstance(heard.raised, ServerFailed)
        assert (asked_for_turns(north), asked_for_turns(south)) == (2, 2)


async def test_a_wish_to_wait_is_obeyed_where_nobody_else_is_left() -> None:
    async with AsyncExitStack() as stack:
        north, south = await servers(stack, "asks_to_wait_once", "asks_to_wait_once")
        heard = await hear(pool_over(north, south, limits=PATIENT).pool)
        assert heard.text == "One two three."
        assert 0.1 <= heard.seconds < 1


async def test_resting_endpoints_are_asked_where_nothing_else_is_left() -> None:
    async with FaultServer() as north, FaultServer("refuse") as south:
        await north.die()
        pooled = pool_over(north, south)
        assert isinstance((await hear(pooled.pool)).raised, Unreachable)
        assert pooled.states == ["open", "open"]
        await north.come_back()
        assert (await hear(pooled.pool)).text == "One two three."
        assert pooled.states == ["closed", "open"]


# Rests


async def test_a_resting_endpoint_gets_no_request_but_the_probe() -> None:
    async with FaultServer() as north, FaultServer() as south:
        await north.die()
        pooled = pool_over(north, south, limits=PATIENT)
        await hear(pooled.pool, about("Before?"))
        assert pooled.states == ["open", "closed"]
        await north.come_back()
        for number in range(20):
            heard = await hear(pooled.pool, about(f"{number}?"))
            assert heard.waiting == ["asking South, for North rests"]
        assert north.requests == []
        pooled.clock.now += FIRST_REST
        await asyncio.gather(*(hear(pooled.pool, about(f"{n} again?")) for n in range(20)))
        await north.until(lambda server: len(server.requests) >= 1)
        assert [request.path for request in north.requests] == ["/v1/models"]
        await pooled_until_closed(pooled)
        await hear(pooled.pool, about("After?"))
        assert asked_for_turns(north) == 1


async def pooled_until_closed(pooled: Pooled) -> None:
    async with asyncio.timeout(1):
        while pooled.states[0] != "closed":  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_probe_in_vain_makes_a_longer_rest() -> None:
    async with FaultServer("refuse") as north, FaultServer() as south:
        pooled = pool_over(north, south)
        rests = []
        for _ in range(8):
            await hear(pooled.pool)
            await asyncio.sleep(0.05)
            rests.append(round(pooled.stations[0].breaker.rest))
            pooled.clock.now += rests[-1]
        assert rests == [5, 10, 20, 40, 80, 160, 300, 300]
        assert north.requests == []


async def test_without_a_cheap_question_the_next_request_is_the_trial_one_at_a_time() -> None:
    async with FaultServer("always_failing") as north, FaultServer(delay=0.02) as south:
        pooled = pool_over(north, south, limits=PATIENT, asks=False)
        for number in range(3):
            await hear(pooled.pool, about(f"{number}?"))
        assert pooled.states == ["open", "closed"]
        north.fault, north.delay = "good", 0.1
        pooled.clock.now += FIRST_REST
        pooled.stations[1].busy += 50  # so that it is the first one's turn
        asking = [asyncio.ensure_future(hear(pooled.pool, about(f"{n}??"))) for n in range(10)]
        await asyncio.sleep(0)
        assert [station.busy for station in pooled.stations] == [1, 59]
        await asyncio.gather(*asking)
        assert pooled.states == ["closed", "closed"]


async def test_a_model_that_is_missing_there_rests_and_its_endpoint_does_not() -> None:
    async with FaultServer("no_such_model") as north, FaultServer() as south:
        pooled = pool_over(north, south)
        for number in range(5):
            assert (await hear(pooled.pool, about(f"{number}?"))).text == "One two three."
        assert asked_for_turns(north) == 1
        assert pooled.states == ["closed", "closed"]


async def test_a_wish_to_wait_is_the_rest() -> None:
    async with FaultServer("asks_to_wait_an_hour") as north, FaultServer() as south:
        pooled = pool_over(north, south)
        await hear(pooled.pool)
        pooled.clock.now += 3599
        await hear(pooled.pool)
        assert len(north.requests) == 1
        assert pooled.states == ["open", "closed"]
        pooled.clock.now += 1
        assert pooled.states == ["half-open", "closed"]


# Stop


async def test_stop_closes_the_connection_and_frees_the_place() -> None:
    async with FaultServer("accept_then_silence") as north, FaultServer() as south:
        pooled = pool_over(north, south, limits=PATIENT)
        asking = asyncio.ensure_future(hear(pooled.pool))
        await north.until(lambda server: len(server.requests) == 1)
        assert pooled.stations[0].busy == 1
        asking.cancel()
        await north.until_closed()
        assert pooled.stations[0].busy == 0
        assert pooled.stations[0].breaker.failures == 0


async def test_who_has_heard_enough_closes_the_connection_and_it_went_well() -> None:
    async with FaultServer("slow_for_ever") as north, FaultServer() as south:
        pooled = pool_over(north, south, limits=PATIENT)
        pooled.stations[0].breaker.failed(ServerFailed("oops"))
        async with aclosing(pooled.pool.stream(PROMPT, Options())) as chunks:
            async for chunk in chunks:
                if chunk.text:
                    break
        await north.until_closed()
        assert pooled.stations[0].busy == 0
        assert pooled.stations[0].breaker.failures == 0

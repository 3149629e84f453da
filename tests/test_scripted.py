"""The scripted model keeps the promises of a ChatModel, as the one on the wire does."""

from __future__ import annotations

import asyncio
import doctest
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebuttal.errors import BrokenAnswer, KeyRejected, ModelError, Unreachable
from rebuttal.providers import scripted
from rebuttal.providers.base import ChatModel, Limits, Options
from rebuttal.providers.openai_compatible import OpenAICompatible
from rebuttal.providers.scripted import Line, ScriptedModel
from tests.fault_server import FaultServer
from tests.hearing import PROMPT, hear, model_at

Speaker = tuple[OpenAICompatible | ScriptedModel, Callable[[], int]]
"""A model, and how many streams of it are open."""
Case = Callable[[str], AbstractAsyncContextManager[Speaker]]

LINES: dict[str, str | Line | ModelError] = {
    "good": "One two three.",
    "unauthorised": KeyRejected("no"),
    "one_token_then_reset": Line("One ", finish="lost", problem=Unreachable("gone")),
    "one_token_then_silence": Line("One ", next="silence"),
    "accept_then_silence": Line(next="silence"),
}


@asynccontextmanager
async def told(fault: str) -> AsyncIterator[Speaker]:
    model = ScriptedModel([LINES[fault]])
    yield model, lambda: model.open


@asynccontextmanager
async def wired(fault: str) -> AsyncIterator[Speaker]:
    async with FaultServer(fault) as server:
        yield model_at(server, limits=Limits(retries=0)), lambda: server.open


@pytest.fixture(params=[told, wired], ids=["scripted", "wire"])
def case(request: pytest.FixtureRequest) -> Case:
    made: Case = request.param
    return made


async def _closed(open_streams: Callable[[], int]) -> None:
    async with asyncio.timeout(0.2):
        while open_streams():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_stream_ends_with_the_one_chunk_that_says_how(case: Case) -> None:
    async with case("good") as (model, open_streams):
        heard = await hear(model)
        await _closed(open_streams)
    assert heard.text == "One two three."
    assert [chunk.finish for chunk in heard.chunks[:-1]] == [None] * (len(heard.chunks) - 1)
    assert heard.last.finish == "stop"
    assert heard.last.usage is not None
    assert heard.last.usage.completion_tokens == 3


async def test_an_error_before_the_first_token_is_raised(case: Case) -> None:
    async with case("unauthorised") as (model, open_streams):
        heard = await hear(model)
        await _closed(open_streams)
    assert isinstance(heard.raised, KeyRejected)
    assert heard.chunks == []


async def test_what_breaks_later_ends_the_stream(case: Case) -> None:
    async with case("one_token_then_reset") as (model, open_streams):
        heard = await hear(model)
        await _closed(open_streams)
    assert heard.text == "One "
    assert heard.last.finish == "lost"
    assert isinstance(heard.last.problem, Unreachable)


@pytest.mark.parametrize("line", ["accept_then_silence", "one_token_then_silence"])
async def test_cancelling_the_reader_closes_the_stream(case: Case, line: str) -> None:
    async with case(line) as (model, open_streams):
        reading = asyncio.create_task(hear(model))
        await asyncio.sleep(0.1)
        assert open_streams() == 1
        reading.cancel()
        await _closed(open_streams)
        with pytest.raises(asyncio.CancelledError):
            await reading


async def test_leaving_the_stream_closes_it(case: Case) -> None:
    async with case("one_token_then_silence") as (model, open_streams):
        async with aclosing(model.stream(PROMPT, Options())) as chunks:
            assert (await anext(chunks)).text == "One "
        await _closed(open_streams)


def test_both_are_chat_models() -> None:
    models: list[ChatModel] = [ScriptedModel([]), model_at("http://127.0.0.1:9/v1")]
    assert len(models) == 2


async def test_lines_are_spoken_in_order_and_what_was_asked_is_kept() -> None:
    model = ScriptedModel(["First.", Unreachable("gone"), "Third."], context=99)
    heard = [await hear(model, options=Options(seed=seed)) for seed in range(4)]
    assert [one.text for one in heard] == ["First.", "", "Third.", ""]
    assert isinstance(heard[1].raised, Unreachable)
    assert isinstance(heard[3].raised, BrokenAnswer)
    assert [asked.options.seed for asked in model.asked] == [0, 1, 2, 3]
    assert model.asked[0].messages == PROMPT
    assert await model.context() == 99


async def test_a_repeated_script_begins_anew() -> None:
    model = ScriptedModel(["a", "b"], repeat=True)
    assert [(await hear(model)).text for _ in range(5)] == ["a", "b", "a", "b", "a"]


async def test_waiting_and_reasoning_come_before_the_text() -> None:
    heard = await hear(ScriptedModel([Line("Yes.", reasoning="Hm, well.", waiting="loading")]))
    assert heard.waiting == ["loading"]
    assert (heard.reasoning, heard.text) == ("Hm, well.", "Yes.")
    assert heard.chunks[0].waiting
    assert heard.chunks[1].reasoning


async def test_an_endless_line_goes_on_until_the_reader_leaves() -> None:
    model = ScriptedModel([Line("more ", next="again")])
    async with aclosing(model.stream(PROMPT, Options())) as chunks:
        said = [(await anext(chunks)).text for _ in range(100)]
    assert said == ["more "] * 100
    assert model.open == 0


@given(st.text(st.sampled_from("ab \n\té")))
def test_the_words_of_a_line_joined_are_the_line(text: str) -> None:
    heard = asyncio.run(hear(ScriptedModel([text])))
    assert heard.text == text


def test_the_example_in_its_documentation_runs() -> None:
    assert doctest.testmod(scripted) == doctest.TestResults(failed=0, attempted=4)

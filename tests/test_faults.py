"""Every broken upstream ends as the right error, or as a turn marked with what cut it."""

from __future__ import annotations

import asyncio
import traceback
from contextlib import aclosing

import pytest

from rebuttal.errors import (
    BrokenAnswer,
    ContextOverflow,
    KeyRejected,
    ModelError,
    ModelMissing,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    ServerFailed,
    Unreachable,
)
from rebuttal.providers.base import Limits, Options
from rebuttal.records import Finish
from tests.fault_server import FAULTS, FaultServer
from tests.faults import a_speech
from tests.hearing import KEY, LIMITS, PROMPT, Heard, hear, model_at

RAISED: dict[str, tuple[type[ModelError], str]] = {
    "refuse": (Unreachable, "connection refused"),
    "accept_then_silence": (Unreachable, "said nothing for 0.5 s"),
    "headers_then_silence": (Unreachable, "said nothing for 0.5 s"),
    "pings_forever": (Unreachable, "said nothing for 0.5 s"),
    "empty_deltas_forever": (Unreachable, "said nothing for 0.5 s"),
    "endless_comments": (BrokenAnswer, "more bytes than any turn needs"),
    "thought_then_silence": (Unreachable, "fell silent for 0.3 s"),
    "thinks_for_ever": (BrokenAnswer, "only thought until time was up"),
    "hang_up": (Unreachable, "the connection was cut"),
    "reset_at_once": (Unreachable, "the connection was cut"),
    "html": (BrokenAnswer, "sent a web page"),
    "json_error": (ServerFailed, "provider returned error (status 502)"),
    "json_quota_error": (QuotaExhausted, "Insufficient credits"),
    "json_error_first": (ServerFailed, "no capacity (status 503)"),
    "bare_json_lines": (BrokenAnswer, "plain JSON rather than a stream"),
    "plain_text": (BrokenAnswer, "no stream of events but 'It works!'"),
    "zero_chunks": (ServerFailed, "ended its answer before the first word"),
    "empty_body": (ServerFailed, "ended its answer before the first word"),
    "not_http": (BrokenAnswer, "did not answer in HTTP"),
    "endless_header": (BrokenAnswer, "did not answer in HTTP"),
    "compressed": (BrokenAnswer, "compressed"),
    "bad_json_first": (BrokenAnswer, "cannot be read"),
    "bad_utf8": (BrokenAnswer, "bytes that are no text"),
    "chunk_is_a_list": (BrokenAnswer, "cannot be read"),
    "chunk_is_deeply_nested": (BrokenAnswer, "cannot be read"),
    "endless_line": (BrokenAnswer, "one endless line"),
    "endless_thought": (BrokenAnswer, "more bytes than any turn needs"),
    "endless_error": (ServerFailed, "failure failure"),
    "redirect": (RequestRejected, "redirects are not followed"),
    "bad_request": (RequestRejected, "presence_penalty is not a number we like"),
    "overflow_of_llama_cpp": (ContextOverflow, "5000"),
    "overflow_of_openai": (ContextOverflow, "5000"),
    "overflow_of_vllm": (ContextOverflow, "5000"),
    "unauthorised": (KeyRejected, "Incorrect API key provided"),
    "forbidden": (KeyRejected, "may not use inference"),
    "no_money": (QuotaExhausted, "Payment required"),
    "quota_exhausted": (QuotaExhausted, "exceeded your current quota"),
    "no_such_model": (ModelMissing, "not found"),
    "no_such_path": (ModelMissing, "404 page not found"),
    "too_large": (RequestRejected, "413"),
    "unprocessable": (RequestRejected, "not an integer"),
    "asks_to_wait_an_hour": (RateLimited, "asks to wait 3600 s: Rate limit reached"),
    "asks_to_wait_once": (RateLimited, "asks to wait"),
    "sounds_like_a_template": (ServerFailed, "The system is out of memory"),
    "always_failing": (ServerFailed, "CUDA error: out of memory"),
    "failing_once": (ServerFailed, "Loading model"),
    "bad_gateway": (ServerFailed, "502"),
    "filtered_whole": (RequestRejected, "content filter"),
    "only_thought": (BrokenAnswer, "only thought until its token limit"),
    "no_text": (BrokenAnswer, "answered with no text"),
    "calls_a_tool": (BrokenAnswer, "answered with no text"),
}
"""What is raised where nothing was said, without any further try."""

ENDED: dict[str, tuple[Finish, str]] = {
    "good": ("stop", "One two three."),
    "another_speech_each_time": (
        "stop",
        a_speech([{"role": said.role, "content": said.content} for said in PROMPT]),
    ),
    "crlf": ("stop", "One two three."),
    "split_utf8": ("stop", "Grüße 辩论 👩"),
    "odd_shapes": ("stop", "Still here."),
    "other_choices": ("stop", "Mine."),
    "template_error": ("stop", "One two three."),
    "finish_without_done": ("stop", "One "),
    "finish_then_silence": ("stop", "One "),
    "finish_then_reset": ("stop", "One "),
    "length": ("length", "One two three."),
    "content_filter": ("filtered", "One two three."),
    "one_token_then_silence": ("lost", "One "),
    "one_token_then_pings": ("lost", "One "),
    "one_token_then_reset": ("lost", "One "),
    "one_token_then_hang_up": ("lost", "One "),
    "one_token_then_end": ("lost", "One "),
    "finish_reason_error": ("lost", "One "),
    "json_error_after_a_token": ("lost", "One "),
    "bad_json_after_a_token": ("lost", "One "),
    "endless_line_after_a_token": ("limit", "One "),
}
"""How a turn ends that has something in it."""

ENDLESS: dict[str, Finish] = {"slow_for_ever": "timeout", "endless_stream": "limit"}

CAPPED = Limits(first_token=0.5, silence=0.3, turn=1.2, retries=0, max_bytes=2_000_000)


async def hear_from(server: FaultServer, limits: Limits = CAPPED) -> Heard:
    """One stream from it; on leaving, no connection and no task may be left."""
    before = asyncio.all_tasks()
    heard = await hear(model_at(server, limits=limits))
    await server.until_closed()
    for _ in range(20):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before
    return heard


def test_every_fault_has_its_expectation() -> None:
    assert {*RAISED, *ENDED, *ENDLESS} == {*FAULTS}
    assert len(FAULTS) >= 60


@pytest.mark.parametrize("fault", RAISED)
async def test_what_says_nothing_is_the_right_error(fault: str) -> None:
    async with FaultServer(fault) as server:
        heard = await hear_from(server)
    error, words = RAISED[fault]
    assert type(heard.raised) is error, heard
    assert words in heard.raised.message
    assert heard.raised.message.startswith(f"'m' at http://127.0.0.1:{server.port}/v1: ")
    assert heard.raised.hint
    assert heard.text == ""
    assert heard.seconds < CAPPED.turn + 1.0


@pytest.mark.parametrize("fault", ENDED)
async def test_what_says_something_ends_marked_with_what_cut_it(fault: str) -> None:
    async with FaultServer(fault) as server:
        heard = await hear_from(server)
    finish, text = ENDED[fault]
    assert heard.raised is None
    assert (heard.last.finish, heard.text) == (finish, text)
    assert [chunk.finish for chunk in heard.chunks].count(None) == len(heard.chunks) - 1
    assert (heard.last.problem is not None) == (finish == "lost")
    assert heard.seconds < CAPPED.turn + 1.0


@pytest.mark.parametrize("fault", ENDLESS)
async def test_what_never_ends_is_ended(fault: str) -> None:
    async with FaultServer(fault) as server:
        heard = await hear_from(server)
    assert heard.raised is None
    assert heard.last.finish == ENDLESS[fault]
    assert heard.text.startswith("word word ")
    assert len(heard.text) <= CAPPED.max_chars
    assert heard.seconds < CAPPED.turn + 1.0


@pytest.mark.parametrize("fault", ["endless_line", "endless_line_after_a_token", "endless_error"])
async def test_a_line_of_64_megabytes_is_hardly_read(fault: str) -> None:
    async with FaultServer(fault) as server:
        await hear_from(server)
        assert server.sent < 16_000_000


async def test_the_cap_on_bytes_ends_a_turn_that_has_text() -> None:
    async with FaultServer("endless_stream") as server:
        limits = Limits(max_chars=10**9, max_bytes=100_000, turn=5)
        heard = await hear_from(server, limits)
    assert heard.last.finish == "limit"
    assert 1_000 < len(heard.text) < 100_000


async def test_pings_and_empty_deltas_do_not_move_a_deadline_but_words_do() -> None:
    async with FaultServer("good", tokens=["word "] * 8, delay=0.2) as server:
        heard = await hear_from(server, Limits(first_token=0.5, silence=0.5, turn=10, retries=0))
    assert heard.last.finish == "stop"
    assert heard.seconds > 1.5


async def test_an_answer_that_is_done_does_not_wait_for_the_server_to_hang_up() -> None:
    async with FaultServer("finish_then_silence") as server:
        heard = await hear_from(server, Limits())
    assert heard.last.finish == "stop"
    assert heard.seconds < 2.0


async def test_a_redirect_is_named_and_not_followed() -> None:
    async with FaultServer() as other, FaultServer("redirect", to=other.address) as server:
        heard = await hear_from(server)
        assert other.requests == []
        assert other.open == 0
    assert heard.raised is not None
    assert f"points to http://127.0.0.1:{other.port}" in heard.raised.message


@pytest.mark.parametrize(
    "fault", ["overflow_of_llama_cpp", "overflow_of_openai", "overflow_of_vllm"]
)
async def test_an_overflow_carries_both_sizes(fault: str) -> None:
    async with FaultServer(fault) as server:
        heard = await hear_from(server)
    assert isinstance(heard.raised, ContextOverflow)
    assert (heard.raised.asked, heard.raised.allowed) == (5000, 4096)


@pytest.mark.parametrize("fault", sorted(RAISED))
async def test_no_error_holds_the_key_or_what_it_came_from(fault: str) -> None:
    async with FaultServer(fault) as server:
        heard = await hear(model_at(server, limits=CAPPED))
    problem = heard.raised
    assert problem is not None
    shown = "".join(traceback.format_exception(problem)) + repr(problem) + problem.hint
    assert KEY not in shown
    assert problem.__cause__ is None
    assert problem.__context__ is None


SILENT = ["accept_then_silence", "headers_then_silence", "one_token_then_silence", "slow_for_ever"]


@pytest.mark.parametrize("fault", SILENT)
async def test_cancelling_the_reader_closes_the_connection_at_once(fault: str) -> None:
    patient = Limits()
    async with FaultServer(fault) as server:
        reading = asyncio.create_task(hear(model_at(server, limits=patient)))
        await server.until(lambda server: len(server.requests) == 1)
        await asyncio.sleep(0.05)
        reading.cancel()
        assert await server.until_closed() < 0.2
        with pytest.raises(asyncio.CancelledError):
            await reading


@pytest.mark.parametrize("fault", ["one_token_then_silence", "slow_for_ever", "endless_stream"])
async def test_leaving_the_stream_closes_the_connection_at_once(fault: str) -> None:
    async with FaultServer(fault) as server:
        stream = model_at(server, limits=Limits()).stream(PROMPT, Options())
        async with aclosing(stream) as chunks:
            async for chunk in chunks:
                assert chunk.text
                break
        assert await server.until_closed() < 0.2


async def test_cancelling_while_waiting_for_another_try_asks_no_more() -> None:
    async with FaultServer("failing_once") as server:
        reading = asyncio.create_task(hear(model_at(server, limits=Limits(retries=2))))
        await server.until(lambda server: len(server.requests) == 1)
        assert await server.until_closed() < 0.2
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(reading, 0.2)
        assert len(server.requests) == 1


async def test_cancelling_in_the_tls_handshake_closes_the_connection() -> None:
    gone = asyncio.Event()
    greeted = asyncio.Event()

    async def never_greets_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            greeted.set()
        gone.set()
        writer.close()

    server = await asyncio.start_server(never_greets_back, "127.0.0.1", 0)
    async with server:
        address = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        reading = asyncio.create_task(hear(model_at(address, limits=LIMITS)))
        await asyncio.wait_for(greeted.wait(), 1)
        reading.cancel()
        await asyncio.wait_for(gone.wait(), 0.2)
        with pytest.raises(asyncio.CancelledError):
            await reading

"""What goes out on the OpenAI-compatible wire, what is read from it, and what is tried again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from email.utils import formatdate
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebuttal.catalog import Endpoint, Model
from rebuttal.errors import (
    BrokenAnswer,
    KeyRejected,
    ModelError,
    ModelMissing,
    RateLimited,
    RequestRejected,
    Unreachable,
)
from rebuttal.providers.base import Gathering, Limits, Message, Options
from rebuttal.providers.openai_compatible import list_models
from rebuttal.providers.reasoning import ThinkSplitter
from rebuttal.providers.refusals import asked_wait
from rebuttal.providers.wire import Answer, request_body, without_system
from rebuttal.records import Usage
from tests.fault_server import FaultServer
from tests.hearing import KEY, PROMPT, hear, model_at

# What goes out


async def test_a_request_carries_the_key_and_nothing_else_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "authorization: other\nx-secret: yes")
    async with FaultServer() as server:
        heard = await hear(model_at(server))
        assert heard.text == "One two three."
        headers = server.requests[0].headers
    assert headers.pop("authorization") == f"Bearer {KEY}"
    assert headers.keys() <= {
        *("host", "accept", "accept-encoding", "connection", "content-type", "content-length"),
        "user-agent",
    }
    assert headers["user-agent"] == "rebuttal"


async def test_a_server_on_this_machine_is_never_asked_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with FaultServer() as proxy, FaultServer() as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        heard = await hear(model_at(server))
        assert proxy.requests == []
    assert heard.text == "One two three."


async def test_without_a_key_no_key_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    async with FaultServer() as server:
        await hear(model_at(server, key=None))
        assert "authorization" not in server.requests[0].headers


async def test_the_body_has_every_field_that_the_endpoint_understands() -> None:
    options = Options(
        temperature=1.5,
        top_p=0.9,
        max_tokens=99,
        seed=7,
        stop=("A:", "", "B:", "C:"),
        frequency_penalty=0.25,
        extra={"top_k": 20},
    )
    async with FaultServer() as server:
        model = model_at(
            server,
            max_temperature=1.0,
            max_stops=2,
            presence_penalty=0.5,
            frequency_penalty=0.1,
            extra={"top_k": 40, "dry_multiplier": 0.8, "stops": ("a",), "stream": False},
            model={"reasoning": "none", "extra": {"dry_multiplier": 0.7}},
        )
        await hear(model, PROMPT, options)
        body = server.requests[0].body
        assert server.requests[0].path == "/v1/chat/completions"
    assert body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "You are a cynic."},
            {"role": "user", "content": "Is tea better than coffee?"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 1.0,
        "top_p": 0.9,
        "max_tokens": 99,
        "seed": 7,
        "stop": ["A:", "B:"],
        "presence_penalty": 0.5,
        "frequency_penalty": 0.25,
        "reasoning_effort": "none",
        "top_k": 20,
        "dry_multiplier": 0.7,
        "stops": ["a"],
    }


def test_the_body_has_no_field_that_the_endpoint_does_not_understand() -> None:
    endpoint = Endpoint(
        name="Strict",
        address="https://strict.example/v1",
        max_tokens_field="max_completion_tokens",
        sends_seed=False,
        sends_penalties=False,
        sends_top_p=False,
        sends_stop=False,
        presence_penalty=1.0,
    )
    options = Options(seed=1, stop=("x",), frequency_penalty=1.0)
    body = request_body(endpoint, Model(label="M", endpoint="Strict", model="m"), PROMPT, options)
    assert body.keys() == {
        *("model", "messages", "stream", "stream_options", "temperature", "max_completion_tokens")
    }


# Keys


@pytest.mark.parametrize(
    "key", [f"{KEY}\n", f"{KEY}\r\nx-evil: 1", "schlüssel-123", "a b", "\x00a"]
)
async def test_a_key_that_no_header_may_carry_is_refused_and_never_shown(key: str) -> None:
    async with FaultServer() as server:
        heard = await hear(model_at(server, key=key))
        assert server.requests == []
        with pytest.raises(KeyRejected):
            await list_models(_endpoint(server.address), key)
    assert isinstance(heard.raised, KeyRejected)
    assert key.strip() not in str(heard.raised)


async def test_a_missing_key_is_named_before_anything_is_sent() -> None:
    async with FaultServer() as server:
        heard = await hear(model_at(server, key=None, key_name="HF_TOKEN", needs_key=True))
        assert server.requests == []
    assert isinstance(heard.raised, KeyRejected)
    assert heard.raised.hint == "Set HF_TOKEN in the environment or in .env."


# What is read


async def test_usage_says_what_was_cached_and_what_was_evaluated() -> None:
    async with FaultServer() as server:
        heard = await hear(model_at(server))
    assert heard.last.usage == Usage(
        prompt_tokens=12, completion_tokens=3, cached_tokens=7, evaluated_tokens=5
    )


def test_usage_so_far_comes_with_the_words_of_a_server_that_counts_as_it_speaks() -> None:
    answer = Answer(max_chars=100)
    delta = {"choices": [{"delta": {"content": "One "}}]}
    said = answer.read({**delta, "timings": {"cache_n": 7, "prompt_n": 5, "predicted_n": 1}})
    assert said is not None
    assert said.usage == Usage(
        prompt_tokens=12, completion_tokens=1, cached_tokens=7, evaluated_tokens=5
    )


@pytest.mark.parametrize("lie", [10**30, -5, 1e400, float("nan"), True, "7"])
def test_a_count_that_cannot_be_is_none(lie: object) -> None:
    answer = Answer(max_chars=100)
    answer.read({"choices": [], "usage": {"prompt_tokens": lie, "completion_tokens": 3}})
    assert answer.usage == Usage(completion_tokens=3)


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning_of_the_server_is_no_text(field: str) -> None:
    answer = Answer(max_chars=100)
    said = answer.read({"choices": [{"delta": {field: "Hm.", "content": ""}}]})
    assert said is not None
    assert (said.text, said.reasoning) == ("", "Hm.")
    assert answer.thought
    assert not answer.spoke


class CountedGathering(Gathering):
    """Knows how often somebody was about to read."""

    reads = 0

    @property
    def pause(self) -> float:
        self.reads += 1
        return super().pause


async def test_many_streams_are_read_in_larger_pieces() -> None:
    tokens = [f"word{number} " for number in range(60)]
    gathering = CountedGathering()
    async with (
        AsyncExitStack() as others,
        FaultServer(tokens=tokens, delay=0.005) as server,
    ):
        alone = await hear(model_at(server, limits=Limits(gathering=gathering)))
        assert gathering.pause == 0
        for _ in range(99):
            await others.enter_async_context(gathering.stream())
        gathering.reads = 0
        crowded = await hear(model_at(server, limits=Limits(gathering=gathering)))
    assert alone.text == crowded.text == "".join(tokens)
    assert 0 < gathering.reads < len(tokens) / 2


async def test_thoughts_in_tags_are_no_text() -> None:
    tokens = ["<th", "ink>He says", " 1 < 2", "</thi", "nk>\n\n", "No. ", "2 < 3 <", "think"]
    async with FaultServer(tokens=tokens) as server:
        heard = await hear(model_at(server))
    assert heard.reasoning == "He says 1 < 2"
    assert heard.text == "No. 2 < 3 <think"


THINKING = st.text(st.sampled_from("ab<>/think ")) | st.lists(
    st.sampled_from(["<think>", "</think>", "<thinking>", "</thinking>", "<", "a", "</", "think>"])
).map("".join)


@given(THINKING, st.lists(st.integers(0, 60)))
def test_where_a_text_is_cut_changes_nothing_in_what_is_a_thought(
    text: str, cuts: list[int]
) -> None:
    def split(pieces: Iterator[str]) -> tuple[str, str]:
        splitter = ThinkSplitter()
        parts = [*map(splitter.feed, pieces), splitter.close()]
        return "".join(said for said, _ in parts), "".join(thought for _, thought in parts)

    edges = [0, *sorted(cuts), len(text)]
    pieces = (text[a:b] for a, b in pairwise(edges))
    whole = split(iter([text]))
    assert split(iter([*pieces])) == whole
    assert split(iter(text)) == whole
    tags = ("<think>", "</think>", "<thinking>", "</thinking>")
    if not any(tag in text for tag in tags):
        assert whole == (text, "")


async def test_a_turn_is_cut_at_the_cap_on_characters() -> None:
    async with FaultServer(tokens=["abcdefgh"] * 9) as server:
        heard = await hear(model_at(server, limits=Limits(max_chars=20, retries=0)))
    assert heard.text == "abcdefghabcdefghabcd"
    assert heard.last.finish == "limit"


async def test_context_is_the_models_else_the_endpoints_else_8192() -> None:
    address = "http://127.0.0.1:9/v1"
    assert await model_at(address).context() == 8192
    assert await model_at(address, context=2048).context() == 2048
    assert await model_at(address, context=2048, model={"context": 1024}).context() == 1024


# Tries


async def test_a_failure_before_the_first_token_is_tried_again_in_sight() -> None:
    async with FaultServer("failing_once") as server:
        heard = await hear(model_at(server, limits=Limits(retries=1)))
        assert len(server.requests) == 2
    assert heard.waiting == ["trying again in 1 s: Loading model (status 503)"]
    assert heard.text == "One two three."


async def test_the_servers_wish_to_wait_is_obeyed_in_sight() -> None:
    async with FaultServer("asks_to_wait_once") as server:
        heard = await hear(model_at(server, limits=Limits(retries=1)))
    assert heard.waiting == ["waiting 1 s, asked by the server"]
    assert heard.text == "One two three."
    assert 0.1 < heard.seconds < 1.0


async def test_a_wish_beyond_our_patience_is_an_error() -> None:
    async with FaultServer("asks_to_wait_an_hour") as server:
        heard = await hear(model_at(server, limits=Limits(retries=5)))
        assert len(server.requests) == 1
    assert isinstance(heard.raised, RateLimited)
    assert heard.raised.retry_after == 3600
    assert heard.waiting == []


async def test_tries_are_bounded() -> None:
    async with FaultServer("always_failing") as server:
        heard = await hear(model_at(server, limits=Limits(retries=1)))
        assert len(server.requests) == 2
    assert heard.raised is not None


@pytest.mark.parametrize(
    "fault", ["quota_exhausted", "no_money", "unauthorised", "html", "no_text"]
)
async def test_what_cannot_get_better_is_not_tried_again(fault: str) -> None:
    async with FaultServer(fault) as server:
        heard = await hear(model_at(server, limits=Limits(retries=5)))
        assert len(server.requests) == 1
    assert heard.raised is not None
    assert heard.waiting == []


async def test_nothing_is_tried_again_after_the_first_token() -> None:
    async with FaultServer("one_token_then_reset") as server:
        heard = await hear(model_at(server, limits=Limits(retries=5)))
        assert len(server.requests) == 1
    assert heard.last.finish == "lost"


async def test_a_refused_connection_on_this_machine_is_not_tried_again() -> None:
    async with FaultServer("refuse") as server:
        for host in ("127.0.0.1", "localhost"):
            address = server.address.replace("127.0.0.1", host)
            heard = await hear(model_at(address, api="ollama", limits=Limits(retries=5)))
            assert isinstance(heard.raised, Unreachable)
            assert heard.waiting == []
            assert str(heard.raised) == (
                f"'m' at {address}: connection refused."
                "   Is Ollama running? Start it with: ollama serve"
            )


async def test_a_model_that_ollama_lacks_can_be_pulled() -> None:
    async with FaultServer("no_such_model") as server:
        heard = await hear(model_at(server, api="ollama"))
    assert isinstance(heard.raised, ModelMissing)
    assert heard.raised.hint == "Fetch it with: ollama pull m"


def test_a_wish_to_wait_is_read_in_every_form() -> None:
    assert asked_wait({"retry-after": "12"}) == 12
    assert asked_wait({"retry-after": "1.5"}) == 1.5
    assert asked_wait({"retry-after-ms": "250", "retry-after": "9"}) == 0.25
    in_a_minute = asked_wait({"retry-after": formatdate(time.time() + 60, usegmt=True)})
    assert in_a_minute is not None
    assert 57 < in_a_minute <= 60
    assert asked_wait({"retry-after": formatdate(0, usegmt=True)}) == 0
    for nonsense in ("", "soon", "-5", "nan", "inf", "1e9999", "9" * 400):
        assert asked_wait({"retry-after": nonsense}) is None


# Templates


async def test_a_template_without_system_role_is_asked_once_more_and_remembered() -> None:
    async with FaultServer("template_error") as server:
        model = model_at(server)
        first = await hear(model)
        second = await hear(model)
        roles = [[m["role"] for m in request.body["messages"]] for request in server.requests]
        folded = server.requests[1].body["messages"][0]["content"]
    assert (first.text, second.text) == ("One two three.", "One two three.")
    assert roles == [["system", "user"], ["user"], ["user"]]
    assert folded == "You are a cynic.\n\nIs tea better than coffee?"
    assert len(first.waiting) == 1
    assert second.waiting == []


async def test_an_error_that_only_sounds_like_a_template_changes_nothing() -> None:
    async with FaultServer("sounds_like_a_template") as server:
        model = model_at(server)
        await hear(model)
        server.fault = "good"
        await hear(model)
        await hear(model)
        roles = [request.body["messages"][0]["role"] for request in server.requests]
    assert roles == ["system", "user", "system", "system"]


def test_folding_keeps_the_order_of_the_rest() -> None:
    said = [Message("system", "S"), Message("user", "1"), Message("assistant", "2")]
    assert without_system(said) == [Message("user", "S\n\n1"), Message("assistant", "2")]
    assert without_system(said[:1]) == [Message("user", "S")]
    assert without_system(said[1:]) == said[1:]


# The list of models


def _endpoint(address: str) -> Endpoint:
    return Endpoint(name="Here", address=address, needs_key=False)


async def test_models_are_listed() -> None:
    async with FaultServer(models=["a:1b", "b"]) as server:
        assert await list_models(_endpoint(server.address), KEY) == ["a:1b", "b"]
        assert server.requests[0].path == "/v1/models"
        await server.until_closed()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("refuse", Unreachable),
        ("accept_then_silence", Unreachable),
        ("headers_then_silence", Unreachable),
        ("pings_forever", Unreachable),
        ("html", BrokenAnswer),
        ("bare_json_lines", BrokenAnswer),
        ("json_error", BrokenAnswer),
        ("not_http", BrokenAnswer),
        ("endless_line", BrokenAnswer),
        ("unauthorised", KeyRejected),
        ("redirect", RequestRejected),
    ],
)
async def test_a_broken_list_is_an_error_of_ours(fault: str, error: type[ModelError]) -> None:
    async with FaultServer(fault) as server:
        with pytest.raises(error) as raised:
            await list_models(_endpoint(server.address), KEY, timeout=0.3)
        await server.until_closed()
    assert raised.value.message.startswith("'Here' at http://127.0.0.1:")
    assert KEY not in str(raised.value)

"""The openai package against a running Rebuttal: models, personas and panels under their names."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionUserMessageParam

from rebuttal.web.openai_api.wish import read_wish
from tests.page_app import SPEECHES
from tests.served import Served, serving

QUESTION: ChatCompletionUserMessageParam = {"role": "user", "content": "Should cats vote?"}
PANEL = {
    "seats": [{"persona": "cynic", "model": "Quick"}, {"persona": "rational", "model": "Quick"}],
    "rounds": 1,
    "chair": {"persona": "pragmatist", "model": "Quick"},
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("house")
    with serving(folder, "-m", "tests.api_app", str(folder)) as there:
        for name, panel in (
            ("two", PANEL),
            ("broken", _with("Broken")),
            ("long", _with("Endless")),
        ):
            saved = httpx.put(f"{there.address}api/v1/panels/{name}", json=panel)
            assert saved.status_code < 300, saved.text
        yield there


def nested(depth: int) -> list[object]:
    """A list in a list in a list."""
    return [] if not depth else [nested(depth - 1)]


def _with(model: str) -> dict[str, object]:
    return {**PANEL, "seats": [{"persona": "cynic", "model": model}]}


@pytest.fixture(scope="module")
def client(house: Served) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{house.address}v1", api_key="sk-none", max_retries=0) as there:
        yield there


@pytest.fixture(scope="module")
def post(house: Served) -> Iterator[httpx.Client]:
    """For what the package would not send."""
    with httpx.Client(base_url=f"{house.address}v1/", timeout=20) as there:
        yield there


def debates(house: Served) -> list[dict[str, object]]:
    found: list[dict[str, object]] = httpx.get(f"{house.address}api/v1/debates").json()["items"]
    return found


def test_every_model_persona_and_panel_that_can_be_asked_is_a_model(client: OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert names[:3] == ["panel-broken", "panel-long", "panel-two"]
    assert {"Quick", "Slow", "cynic@Quick", "rational@Slow"} <= {*names}
    assert not [name for name in names if "Expensive" in name]
    for name in ("panel-two", "cynic@Quick"):
        model = client.models.retrieve(name)
        assert (model.id, model.object, model.owned_by) == (name, "model", "rebuttal")
    with pytest.raises(openai.NotFoundError, match="no model is called 'panel-three'"):
        client.models.retrieve("panel-three")


def test_a_model_answers_in_one_piece(client: OpenAI) -> None:
    said = client.chat.completions.create(
        model="Quick",
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Should cats vote?"}]},
        ],
        temperature=0.2,
        top_p=0.9,
        max_completion_tokens=50,
        presence_penalty=0.1,
        frequency_penalty=0.1,
        seed=-7,
        stop=["\n\n"],
        n=1,
        user="somebody",
        metadata={"for": "nothing"},
        reasoning_effort="low",
        response_format={"type": "text"},
        tools=[{"type": "function", "function": {"name": "nothing"}}],
        tool_choice="auto",
    )
    assert said.choices[0].message.content in SPEECHES
    assert said.choices[0].finish_reason == "stop"
    assert said.model == "Quick"
    assert said.usage
    assert said.usage.total_tokens == said.usage.prompt_tokens + said.usage.completion_tokens > 10


def test_a_model_streams_its_answer_and_what_it_cost(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="cynic@Quick",
            messages=[QUESTION],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(text) in SPEECHES
    assert len([piece for piece in text if piece]) > 3
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage
    assert chunks[-1].usage.completion_tokens > 5
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_panel_thinks_aloud_and_answers_with_its_synthesis(client: OpenAI, house: Served) -> None:
    chunks = client.chat.completions.create(
        model="panel-two",
        messages=[QUESTION],
        stream=True,
        stream_options={"include_usage": True},
    )
    order, thought, said, usage = list[str](), "", "", None
    for chunk in chunks:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            more = (choice.delta.model_extra or {}).get("reasoning_content") or ""
            thought, said = thought + more, said + (choice.delta.content or "")
            order += ["thought"] if more else ["said"] if choice.delta.content else []
    assert sorted(order, reverse=True) == order
    assert thought.startswith("**Cynic**, round 1 of 1\n\n")
    assert "\n\n**Rational**, round 1 of 1\n\n" in thought
    assert sum(speech in thought for speech in SPEECHES) == 2
    assert said in SPEECHES
    assert usage
    details = usage.completion_tokens_details
    assert details
    assert 0 < (details.reasoning_tokens or 0) < usage.completion_tokens
    newest = debates(house)[0]
    assert newest["debate"]["topic"] == "Should cats vote?"  # type: ignore[index]
    assert newest["turns"] == 5


def test_a_panel_in_one_piece_says_the_same(client: OpenAI) -> None:
    earlier = [
        {"role": "system", "content": "Mind the dogs."},
        {"role": "user", "content": "I have nine cats."},
        {"role": "assistant", "content": "That is a lot."},
    ]
    said = client.chat.completions.create(
        model="panel-two",
        messages=[*earlier, QUESTION],  # type: ignore[list-item]
        max_tokens=100,
        seed=3,
    )
    message = said.choices[0].message
    assert message.content in SPEECHES
    thought = (message.model_extra or {})["reasoning_content"]
    assert thought.startswith("**Cynic**, round 1 of 1\n\n")
    assert message.content not in thought


async def test_the_asynchronous_client_does_as_well(house: Served) -> None:
    async with AsyncOpenAI(base_url=f"{house.address}v1", api_key="none") as client:
        stream = await client.chat.completions.create(
            model="panel-two", messages=[QUESTION], stream=True
        )
        text = [c.choices[0].delta.content or "" async for c in stream]
    assert "".join(text) in SPEECHES


async def test_whoever_leaves_stops_the_models(house: Served) -> None:
    async with AsyncOpenAI(base_url=f"{house.address}v1", api_key="none") as client:
        for name in ("Endless", "panel-long"):
            stream = await client.chat.completions.create(
                model=name, messages=[QUESTION], stream=True
            )
            async for chunk in stream:
                if chunk.choices[0].delta.content or chunk.choices[0].delta.model_extra:
                    break
            await stream.close()
        whole = client.chat.completions.create(model="panel-long", messages=[QUESTION])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(whole, 1)
    ids = [one["debate"]["id"] for one in debates(house)[:2]]  # type: ignore[index]
    async with httpx.AsyncClient(base_url=f"{house.address}api/v1/debates/") as web:
        for _ in range(100):
            states = [(await web.get(name)).json()["state"] for name in ids]
            if states == ["paused", "paused"]:
                break
            await asyncio.sleep(0.1)
    assert states == ["paused", "paused"]


@pytest.mark.parametrize("stream", [False, True])
def test_what_goes_wrong_has_the_class_and_the_words_for_it(client: OpenAI, stream: bool) -> None:
    def ask(model: str) -> None:
        answer = client.chat.completions.create(model=model, messages=[QUESTION], stream=stream)
        list(answer)

    with pytest.raises(openai.NotFoundError, match=r"no model is called 'Gone'. Known: Quick"):
        ask("Gone")
    with pytest.raises(openai.NotFoundError, match=r"no panel is called 'gone'. Known: broken"):
        ask("panel-gone")
    with pytest.raises(openai.InternalServerError, match="REBUTTAL_TEST_NO_SUCH_KEY") as caught:
        ask("Expensive")
    assert caught.value.code == "model_error"


def test_a_model_that_breaks_in_mid_debate_ends_the_stream_with_its_words(client: OpenAI) -> None:
    chunks = client.chat.completions.create(model="panel-broken", messages=[QUESTION], stream=True)
    with pytest.raises(openai.APIError, match=r"collapsed\. Build it again, then Resume") as caught:
        list(chunks)
    assert type(caught.value) is openai.APIError
    assert caught.value.code == "model_error"


def said(text: object, role: str = "user") -> list[dict[str, object]]:
    return [{"role": role, "content": text}]


@pytest.mark.parametrize(
    ("body", "status", "param", "words"),
    [
        ("{", 400, None, "not JSON"),
        ("[]", 400, None, "no JSON object"),
        ("[" * 30_000, 400, None, "not JSON"),
        ({"model": "Quick"}, 400, "messages", "Field required"),
        ({"messages": [QUESTION]}, 400, "model", "Field required"),
        ({"messages": []}, 400, "messages", "at least 1"),
        ({"temperature": 3}, 400, "temperature", "less than or equal to 2"),
        ({"stop": ["a", "b", "c", "d", "e"]}, 400, "stop", "at most 4"),
        ({"stop": 5}, 400, "stop", "valid list"),
        ({"messages": said(5)}, 400, "messages.0.content", "valid string"),
        ({"n": 2}, 400, "n", "One answer a request"),
        ({"tool_choice": "required"}, 400, "tool_choice", "No tools are called here"),
        ({"response_format": {"type": "json_object"}}, 400, "response_format", "json_object"),
        ({"response_format": {"type": nested(400)}}, 400, "response_format.type", "string"),
        ({"logprobs": True}, 400, "logprobs", "Leave out logprobs"),
        ({"messages": said("4", "king")}, 400, "messages.0.role", "Known: system"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            *(400, "messages.0.content", "Only text is read"),
        ),
        ({"messages": said(" ")}, 400, None, "No message has any words"),
        ({"model": "panel-two", "messages": said("x", "system")}, 400, None, "the user's"),
        ({"model": "panel-two", "messages": said("x" * 9000)}, 400, None, "9000"),
        ({"messages": said("\ud83d" * 20_000)}, 400, "messages", "tokens"),
        ({"messages": said("x" * 300_000)}, 413, None, "256 KiB"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_in_openais_shape(
    post: httpx.Client, body: object, status: int, param: str | None, words: str
) -> None:
    if isinstance(body, dict):
        usual = {} if "Field required" in words else {"model": "Quick", "messages": [QUESTION]}
        body = json.dumps({**usual, **body})
    answer = post.post("chat/completions", content=str(body))
    assert answer.status_code == status
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert words in error["message"]
    assert answer.headers["x-should-retry"] == "false"


def test_what_is_not_there_says_what_is(post: httpx.Client) -> None:
    answer = post.post("responses", json={})
    assert answer.status_code == 404
    assert "POST /v1/chat/completions" in answer.json()["error"]["message"]
    assert post.get("chat/completions").status_code == 404


@pytest.mark.parametrize("seed", [-7, 2**32, 10**300])
def test_any_seed_is_one_that_every_model_takes(seed: int) -> None:
    said = [{"role": "user", "content": "x"}]
    wish = read_wish(json.dumps({"model": "Quick", "messages": said, "seed": seed}).encode())
    assert wish.seed == seed % 2**32

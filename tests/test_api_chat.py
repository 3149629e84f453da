"""Chat over HTTP: a conversation is a debate of one seat, and answers come whole or in pieces."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest

from rebuttal.errors import NotFound, StaleTip
from rebuttal.providers.scripted import Line, ScriptedModel
from rebuttal.records import Visitor
from rebuttal.web.api.chat_schemas import ConversationToBe, Say
from rebuttal.web.api.conversation import Conversations
from rebuttal.web.api.pieces import Pieces as Answers
from tests.listening import Program, calling, served
from tests.page_app import SPEECHES
from tests.paying import ANN, EVE, public_app
from tests.served import Served

Pieces = list[tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One place to speak, and one to wait."""
    with served(tmp_path_factory.mktemp("chat"), "running=1", "waiting=1") as page:
        yield page


@pytest.fixture
def program(there: Served) -> Iterator[Program]:
    with calling(there) as caller:
        yield caller


def say(program: Program, message: str, **more: object) -> dict[str, Any]:
    """The answer to a message, by a quick model unless another is named."""
    known = {} if "conversation_id" in more else {"model": "Quick"}
    answer: dict[str, Any] = program.post("/chat", {**known, "message": message, **more})
    return answer


@contextmanager
def streaming(program: Program, path: str, body: dict[str, Any]) -> Iterator[Iterator[Any]]:
    """Pieces as they come; at its end the caller leaves, whatever is still to come."""
    with program.web.stream("POST", path, json={**body, "stream": True}) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _pieces(answer)


def _pieces(answer: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    kind = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))


def streamed(program: Program, path: str, body: dict[str, Any]) -> Pieces:
    """All pieces of an answer."""
    with streaming(program, path, body) as pieces:
        return list(pieces)


def until_kept(program: Program, conversation: str) -> float:
    """Seconds until the half of an answer is kept."""
    began = time.monotonic()
    while program.get(f"/chat/conversation/{conversation}")["messages"][-1]["role"] == "user":
        assert time.monotonic() - began < 3
        time.sleep(0.02)
    return time.monotonic() - began


def test_a_message_begins_a_conversation_and_the_next_one_goes_on(program: Program) -> None:
    first = say(program, "Should cats vote?")
    assert first["text"] in SPEECHES
    assert (first["model"], first["persona"], first["finish"]) == ("Quick", "polite", "stop")
    assert 0 < first["generation_time"] < 5
    assert first["usage"]["completion_tokens"] > 5
    conversation = first["conversation_id"]
    second = say(program, "And dogs?", conversation_id=conversation)
    assert second["conversation_id"] == conversation
    read = program.get(f"/chat/conversation/{conversation}")
    assert [(one["role"], one["content"]) for one in read["messages"]] == [
        ("user", "Should cats vote?"),
        ("assistant", first["text"]),
        ("user", "And dogs?"),
        ("assistant", second["text"]),
    ]
    assert read["messages"][-1]["turn_id"] == second["turn_id"]
    assert (read["state"], read["title"]) == ("finished", "Should cats vote?")
    kept = program.get(f"/debates/{conversation}")["debate"]
    assert [one["seat"] for one in kept["debaters"]] == ["seat1"]


def test_an_answer_streams_and_its_last_piece_is_the_whole(program: Program) -> None:
    pieces = streamed(program, "/chat", {"message": "Cats?", "model": "Slow", "persona": "Cynic"})
    kinds = [kind for kind, _ in pieces]
    assert kinds[0] == "begun"
    assert pieces[0][1]["persona"] == "cynic"
    assert kinds[-1] == "done"
    assert kinds.count("delta") > 5
    whole = pieces[-1][1]
    assert "".join(data["text"] for kind, data in pieces if kind == "delta") == whole["text"]
    assert whole["conversation_id"] == pieces[0][1]["conversation_id"]
    assert whole["generation_time"] > 1
    fast = streamed(program, "/chat", {"message": "Cats?", "model": "Quick"})
    assert "".join(data.get("text", "") for kind, data in fast if kind == "delta") in SPEECHES


@pytest.mark.parametrize("stream", [True, False])
def test_who_leaves_in_the_middle_stops_the_answer_and_what_was_said_is_kept(
    program: Program, stream: bool
) -> None:
    promised = program.post("/chat/new", {"model": "Endless"}, 201)["conversation_id"]
    wish = {"message": "Go.", "conversation_id": promised}
    if stream:
        with streaming(program, "/chat", wish) as pieces:
            assert [kind for kind, _ in islice(pieces, 4)][-1] == "delta"
    else:
        with pytest.raises(httpx.ReadTimeout):
            program.web.post("/chat", json=wish, timeout=1)
    assert until_kept(program, promised) < 0.5
    said = program.get(f"/chat/conversation/{promised}")["messages"]
    assert said[-1]["finish"] == "stopped"
    assert said[-1]["content"].startswith("and so on")
    again = say(program, "Once more?", conversation_id=promised, model="Quick")
    assert again["text"] in SPEECHES


def test_while_an_answer_is_given_there_another_message_is_refused(program: Program) -> None:
    with streaming(program, "/chat", {"message": "Go.", "model": "Endless"}) as pieces:
        conversation = next(pieces)[1]["conversation_id"]
        refused = program.post("/chat", {"message": "?", "conversation_id": conversation}, 409)
        assert refused["detail"] == "An answer is being given there."
        other = {"conversation_id": conversation, "model": "Quick"}
        assert program.post("/chat/switch-model", other, 409)["status"] == 409
        assert "delta" in [kind for kind, _ in islice(pieces, 3)]
    until_kept(program, conversation)
    assert len(program.get(f"/chat/conversation/{conversation}")["messages"]) == 2


def test_another_model_goes_on_at_the_same_seat_and_knows_the_past(program: Program) -> None:
    conversation = say(program, "Cats?")["conversation_id"]
    before = program.turns(conversation)
    switched = program.post(
        "/chat/switch-model", {"conversation_id": conversation, "model": "Slow"}
    )
    assert switched == {"conversation_id": conversation, "model": "Slow", "persona": "polite"}
    turns = program.turns(conversation)
    assert turns[: len(before)] == before
    assert [one["seat"] for one in turns[-1]["debaters"]] == ["seat1"]
    answer = say(program, "And dogs?", conversation_id=conversation)
    assert answer["model"] == "Slow"
    again = say(program, "Hm?", conversation_id=conversation, model="Quick", max_tokens=64)
    assert again["model"] == "Quick"
    debater = program.get(f"/debates/{conversation}")["debate"]["debaters"][0]
    assert (debater["seat"], debater["max_tokens"]) == ("seat1", 64)
    said = program.get(f"/chat/conversation/{conversation}")["messages"]
    assert [one["role"] for one in said] == ["user", "assistant"] * 3
    assert [one["model"] for one in said[1::2]] == ["Quick", "Slow", "Quick"]


def test_a_conversation_that_is_promised_begins_with_its_first_message(program: Program) -> None:
    wish = {"model": "Slow", "persona": "historian", "temperature": 0.3}
    promised = program.post("/chat/new", wish, 201)
    conversation = promised["conversation_id"]
    assert program.web.get(f"/chat/conversation/{conversation}").status_code == 404
    other = {"conversation_id": conversation, "model": "Quick"}
    assert program.post("/chat/switch-model", other)["persona"] == "historian"
    answer = say(program, "Cats?", conversation_id=conversation)
    assert (answer["model"], answer["persona"]) == ("Quick", "historian")
    assert answer["conversation_id"] == conversation
    debater = program.get(f"/debates/{conversation}")["debate"]["debaters"][0]
    assert debater["temperature"] == 0.3
    assert say(program, "Dogs?", conversation_id=conversation)["text"] in SPEECHES
    assert program.post("/chat/new", None, 201)["persona"] == "polite"


def test_a_model_that_fails_is_said_and_the_next_message_gets_one_answer(program: Program) -> None:
    promised = program.post("/chat/new", {"model": "Broken"}, 201)["conversation_id"]
    failed = program.post("/chat", {"message": "Cats?", "conversation_id": promised}, 502)
    assert failed["detail"] == "The stage has collapsed."
    assert failed["hint"] == "Build it again, then Resume."
    answer = say(program, "Well?", conversation_id=promised)
    assert answer["text"] in SPEECHES
    said = program.get(f"/chat/conversation/{promised}")["messages"]
    assert [one["role"] for one in said] == ["user", "user", "assistant"]


@pytest.mark.parametrize(
    ("status", "wish"),
    [
        (422, {}),
        (422, {"message": "  "}),
        (422, {"message": "Cats?", "max_tokens": 3}),
        (422, {"message": "Cats?", "temperature": 3}),
        (422, {"message": "Cats?", "more": 1}),
        (400, {"message": "x" * 9000, "model": "Quick"}),
        (404, {"message": "Cats?", "model": "Unheard-of"}),
        (404, {"message": "Cats?", "model": "Quick", "persona": "nobody"}),
        (404, {"message": "Cats?", "conversation_id": "AAAAAAAAAAAAAAAAAAAAAA"}),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_what_cannot_be_is_refused_before_anything_is_said(
    program: Program, status: int, wish: dict[str, Any], stream: bool
) -> None:
    refused = program.post("/chat", {**wish, "stream": stream}, status)
    assert refused["status"] == status
    assert refused["detail"]


def test_a_debate_of_several_seats_is_no_conversation(program: Program) -> None:
    debate = program.begin()
    refused = program.post("/chat", {"message": "Hm?", "conversation_id": debate}, 400)
    assert refused["detail"] == "That is a debate of 2 seats."
    assert program.web.get(f"/chat/conversation/{debate}").status_code == 400
    program.post(f"/debates/{debate}/stop")


def test_a_prompt_is_answered_and_kept_nowhere(program: Program) -> None:
    before = len(program.get("/debates", limit=200)["items"])
    wish = {"prompt": "Cats?", "system": "Be short.", "model": "Quick", "seed": 3, "stop": ["."]}
    answer = program.post("/generate", wish)
    assert answer["text"] in SPEECHES
    assert (answer["finish"], answer["model"]) == ("stop", "Quick")
    assert answer["usage"]["prompt_tokens"] == 3
    pieces = streamed(program, "/generate", {"prompt": "Cats?", "model": "Slow"})
    kinds = [kind for kind, _ in pieces]
    assert kinds[0] == "waiting"
    assert pieces[0][1]["reason"] == "asking Slow"
    assert kinds[-1] == "done"
    said = "".join(data["text"] for kind, data in pieces if kind == "delta")
    assert said == pieces[-1][1]["text"]
    assert len(program.get("/debates", limit=200)["items"]) == before
    long = program.post("/generate", {"prompt": "word " * 6000, "model": "Quick"}, 400)
    assert "the context of 'Quick' has 4,096" in long["detail"]


def test_who_waits_hears_the_number_and_about_how_long_and_who_is_too_many_when_to_come_again(
    program: Program,
) -> None:
    heard: Pieces = []

    def wait() -> None:
        heard.extend(streamed(program, "/generate", {"prompt": "Cats?", "model": "Quick"}))

    say(program, "Cats?", model="Slow")  # so that something is known
    with streaming(program, "/chat", {"message": "Go.", "model": "Endless"}) as pieces:
        next(pieces)
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.4)
        busy = program.web.post("/chat", json={"message": "Me too.", "model": "Quick"})
        assert busy.status_code == 429
        assert 1 <= int(busy.headers["retry-after"]) <= 60
        assert "1 debates wait" in busy.json()["detail"]
    waiting.join(10)
    kind, first = heard[0]
    assert (kind, first["position"]) == ("waiting", 1)
    assert 0 < first["seconds"] < 60
    assert first["reason"].startswith("waits for a free place, as number 1 in line, for ")
    assert heard[-1][0] == "done", "who left made room at once"


async def test_a_stranger_cannot_tell_a_foreign_conversation_from_none(tmp_path: Path) -> None:
    endless = ScriptedModel([Line("and so on ", next="again")], repeat=True, delay=0.02)
    async with public_app(tmp_path, endless) as app:
        conversations = Conversations(app)
        promised = conversations.promise(ConversationToBe(model="Scripted"), ANN).conversation_id
        for foreign in (promised, "AAAAAAAAAAAAAAAAAAAAAA"):
            with pytest.raises(NotFound):
                await anext(_asked(conversations, foreign, EVE))
        pieces = _asked(conversations, promised, ANN)
        assert (await anext(pieces))[0] == "begun"
        with pytest.raises(StaleTip):
            await anext(_asked(conversations, promised, ANN))
        with pytest.raises(NotFound):
            await anext(_asked(conversations, promised, EVE))
        await pieces.aclose()
        assert endless.open == 0


async def test_another_persona_takes_what_was_answered_for_its_own(tmp_path: Path) -> None:
    model = ScriptedModel(["Yes.", "No."])
    async with public_app(tmp_path, model) as app:
        conversations = Conversations(app)
        wish = Say(message="Cats?", model="Scripted", persona="cynic")
        first = [piece async for piece in conversations.ask(wish, ANN)]
        conversation = first[0][1].model_dump()["conversation_id"]
        wish = Say(message="Dogs?", conversation_id=conversation, persona="historian")
        last = [piece async for piece in conversations.ask(wish, ANN)][-1][1].model_dump()
        assert (last["text"], last["persona"]) == ("No.", "historian")
        said = [(one.role, one.content) for one in model.asked[-1].messages]
        assert said[1:] == [("user", "Cats?"), ("assistant", "Yes."), ("user", "Dogs?")]
        assert said[0][1] != model.asked[0].messages[0].content


async def test_many_promises_to_one_visitor_take_nobody_elses(tmp_path: Path) -> None:
    async with public_app(tmp_path, ScriptedModel(["Yes."], repeat=True)) as app:
        conversations, wish = Conversations(app), ConversationToBe(model="Scripted")
        mine = conversations.promise(wish, ANN).conversation_id
        others = [conversations.promise(wish, EVE).conversation_id for _ in range(30)]
        said = [piece async for piece in _asked(conversations, mine, ANN)]
        assert said[-1][0] == "done"
        with pytest.raises(NotFound):
            await anext(_asked(conversations, others[0], EVE))


def _asked(conversations: Conversations, conversation: str, visitor: Visitor) -> Answers:
    return conversations.ask(Say(message="?", conversation_id=conversation), visitor)


def test_whom_one_can_talk_to(program: Program) -> None:
    choice = program.get("/chat/models")
    assert (choice["model"], choice["persona"]) == ("Quick", "polite")
    assert {one["label"] for one in choice["items"]} >= {"Quick", "Slow", "Gated"}
    assert {one["key"] for one in choice["personas"]} >= {"cynic", "polite"}

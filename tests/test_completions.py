"""Answers outside of debates: the same places, budgets and halt, and nothing kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebuttal.app import DebateApp
from rebuttal.completions import InLine
from rebuttal.dialogue import MAX_CHARS, MAX_MESSAGES, legal_form
from rebuttal.errors import (
    BudgetSpent,
    Busy,
    ContextOverflow,
    InvalidInput,
    NotFound,
    ServerFailed,
    Unreachable,
)
from rebuttal.providers.base import Chunk, Message, Options
from rebuttal.providers.scripted import Line, ScriptedModel
from rebuttal.records import OPERATOR, Visitor
from rebuttal.settings import load_settings
from tests.fault_server import FaultServer
from tests.paying import ANN, BOB, EVE, public_app

HELLO = [Message("user", "Should cats vote?")]
OPTIONS = Options(max_tokens=100)
ROLES = st.sampled_from(["system", "user", "assistant"])
WORDS = st.text(st.characters(categories=("L", "N", "Zs", "Cs", "Cc")), max_size=12)


def endless() -> ScriptedModel:
    return ScriptedModel([Line("and so on ", next="again")], repeat=True, delay=0.02)


def silent() -> ScriptedModel:
    return ScriptedModel([Line("word", next="silence")], repeat=True)


async def heard(
    app: DebateApp, visitor: Visitor = OPERATOR, label: str = "Scripted"
) -> list[Chunk]:
    """Everything that is heard of one answer."""
    chunks = app.completions.stream(label, HELLO, OPTIONS, visitor=visitor)
    return [chunk async for chunk in chunks]


async def until_first_word(
    app: DebateApp, visitor: Visitor = OPERATOR, label: str = "Scripted"
) -> Any:
    """A stream from which one word was read, and who is to close it."""
    chunks = app.completions.stream(label, HELLO, OPTIONS, visitor=visitor)
    async for chunk in chunks:
        if chunk.text:
            break
    return chunks


async def spent(app: DebateApp) -> int:
    """Tokens that are spent or reserved of today's budget."""
    return (await app.budget()).figures["app"].total.tokens


@pytest.mark.parametrize(
    ("roles", "made"),
    [
        ("u", "u"),
        ("su", "su"),
        ("ssu", "su"),
        ("us", "su"),
        ("suas", "suau"),
        ("uu", "u"),
        ("uau", "uau"),
        ("uauau", "uauau"),
        ("uaau", "uau"),
        ("a", "uau"),
        ("sau", "suau"),
        ("s", "su"),
        ("ua", "uau"),
    ],
)
def test_messages_are_brought_into_the_form_that_every_model_takes(roles: str, made: str) -> None:
    names: Any = {"s": "system", "u": "user", "a": "assistant"}
    given = [Message(names[role], f"{role}{number}") for number, role in enumerate(roles)]
    form = legal_form([Message("user", " "), *given, Message("assistant", "")])
    assert "".join(one.role[0] for one in form) == made
    if roles == made:
        assert list(form) == given, "what was legal is not touched"


@given(st.lists(st.builds(Message, ROLES, WORDS), max_size=12))
def test_whatever_comes_is_legal_and_no_word_of_it_is_lost(messages: Sequence[Message]) -> None:
    said = [one for one in messages if one.content.strip()]
    if not said:
        with pytest.raises(InvalidInput, match="No message has any words"):
            legal_form(messages)
        return
    form = legal_form(messages)
    turns = form[1:] if form[0].role == "system" else form
    expected = ["user", "assistant"] * (len(turns) // 2) + ["user"]
    assert [one.role for one in turns] == expected
    assert all(one.content.strip() for one in form)
    for role in ("system", "user", "assistant"):
        words = "".join(one.content for one in form if one.role == role)
        at = 0
        for one in said:
            if one.role == role:
                part = one.content.encode("utf-8", "replace").decode()
                at = words.index(part, at) + len(part)


def test_too_much_is_refused_in_words() -> None:
    with pytest.raises(InvalidInput, match=r"2001 messages; 2000 are allowed"):
        legal_form(HELLO * (MAX_MESSAGES + 1))
    with pytest.raises(InvalidInput, match=r"1,000,001 characters"):
        legal_form([Message("user", "x" * (MAX_CHARS + 1))])


async def test_an_answer_says_how_it_ended_and_is_kept_nowhere(tmp_path: Path) -> None:
    model = ScriptedModel([Line("Cats may vote.", reasoning="Hm.")], repeat=True)
    async with public_app(tmp_path, model) as app:
        answer = await app.completions.answer("Scripted", HELLO, OPTIONS, visitor=ANN)
        assert (answer.text, answer.reasoning, answer.finish) == ("Cats may vote.", "Hm.", "stop")
        assert answer.usage
        assert answer.usage.completion_tokens == 3
        assert 0 <= answer.seconds < 5
        assert (await heard(app, ANN))[0].waiting == "asking Scripted"
        assert await app.debates() == []


async def test_a_model_is_asked_as_the_catalog_says_and_for_no_more_than_there_is_room(
    tmp_path: Path,
) -> None:
    model = ScriptedModel(["Yes."], repeat=True, context=1000)
    async with public_app(tmp_path, model) as app:
        usual = app.completions.options("Scripted")
        assert (usual.max_tokens, usual.temperature, usual.top_p) == (100, 0.8, 0.95)
        wish = app.completions.options("Scripted", temperature=0.0, max_tokens=5000, stop=["\n"])
        assert (wish.temperature, wish.max_tokens, wish.stop) == (0.0, 5000, ("\n",))
        await app.completions.answer("Scripted", [Message("user", "w " * 900)], wish)
        assert 400 < model.asked[-1].options.max_tokens < 600
        with pytest.raises(ContextOverflow, match=r"'Scripted' has 1,000") as caught:
            await app.completions.answer("Scripted", [Message("user", "w " * 2000)], wish)
        assert caught.value.asked
        assert caught.value.asked > 1000
        assert len(model.asked) == 1
        with pytest.raises(NotFound):
            app.completions.options("Unheard-of")


async def test_answers_wait_for_the_same_places_as_debates(tmp_path: Path) -> None:
    model = silent()
    async with public_app(tmp_path, model, running=1, waiting=1, running_per_network=None) as app:
        speaking = await until_first_word(app, ANN)
        waiting = app.completions.stream("Scripted", HELLO, OPTIONS, visitor=EVE)
        first = await anext(waiting)
        assert isinstance(first, InLine)
        assert (first.position, first.seconds) == (1, None)
        assert first.waiting == "waits for a free place, as number 1 in line"
        with pytest.raises(Busy, match="1 debates wait"):
            await heard(app)
        await asyncio.sleep(0.3)
        await speaking.aclose()
        async with asyncio.timeout(1):
            assert (await anext(waiting)).text == "word"
        later = app.completions.stream("Scripted", HELLO, OPTIONS)
        first = await anext(later)
        assert isinstance(first, InLine)
        assert first.seconds
        assert 0.2 < first.seconds < 1, "as long as the first one had its place"
        for left in (later, waiting):
            await left.aclose()
        assert model.open == 0
        await (await until_first_word(app)).aclose()


async def test_who_waits_and_loses_the_number_is_told(tmp_path: Path) -> None:
    async with public_app(tmp_path, silent(), running=1, waiting=1) as app:
        speaking, waiting = await until_first_word(app, ANN), None
        waiting = asyncio.create_task(heard(app, BOB))
        await asyncio.sleep(0.05)
        other = asyncio.create_task(heard(app, EVE))
        with pytest.raises(Busy, match="Others had no number"):
            await waiting
        other.cancel()
        await speaking.aclose()


@pytest.mark.parametrize("fault", ["one_token_then_silence", "headers_then_silence"])
async def test_a_client_that_leaves_closes_the_connection_and_settles_the_budget(
    tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBUTTAL_TEST_KEY", "sk-server-0123456789abcdef")
    async with (
        FaultServer(fault) as server,
        public_app(tmp_path, None, server.address, running=1, tokens_per_day=10_000) as app,
    ):
        reader = asyncio.create_task(heard(app, ANN, "Priced"))
        await server.until(lambda it: len(it.requests) == 1, within=5)
        await asyncio.sleep(0.2)
        reserved = await spent(app)
        assert reserved > 100
        reader.cancel()
        assert await server.until_closed() < 0.5
        await asyncio.wait([reader])
        assert 0 < await spent(app) < reserved, "what was asked is paid for, the rest is free"
        again = app.completions.stream("Priced", HELLO, OPTIONS, visitor=ANN)
        assert (await anext(again)).waiting == "asking Priced", "its place is free again"
        await again.aclose()


async def test_the_operators_halt_cuts_answers_and_refuses_others(tmp_path: Path) -> None:
    model = endless()
    async with (
        public_app(tmp_path, model, running=1) as app,
        public_app(tmp_path) as operator,
    ):
        speaking = asyncio.create_task(heard(app, ANN))
        waiting = asyncio.create_task(heard(app, EVE))
        await asyncio.sleep(1.3)
        assert model.open == 1
        began = time.perf_counter()
        await operator.halt("A bill came.")
        for cut in (speaking, waiting):
            with pytest.raises(BudgetSpent, match=r"A bill came\."):
                await cut
        assert time.perf_counter() - began < 2
        assert model.open == 0
        with pytest.raises(BudgetSpent, match=r"A bill came\."):
            await heard(app)


async def test_a_spent_budget_and_a_broken_model_are_told_and_free_the_place(
    tmp_path: Path,
) -> None:
    model = ScriptedModel([ServerFailed("The stage fell."), "Yes."], repeat=True)
    async with public_app(
        tmp_path, model, running=1, waiting=0, tokens_per_visitor=400, running_per_visitor=1
    ) as app:
        with pytest.raises(ServerFailed, match="The stage fell"):
            await heard(app, ANN)
        assert (await heard(app, ANN))[-1].finish == "stop"
        dear = app.completions.options("Scripted", max_tokens=1000)
        with pytest.raises(BudgetSpent, match="tokens that you have for today"):
            await app.completions.answer("Scripted", HELLO, dear, visitor=ANN)


async def test_the_end_of_the_app_ends_answers(tmp_path: Path) -> None:
    model = silent()
    async with public_app(tmp_path, model) as app:
        reader = asyncio.create_task(heard(app))
        async with asyncio.timeout(5):
            while not model.open:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert model.open == 0
    assert [chunk.text for chunk in await reader if chunk.text] == ["word"]


@pytest.mark.parametrize("api", ["openai", "ollama"])
async def test_a_stranger_hears_no_address_of_ours(tmp_path: Path, api: str) -> None:
    address = '"http://127.0.0.1:9/v1", needs_key: false, lists_models: false'
    place = f"{{api: {api}, address: {address}}}"
    models = tmp_path / "models.yaml"
    models.write_text(
        f"endpoints:\n  Stage: {place}\nmodels:\n  Away: {{endpoint: Stage, model: a}}"
    )
    settings = load_settings(profile="public", data=tmp_path, models=models, offline=True)
    async with DebateApp(settings) as app:
        with pytest.raises(Unreachable, match="at Stage: connection refused") as veiled:
            await heard(app, ANN, "Away")
        with pytest.raises(Unreachable) as told:
            await heard(app, OPERATOR, "Away")
    assert "127.0.0.1" not in f"{veiled.value!r} {veiled.value}"
    assert "127.0.0.1" in told.value.message


async def test_what_a_model_says_acts_on_no_terminal(tmp_path: Path) -> None:
    words = ScriptedModel([Line("go\x1b]0;owned\x07 on\x1b[2J \u202edrawkcab\x9b1m, and\x00 on")])
    async with public_app(tmp_path, words) as app:
        text = "".join(chunk.text for chunk in await heard(app))
        assert text == "go on drawkcab, and\ufffd on"

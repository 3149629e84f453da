"""What a visitor may ask for: known models, bounded lengths, bounded numbers."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rebuttal.errors import Busy, InvalidInput, NotFound
from rebuttal.live import MOST_NOTES
from rebuttal.live_debates import AT_REST
from rebuttal.providers.scripted import Line, ScriptedModel
from rebuttal.records import OPERATOR, Seat, Visitor
from rebuttal.requests import REMEMBERED, REMEMBERED_OF_ONE, Requests
from rebuttal.wish import MAX_TEXT
from tests.debates import watch_to_rest
from tests.paying import ANN, public_app, seats

ONE = seats("Scripted")
LINES = ["Cats nap through parliament.", "Sleep has never disqualified a senator."]


def silent() -> ScriptedModel:
    return ScriptedModel([Line("word", next="silence")], repeat=True)


@pytest.mark.parametrize(
    "wish",
    [
        {"topic": ""},
        {"topic": " \u202e\n "},
        {"topic": "x" * (MAX_TEXT + 1)},
        {"topic": "\x00" * 5_000_000 + "x"},
        {"language": "x" * 61},
        {"rounds": 0},
        {"rounds": 6},
        {"rounds": 10**5000},
        {"seats": []},
        {"seats": ONE * 7},
        {"seed": -1},
        {"seed": 2**32},
        {"seed": 10**5000},
        {"request": "x" * 201},
    ],
)
async def test_what_is_too_much_is_refused_and_nothing_is_stored(
    tmp_path: Path, wish: dict[str, Any]
) -> None:
    async with public_app(tmp_path, ScriptedModel(LINES)) as app:
        with pytest.raises(InvalidInput) as refused:
            await app.start(**{"topic": "Cats?", "seats": ONE, "visitor": ANN, **wish})
        assert len(str(refused.value)) < 200
        assert await app.debates() == []


@pytest.mark.parametrize(
    "seat",
    [
        {"stance": "x" * 501},
        {"instructions": "x" * 4001},
        {"model": "x" * 301},
        {"persona": "x" * 101},
        {"temperature": 3.0},
        {"max_tokens": 15},
        {"max_tokens": 32_769},
    ],
)
def test_a_seat_holds_no_more_than_it_should(seat: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Seat(**{"persona": "cynic", "model": "Scripted", **seat})


@pytest.mark.parametrize("label", ["Free/other", "Paid/gpt-expensive", "Paid/" + "x" * 200, "no"])
async def test_strangers_seat_what_the_file_names_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    monkeypatch.setenv("REBUTTAL_TEST_KEY", "sk-server-0123456789abcdef")
    for any_model, visitor, allowed in (
        (False, ANN, False),
        (True, ANN, True),
        (False, OPERATOR, True),
    ):
        folder = tmp_path / f"{any_model}{visitor.operator}"
        folder.mkdir()
        async with public_app(folder, any_model=any_model, tokens_per_day=10**6) as app:
            if allowed and len(label) < 80 and label != "no":
                assert await app.start("Cats?", seats(label), visitor=visitor)
            else:
                with pytest.raises(NotFound):
                    await app.start("Cats?", seats(label), visitor=visitor)
                assert await app.debates() == []


async def test_a_debate_has_so_many_turns_and_no_more(tmp_path: Path) -> None:
    for most, allowed in ((5, 1), (2000, 4)):
        folder = tmp_path / str(most)
        folder.mkdir()
        model = ScriptedModel(LINES, repeat=True)
        async with public_app(folder, model, max_turns=most) as app:
            debate_id = await app.start("Cats?", ONE, rounds=1, visitor=ANN)
            await watch_to_rest(app, debate_id)
            bought = 0
            for _ in range(4):
                try:
                    await app.say(debate_id, "", rounds=1, visitor=ANN)
                except InvalidInput:
                    break
                bought += 1
                await watch_to_rest(app, debate_id)
            assert bought == allowed
            assert len(await app.transcript(debate_id)) <= most


async def test_so_many_notes_wait_for_a_turn_and_no_more(tmp_path: Path) -> None:
    async with public_app(tmp_path, silent()) as app:
        debate_id = await app.start("Cats?", ONE, rounds=1, visitor=ANN)
        await asyncio.sleep(0.05)
        for _ in range(MOST_NOTES):
            await app.say(debate_id, "Mind the dogs.", visitor=ANN)
        with pytest.raises(Busy, match="20 notes wait"):
            await app.say(debate_id, "Mind the dogs.", visitor=ANN)
        await app.stop(debate_id, visitor=ANN)
        assert len(await app.transcript(debate_id)) == 2 + MOST_NOTES


async def test_requests_that_came_twice_are_remembered_so_long_and_no_longer() -> None:
    requests = Requests[str]()

    async def begin() -> str:
        return "id"

    for number in range(REMEMBERED_OF_ONE + 50):
        assert await requests.once("c:ann", str(number), begin) == "id"
    assert len(requests) == REMEMBERED_OF_ONE
    for number in range(REMEMBERED + 50):
        assert await requests.once(f"c:{number}", "first", begin) == "id"
    assert len(requests) == REMEMBERED


async def test_debates_that_somebody_only_looked_at_are_forgotten(tmp_path: Path) -> None:
    model = ScriptedModel(LINES, repeat=True)
    async with public_app(tmp_path, model, running_per_visitor=None) as app:
        ids = []
        for _ in range(AT_REST + 10):
            ids.append(await app.start("Cats?", ONE, rounds=1, visitor=ANN))
            await watch_to_rest(app, ids[-1])
        assert app._works.live is not None
        for _ in range(2):
            await asyncio.gather(*(app.transcript(debate_id) for debate_id in ids))
            await asyncio.gather(
                *(app.state("x" * number) for number in range(99)), return_exceptions=True
            )
            assert len(app._works.live._debates) <= AT_REST
        assert not app._works.live._users


async def test_a_debate_in_use_is_never_forgotten_however_many_others_are(tmp_path: Path) -> None:
    model = ScriptedModel(LINES, repeat=True)
    async with (
        public_app(tmp_path, model, running_per_visitor=None) as app,
        AsyncExitStack() as used,
    ):
        ids = [await app.start("Cats?", ONE, rounds=1, visitor=ANN) for _ in range(AT_REST + 10)]
        for debate_id in ids:
            await watch_to_rest(app, debate_id)
        assert app._works.live is not None
        first = [await used.enter_async_context(app._works.live.open(key)) for key in ids]
        await app.state(ids[0])
        second = [await used.enter_async_context(app._works.live.open(key)) for key in ids]
        assert all(one is other for one, other in zip(first, second, strict=True))


async def test_a_list_is_bounded_for_visitors(tmp_path: Path) -> None:
    async with public_app(tmp_path, ScriptedModel(LINES, repeat=True)) as app:
        await watch_to_rest(app, await app.start("Cats?", ONE, rounds=1, visitor=ANN))
        assert len(await app.debates(limit=10**12, visitor=ANN)) == 1
        assert await app.debates(visitor=Visitor(owner="c:eve")) == []

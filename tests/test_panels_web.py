"""Panels over HTTP: kept, read, asked, and asked no longer when nobody listens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rebuttal.errors import ServerFailed
from rebuttal.providers.scripted import Line, ScriptedModel
from tests.debates import scripted_app
from tests.test_tokens_web import API, SEAT, House, house_of, made

SAID = ["Cats nap.", "So do senators.", "Both nap; neither says why."]
TABLE: dict[str, Any] = {"seats": [SEAT, SEAT], "rounds": 1, "chair": SEAT}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    model = ScriptedModel(SAID, repeat=True)
    async with (
        scripted_app(tmp_path, model, profile="public") as app,
        house_of(app) as there,
    ):
        yield there


async def owner_of_three(house: House) -> httpx.AsyncClient:
    """A program whose visitor has the panel ``three``."""
    browser, _ = await house.browser()
    program = await house.client(await made(browser))
    assert (await program.put(f"{API}/panels/three", json=TABLE)).status_code == 200
    return program


async def test_a_panel_is_saved_read_changed_and_deleted(house: House) -> None:
    program = await owner_of_three(house)
    there = (await program.get(f"{API}/panels/three")).json()
    assert (there["name"], there["rounds"], len(there["seats"])) == ("three", 1, 2)
    changed = {**there, "rounds": 3}
    assert (await program.put(f"{API}/panels/three", json=changed)).json() == changed
    assert (await program.get(f"{API}/panels")).json() == {"items": [changed]}
    assert (await program.delete(f"{API}/panels/three")).status_code == 204
    gone = [await program.request(m, f"{API}/panels/three") for m in ("GET", "DELETE")]
    assert [answer.status_code for answer in gone] == [404, 404]


async def test_a_foreign_panel_is_not_there(house: House) -> None:
    await owner_of_three(house)
    other, _ = await house.browser("198.51.100.9")
    stranger = await house.client(await made(other), "198.51.100.9")
    assert (await stranger.get(f"{API}/panels")).json() == {"items": []}
    asked = await stranger.post(f"{API}/panels/three/ask", json={"question": "Cats?"})
    assert asked.status_code == 404


@pytest.mark.parametrize(
    ("name", "change", "status"),
    [
        ("three", {"name": "four"}, 400),
        ("NoName", {}, 422),
        ("three", {"seats": []}, 422),
        ("three", {"seats": [SEAT] * 7}, 422),
        ("three", {"rounds": 6}, 400),
        ("three", {"chair": {"persona": "nobody", "model": "Scripted"}}, 404),
        ("three", {"chair": {"persona": "cynic", "model": "none such"}}, 404),
        ("three", {"chair": {**SEAT, "stance": "s" * 501}}, 422),
        ("three", {"what": 1}, 422),
    ],
)
async def test_what_cannot_be_is_a_problem(
    house: House, name: str, change: dict[str, Any], status: int
) -> None:
    browser, _ = await house.browser()
    answer = await browser.put(f"{API}/panels/{name}", json={**TABLE, **change})
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]
    assert (await browser.get(f"{API}/panels")).json() == {"items": []}


async def test_a_panel_is_asked_and_its_debate_kept(house: House) -> None:
    program = await owner_of_three(house)
    asked = await program.post(f"{API}/panels/three/ask", json={"question": "Should cats vote?"})
    answer = asked.json()
    assert (asked.status_code, answer["answer"]) == (200, SAID[2])
    assert answer["turn"]["text"] == SAID[2]
    turns = (await program.get(f"{API}/debates/{answer['id']}/turns")).json()["items"]
    assert [turn["text"] for turn in turns if turn["speaker"] != "user"] == SAID


async def test_a_panel_is_heard_in_pieces(house: House) -> None:
    program = await owner_of_three(house)
    wish = {"question": "Should cats vote?", "stream": True}
    pieces: list[list[Any]] = []
    async with program.stream("POST", f"{API}/panels/three/ask", json=wish) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                pieces.append([line.removeprefix("event: ")])
            elif line.startswith("data: "):
                pieces[-1].append(json.loads(line.removeprefix("data: ")))
    kinds = [kind for kind, _ in pieces]
    assert (kinds[0], kinds[-1]) == ("begun", "done")
    told = [piece["turn"]["text"] for kind, piece in pieces if kind == "progress"]
    assert told[1:3] == SAID[:2]
    # What came before somebody listened comes with the whole answer alone.
    assert SAID[2].startswith("".join(piece["text"] for kind, piece in pieces if kind == "delta"))
    assert pieces[-1][1]["answer"] == SAID[2]


async def test_a_model_that_cannot_speak_is_a_problem_in_its_words(tmp_path: Path) -> None:
    model = ScriptedModel(["Cats nap.", ServerFailed("The stage has collapsed.", "Build it.")])
    async with (
        scripted_app(tmp_path, model, profile="public") as app,
        house_of(app) as house,
    ):
        program = await owner_of_three(house)
        asked = await program.post(f"{API}/panels/three/ask", json={"question": "Cats?"})
    assert asked.status_code == 502
    assert "The stage has collapsed" in asked.json()["detail"]


@pytest.mark.parametrize("stream", [True, False])
async def test_who_leaves_stops_the_panel_and_what_was_said_is_kept(
    tmp_path: Path, stream: bool
) -> None:
    model = ScriptedModel(["Cats nap.", Line("And so", next="silence")])
    async with (
        scripted_app(tmp_path, model, profile="public") as app,
        house_of(app) as house,
    ):
        program = await owner_of_three(house)
        wish = {"question": "Cats?", "stream": stream}
        left = asyncio.Event()
        asking = asyncio.create_task(house.leaves(program, f"{API}/panels/three/ask", wish, left))
        async with asyncio.timeout(10):
            while len(model.asked) < 2:  # noqa: ASYNC110 - the model has no event to wait for
                await asyncio.sleep(0.01)
        (debate,) = await app.debates()
        assert await app.state(debate.id) == "running"
        left.set()
        await asking
        async with asyncio.timeout(10):
            while await app.state(debate.id) == "running":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert [turn.text for turn in await app.transcript(debate.id)][:2] == ["Cats?", "Cats nap."]

"""Events over HTTP: who comes back hears what they missed, and nothing twice."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest

from rebuttal.app import DebateApp
from rebuttal.errors import InvalidInput, NotAllowed
from rebuttal.events import (
    DebateEvent,
    DebateFinished,
    DebatePaused,
    DebateRewound,
    TurnDelta,
    TurnDiscarded,
    TurnFinished,
    TurnStarted,
)
from rebuttal.providers.scripted import ScriptedModel
from rebuttal.records import OPERATOR
from rebuttal.web.api.events import told
from rebuttal.web.api.position import Follower, Position
from tests.api_app import FIRST, SECOND
from tests.debates import CYNIC_AND_RATIONAL, scripted_app, watch_to_rest
from tests.listening import Listener, Program, calling, kinds, served
from tests.page_app import SPEECHES


def check_whole(events: list[DebateEvent], final: list[str]) -> None:
    """Every turn once and whole, and no word of it twice or out of order before that."""
    text, begun = "", list[str]()
    finished = [event.turn.id for event in events if isinstance(event, TurnFinished)]
    assert finished == final
    for event in events:
        if isinstance(event, TurnStarted):
            text = ""
            begun.append(event.turn_id)
        elif isinstance(event, TurnDelta):
            text += event.text
        elif isinstance(event, TurnFinished):
            if begun and begun[-1] == event.turn.id:
                assert event.turn.text.startswith(text.strip())
            text = ""
    assert len(set(begun)) == len(begun)
    assert sum(isinstance(event, DebateFinished) for event in events) == 1


async def hear_in_pieces(app: DebateApp, debate_id: str, seed: int) -> list[DebateEvent]:
    """All events, over connections that break after a few, and pauses between them."""
    chance, place = random.Random(seed), Position()
    heard: list[DebateEvent] = []
    while not any(isinstance(event, DebateFinished) for event in heard):
        follower = Follower(Position.read(str(place)))
        left = chance.randrange(1, 6)
        async with aclosing(app.watch(debate_id, place.last or None)) as batches:
            async for batch in batches:
                for where, event in follower.take(batch):
                    place, left = where, left - 1
                    heard.append(event)
                    if not left:
                        break
                if left <= 0 or any(isinstance(event, DebateFinished) for event in heard):
                    break
        await asyncio.sleep(chance.choice([0, 0, 0.03, 0.2]))
    return heard


async def test_connections_that_break_anywhere_lose_nothing_and_repeat_nothing(
    tmp_path: Path,
) -> None:
    async with scripted_app(tmp_path, ScriptedModel(SPEECHES, delay=0.01, repeat=True)) as app:
        debate_id = await app.start("Should cats vote?", CYNIC_AND_RATIONAL, rounds=3)
        async with asyncio.timeout(20):
            everybody = await asyncio.gather(
                *(hear_in_pieces(app, debate_id, seed) for seed in range(30))
            )
        final = [turn.id for turn in await app.transcript(debate_id)]
        assert len(final) == 7
        for heard in everybody:
            check_whole(heard, final)


def started(turn: str, seat: str = "seat1") -> TurnStarted:
    return TurnStarted(seat=seat, turn_id=turn, round=1, rounds=1, prompt_tokens=1, context=4096)


def at(*events: DebateEvent) -> Position:
    """Where somebody is who has heard these, over an id that travelled."""
    place = Position("topic")
    for event in events:
        place = Position.read(str(place.behind(event)))
    return place


def words(text: str) -> TurnDelta:
    return TurnDelta(seat="seat1", text=text)


STOPPED = DebatePaused(reason="stopped")


@pytest.mark.parametrize(
    ("heard", "present", "fresh"),
    [
        ([], [STOPPED], [STOPPED]),
        ([STOPPED], [STOPPED], []),
        ([STOPPED], [DebateFinished()], [DebateFinished()]),
        ([started("x"), words("ab")], [started("x"), words("abcd")], [words("cd")]),
        ([started("x"), words("ab")], [started("x"), words("ab")], []),
        (
            [started("x"), words("ab")],
            [started("x"), TurnDiscarded(seat="seat1", reason="r"), words("no")],
            [TurnDiscarded(seat="seat1", reason="r"), words("no")],
        ),
        (
            [started("x"), words("ab"), TurnDiscarded(seat="seat1", reason="r"), words("n")],
            [started("x"), TurnDiscarded(seat="seat1", reason="r"), words("no")],
            [words("o")],
        ),
        ([started("x"), STOPPED], [started("x"), STOPPED], []),
        ([started("x"), STOPPED], [started("y")], [started("y")]),
        ([started("x")], [STOPPED], [STOPPED]),
    ],
)
def test_what_is_new_of_the_present(
    heard: list[DebateEvent], present: list[DebateEvent], fresh: list[DebateEvent]
) -> None:
    told_now = [event for _, event in Follower(at(*heard)).take(present)]
    assert told_now == fresh


def test_words_that_are_lost_are_taken_back() -> None:
    place = at(started("x"), words("ab"))
    interrupted = DebatePaused(reason="interrupted")
    first, second = (event for _, event in Follower(place).take([interrupted]))
    assert isinstance(first, TurnDiscarded)
    assert second == interrupted
    first, second = (event for _, event in Follower(place).take([started("y")]))
    assert isinstance(first, TurnDiscarded)
    assert second == started("y")


@pytest.mark.parametrize("wrong", ["x", "1", "a.b.c", "a.b.c.1.2.3.4.5", "é......", "a" * 300])
def test_an_id_that_is_none_of_ours_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidInput):
        Position.read(wrong)


async def test_a_quiet_line_shows_signs_of_life_and_ends_with_the_right_to_it(
    tmp_path: Path,
) -> None:
    async with scripted_app(tmp_path, ScriptedModel(SPEECHES)) as app:
        debate_id = await app.start("Should cats vote?", CYNIC_AND_RATIONAL, rounds=1)
        await watch_to_rest(app, debate_id)
        looks = 0

        async def check() -> None:
            nonlocal looks
            looks += 1
            if looks == 4:
                raise NotAllowed("It is revoked.")

        line = told(app, debate_id, OPERATOR, Follower(Position()), check, 0.2, 0.4)
        said = [piece.decode() async for piece in line]
        assert said.count(":\n\n") >= 2
        assert said[-1].startswith("event: error\ndata: {")
        assert "It is revoked." in said[-1]


# --- over a real server ---------------------------------------------------------------------------


def test_a_server_killed_in_mid_turn_and_started_again(tmp_path: Path) -> None:
    with served(tmp_path) as there, calling(there) as program:
        debate_id = program.begin("Gated", 2)
        listener = Listener(debate_id)
        listener.listen(program, "turn_delta")
        assert listener.heard[-1]["text"].strip() == FIRST.strip()
        there.process.kill()
        there.process.wait()
    with served(tmp_path) as there, calling(there) as program:
        news = listener.listen(program, within=1.5)
        assert kinds(news) == ["turn_discarded", "debate_paused"]
        assert news[1]["reason"] == "interrupted"
        assert listener.listen(program, within=1.0) == []
        assert program.post(f"/debates/{debate_id}/resume")["state"] == "running"
        news = listener.listen(program, "turn_delta")
        assert kinds(news) == ["turn_started"]
        (tmp_path / "gate").touch()
        news = listener.listen(program, "debate_finished")
        first = next(event for event in news if event["kind"] == "turn_finished")
        assert first["turn"]["text"] == FIRST + SECOND
        turns = [event["turn"] for event in listener.heard if event["kind"] == "turn_finished"]
        assert turns == program.turns(debate_id)
        assert len(turns) == 5
        assert listener.listen(program, within=1.0) == []


def test_a_server_that_ends_in_order_keeps_what_was_said_and_tells_it(tmp_path: Path) -> None:
    with served(tmp_path) as there, calling(there) as program:
        listener = Listener(program.begin("Gated"))
        listener.listen(program, "turn_delta")
        assert there.end() == 0
    with served(tmp_path) as there, calling(there) as program:
        news = listener.listen(program, within=1.5)
        assert kinds(news) == ["turn_finished", "debate_paused"]
        assert news[0]["turn"]["finish"] == "stopped"
        assert news[0]["turn"]["text"] == FIRST.strip()


def test_a_line_that_was_changed_meanwhile_is_read_anew(tmp_path: Path) -> None:
    with served(tmp_path) as there, calling(there) as program:
        debate_id = program.begin()
        listener = Listener(debate_id)
        listener.listen(program, "debate_finished")
        before = [turn["id"] for turn in program.turns(debate_id)]
        assert kinds(listener.heard) == [
            "turn_finished",
            *["turn_started", "turn_finished"] * 2,
            "debate_finished",
        ]
        later = Listener(debate_id)
        news = later.listen(program, "debate_finished", after=before[1])
        assert [event["turn"]["id"] for event in news[:-1]] == [before[2]]
        program.post(f"/debates/{debate_id}/regenerate")
        Listener(debate_id).listen(program, "debate_finished")
        after = [turn["id"] for turn in program.turns(debate_id)]
        assert after[:2] == before[:2]
        assert after[2] != before[2]
        news = listener.listen(program, "debate_finished")
        assert kinds(news) == ["debate_rewound", "debate_finished"]
        assert news[0] == {"kind": "debate_rewound", "tip": after[2]}
        assert listener.listen(program, within=1.0) == []


def state(program: Program, debate_id: str) -> str:
    """How it stands, without a look that counts."""
    line = Listener(debate_id)
    line.listen(program, within=0.7)
    return str(line.heard[-1].get("reason") or line.heard[-1]["kind"])


def test_who_listens_or_asks_keeps_a_debate_running_and_nobody_else(tmp_path: Path) -> None:
    with served(tmp_path, "unwatched_after=1.2") as there, calling(there) as program:
        debate_id = program.begin("Slow", 9)
        Listener(debate_id).listen(program, "turn_finished")
        listener = Listener(debate_id)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            listener.listen(program, "any")
        for _ in range(8):
            assert program.get(f"/debates/{debate_id}")["state"] == "running"
            time.sleep(0.4)
        time.sleep(4)
        assert program.get(f"/debates/{debate_id}")["state"] == "paused"
        assert state(program, debate_id) == "unwatched"


def test_a_place_that_is_none_is_refused_before_the_stream_begins(tmp_path: Path) -> None:
    with served(tmp_path) as there, calling(there) as program:
        debate_id = program.begin(run=False)
        path = f"/debates/{debate_id}/events"
        answer = program.web.get(path, headers={"last-event-id": "nonsense"})
        assert (answer.status_code, answer.json()["type"]) == (
            400,
            "/api/v1/problems/invalid-input",
        )
        answer = program.web.get("/debates/nobodys/events")
        assert answer.status_code == 404
        with pytest.raises(httpx.ReadTimeout):
            program.web.get(path, timeout=0.5)


def test_rewound_is_the_event_that_it_is() -> None:
    place = Position("topic").behind(DebateRewound(tip="other"))
    assert str(place) == "other...0.0.0."

"""Streams for programs that speak to OpenAI: signs of life, errors, and clients that leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from rebuttal.errors import Busy, RebuttalError, ServerFailed
from rebuttal.events import (
    DebateEvent,
    DebateFinished,
    DebatePaused,
    TurnDelta,
    TurnDiscarded,
    TurnFinished,
    TurnStarted,
)
from rebuttal.records import Usage
from rebuttal.web.asgi import Message
from rebuttal.web.openai_api.answers import Head, send_stream, send_whole, unless_gone
from rebuttal.web.openai_api.debating import Telling
from rebuttal.web.openai_api.pieces import AT_WORK, Piece, Pieces, Tokens
from tests.debates import debater, turns

HEAD = Head("panel-two")


class Client:
    """What a client gets."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.whole = False

    async def send(self, message: Message) -> None:
        """See ASGI."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.body += message["body"]
            self.whole = not message.get("more_body", False)

    @property
    def lines(self) -> list[str]:
        """Of a stream, without the empty ones."""
        return [line for line in self.body.decode().splitlines() if line]

    @property
    def said(self) -> list[dict[str, Any]]:
        """What the chunks add."""
        chunks = [line.removeprefix("data: ") for line in self.lines if line.startswith("data: {")]
        return [json.loads(chunk)["choices"][0]["delta"] for chunk in chunks]


async def slow(*pieces: Piece | float | RebuttalError) -> AsyncGenerator[Piece, None]:
    """These, with so many seconds between them."""
    for piece in pieces:
        if isinstance(piece, Piece):
            yield piece
        elif isinstance(piece, float):
            await asyncio.sleep(piece)
        else:
            raise piece


async def stream(pieces: Pieces) -> Client:
    """What a client of an impatient server gets."""
    client = Client()
    await send_stream(client.send, HEAD, pieces, counts=False, first=0.1, quiet=0.2)
    return client


async def test_while_nothing_comes_there_is_a_sign_of_life() -> None:
    client = await stream(slow(AT_WORK, 0.18, Piece("Yes."), 0.3, Piece(finish="stop")))
    kinds = [line.split(" ")[0] for line in client.lines]
    assert kinds == ["data:", ":", "data:", ":", "data:", "data:"]
    assert client.said == [{"role": "assistant", "content": ""}, {"content": "Yes."}, {}]
    assert client.lines[-1] == "data: [DONE]"
    assert client.whole


async def test_what_goes_wrong_at_once_has_a_status_and_later_is_the_last_chunk() -> None:
    soon = await stream(slow(AT_WORK, Busy("All places are taken.", "Wait.", 7)))
    assert soon.status == 429
    assert json.loads(soon.body)["error"]["message"] == "All places are taken. Wait."
    late = await stream(slow(Piece("Ye"), ServerFailed("It broke.", "Ask again.")))
    assert late.status == 200
    assert json.loads(late.lines[-1].removeprefix("data: "))["error"]["message"].startswith("It")
    assert late.whole
    silent = await stream(slow(0.2, ServerFailed("It broke.")))
    assert silent.status == 200
    assert '"code":"model_error"' in silent.lines[-1]


async def test_in_one_piece_thoughts_stand_beside_the_answer() -> None:
    client = Client()
    said = slow(
        Piece(reasoning=" Hm."), Piece("Yes. "), Piece(finish="length", tokens=Tokens(3, 2))
    )
    await send_whole(client.send, HEAD, said)
    (choice,) = json.loads(client.body)["choices"]
    assert choice["message"] == {
        "role": "assistant",
        "content": "Yes.",
        "reasoning_content": "Hm.",
    }
    assert choice["finish_reason"] == "length"


@pytest.mark.parametrize("whole", [False, True])
async def test_a_client_that_leaves_ends_what_is_said(whole: bool) -> None:
    closed = asyncio.Event()
    began = asyncio.Event()

    async def endless() -> AsyncGenerator[Piece, None]:
        try:
            while True:
                began.set()
                yield Piece("on ")
                await asyncio.sleep(0.01)
        finally:
            await asyncio.sleep(0.01)  # what ends it takes a moment
            closed.set()

    async def receive() -> Message:
        await began.wait()
        return {"type": "http.disconnect"}

    client = Client()
    if whole:
        answering = send_whole(client.send, HEAD, endless())
    else:
        answering = send_stream(client.send, HEAD, endless(), counts=False)
    async with asyncio.timeout(5):
        await unless_gone(receive, answering)
    assert closed.is_set()
    assert not client.whole


def told(*events: DebateEvent) -> list[Piece]:
    """What is told of a panel of Cynic at seat a, whose chair is at seat c."""
    telling = Telling({"a": "Cynic"})
    return [telling.take(event) for event in events]


def started(seat: str) -> TurnStarted:
    return TurnStarted(seat=seat, turn_id="t", round=1, rounds=2, prompt_tokens=9, context=99)


def test_a_watcher_that_fell_behind_tells_the_rest_of_a_turn() -> None:
    topic, said, chaired, summed_up = turns(
        ("a", "Cats sleep."), ("user", "Sum up."), ("c", "They sleep.")
    )
    said = said.model_copy(update={"usage": Usage(prompt_tokens=5, completion_tokens=3)})
    chaired = chaired.model_copy(update={"debaters": (debater("c", "Chair"),)})
    summed_up = summed_up.model_copy(update={"usage": Usage(completion_tokens=2)})
    pieces = told(
        TurnFinished(turn=topic),
        started("a"),
        TurnDelta(seat="a", text="Cats vote."),
        TurnDiscarded(seat="a", reason="it gave in"),
        TurnDelta(seat="a", text="Cats", reasoning="Hm."),
        TurnFinished(turn=said),
        TurnFinished(turn=chaired),
        started("c"),
        TurnFinished(turn=summed_up),
        DebateFinished(),
    )
    thought = "".join(piece.reasoning for piece in pieces)
    assert thought == "**Cynic**, round 1 of 2\n\nCats vote.\n\n*(it gave in)*\n\nCats sleep."
    assert "".join(piece.text for piece in pieces) == "They sleep."
    assert pieces[-1].tokens == Tokens(prompt=5, completion=5, thought=3)


def test_a_pause_says_why_and_whether_to_come_again() -> None:
    with pytest.raises(Busy, match="Spent"):
        told(DebatePaused(reason="limit", message="Spent."))
    with pytest.raises(ServerFailed, match="Somebody stopped the debate"):
        told(DebatePaused(reason="stopped"))

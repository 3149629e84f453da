"""MCP at /mcp: the SDK's own client against a running, guarded Rebuttal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from rebuttal.app import DebateApp
from rebuttal.records import Panel, Power, Seat, Visitor
from rebuttal.settings import load_settings
from tests.page_app import SPEECHES
from tests.served import Served, serving
from tests.test_mcp import Object, call, cut, refusal

QUICK: Object = {"persona": "cynic", "model": "Quick"}
ENDLESS: Object = {"persona": "cynic", "model": "Endless"}
INITIALIZE: Object = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "hand", "version": "1"},
    },
}
HEADERS = {"accept": "application/json, text/event-stream"}


def token(folder: Path, owner: str, powers: Sequence[Power] = ("read", "debate")) -> str:
    """One of that visitor's, made before the server looks."""

    async def make() -> str:
        async with DebateApp(load_settings(data=folder)) as app:
            return await app.tokens.make("test", powers, visitor=Visitor(owner=owner))

    return asyncio.run(make())


class House:
    """A Rebuttal for the people of a house, and what each of them may show."""

    def __init__(self, served: Served, folder: Path) -> None:
        self.address = served.address
        self.anna = token(folder, "anna")
        self.bob = token(folder, "bob")
        self.reader = token(folder, "anna", ("read",))
        self.speaker = token(folder, "anna", ("debate",))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with serving(folder, "-m", "tests.api_app", str(folder), "mcp=true", "profile=lan") as served:
        yield House(served, folder)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """On this machine, for whoever sits at it."""
    folder = tmp_path_factory.mktemp("alone")
    with serving(folder, "-m", "tests.api_app", str(folder), "mcp=true") as served:
        yield served


@asynccontextmanager
async def connected(address: str, token: str = "", mode: str = "auto") -> AsyncIterator[Client]:
    """The SDK's client; with a token it sends it."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with AsyncExitStack() as stack:
        web = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=20))
        transport = streamable_http_client(f"{address}mcp", http_client=web)
        yield await stack.enter_async_context(Client(transport, mode=mode))


def post(address: str, path: str = "mcp", **headers: str) -> httpx.Response:
    """A first request by hand."""
    return httpx.post(f"{address}{path}", json=INITIALIZE, headers=HEADERS | headers, timeout=20)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_token_lets_its_owner_debate(house: House, mode: str) -> None:
    told: list[str | None] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append(message)

    async with connected(house.address, house.anna, mode) as client:
        seats = [QUICK, {"persona": "rational", "model": "Slow"}]
        begun = await call(client, "start_debate", topic="Tea?", seats=seats, rounds=1)
        waiting = {"debate_id": begun["debate_id"]}
        result = await client.call_tool("wait_for_debate", waiting, progress_callback=hear)
        assert result.structured_content
        assert result.structured_content["state"] == "finished"
        assert len(result.structured_content["turns"]) == 3
        assert any(message and message.startswith("Rational: Speech") for message in told)


async def test_a_foreign_debate_is_not_there(house: House) -> None:
    async with connected(house.address, house.anna) as anna:
        begun = await call(anna, "start_debate", topic="Zebras?", seats=[QUICK], rounds=1)
        found = await call(anna, "search_debates", text="zebras")
        assert [debate["topic"] for debate in found["debates"]] == ["Zebras?"]
    async with connected(house.address, house.bob) as bob:
        assert (await call(bob, "search_debates", text="zebras"))["debates"] == []
        for tool in ("read_debate", "wait_for_debate", "stop_debate"):
            foreign = await refusal(bob, tool, debate_id=begun["debate_id"])
            missing = await refusal(bob, tool, debate_id="nothing")
            assert foreign.replace(begun["debate_id"], "nothing") == missing


async def test_a_token_does_no_more_than_it_may(house: House) -> None:
    async with connected(house.address, house.reader) as client:
        assert (await call(client, "list_models"))["models"]
        for tool, arguments in (
            ("start_debate", {"topic": "Tea?", "seats": [QUICK]}),
            ("ask_panel", {"panel": "two", "question": "Tea?"}),
            ("wait_for_debate", {"debate_id": "x"}),
            ("stop_debate", {"debate_id": "x"}),
        ):
            assert "lacks the power 'debate'" in await refusal(client, tool, **arguments)
    async with connected(house.address, house.speaker) as client:
        for tool in ("wait_for_debate", "read_debate"):
            assert "lacks the power 'read'" in await refusal(client, tool, debate_id="x")


def test_nobody_gets_in_without_a_token(house: House) -> None:
    nobody = post(house.address)
    assert nobody.status_code == 401
    assert nobody.headers["www-authenticate"] == "Bearer"
    assert post(house.address, authorization="Bearer rebuttal-wrong").status_code == 401
    mine = {"authorization": f"Bearer {house.anna}"}
    assert post(house.address, **mine).status_code == 200
    assert post(house.address, "mcp/other", **mine).status_code == 404
    assert httpx.get(f"{house.address}mcp", headers=mine | HEADERS).status_code == 405


async def test_whoever_sits_at_the_machine_needs_no_token(alone: Served) -> None:
    async with connected(alone.address) as client:
        begun = await call(client, "start_debate", topic="Tea?", seats=[QUICK], rounds=1)
        whole = await call(client, "wait_for_debate", debate_id=begun["debate_id"])
        assert whole["turns"][1]["text"] in SPEECHES


def test_a_page_of_another_origin_is_kept_out(alone: Served) -> None:
    assert post(alone.address).status_code == 200
    assert post(alone.address, origin="https://evil.example").status_code == 403
    assert post(alone.address, host="evil.example").status_code in (400, 403, 421)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_that_goes_away_stops_the_debate_it_waits_for(
    alone: Served, mode: str
) -> None:
    async with connected(alone.address, mode=mode) as client:
        begun = await call(client, "start_debate", topic="Tea?", seats=[ENDLESS])
    debate_id = begun["debate_id"]
    with anyio.move_on_after(1) as scope:
        async with connected(alone.address, mode=mode) as client:
            await client.call_tool("wait_for_debate", {"debate_id": debate_id})
    assert scope.cancelled_caught
    async with connected(alone.address) as client:
        assert (await cut(client, debate_id))["text"].startswith("and so on")


async def test_a_cancelled_call_stops_the_debate(alone: Served) -> None:
    async with connected(alone.address) as client:
        begun = await call(client, "start_debate", topic="Tea?", seats=[ENDLESS])
        with anyio.move_on_after(1) as scope:
            await client.call_tool("wait_for_debate", {"debate_id": begun["debate_id"]})
        assert scope.cancelled_caught
        assert (await cut(client, begun["debate_id"]))["text"].startswith("and so on")


async def test_a_panel_is_asked_over_http(alone: Served) -> None:
    chair = Seat(persona="pragmatist", model="Quick")
    panel = Panel(name="one", seats=(Seat(**QUICK),), rounds=1, chair=chair)
    async with httpx.AsyncClient(base_url=alone.address) as web:
        put = await web.put("api/v1/panels/one", json=panel.model_dump(mode="json"))
        assert put.is_success, put.text
    async with connected(alone.address) as client:
        verdict = await call(client, "ask_panel", panel="one", question="Tea?")
        assert verdict["answer"].startswith("Speech")


def test_it_is_off_unless_a_setting_says_so(tmp_path: Path) -> None:
    with serving(tmp_path, "-m", "tests.api_app", str(tmp_path)) as served:
        assert post(served.address).status_code == 404

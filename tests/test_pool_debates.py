"""Debates whose models live at several endpoints: what dies, who pays, whose key, what is shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rebuttal.app import DebateApp
from rebuttal.catalog import load_catalog
from rebuttal.errors import CatalogError, ContextOverflow, KeyRejected, NotAllowed
from rebuttal.events import DebateEvent, DebateFinished, DebatePaused, TurnFinished, TurnWaiting
from rebuttal.providers.openai_compatible import OpenAICompatible
from rebuttal.records import Seat, Visitor
from rebuttal.settings import Settings
from tests.debates import watch_to_rest
from tests.fault_server import FaultServer
from tests.hearing import hear
from tests.ollama_server import GB, OllamaServerFake
from tests.paying import ANN, NO_BUDGET
from tests.pooled import asked_for_turns
from tests.snippets import blocks, runs

ROOT = Path(__file__).resolve().parent.parent
(EXAMPLE,) = blocks("docs/catalog.md", "yaml")
OLLAMA = ", api: ollama"
READER = Visitor(owner="", reads="some debate")

CATALOG = """\
endpoints:
  North: {{address: "{north}", needs_key: false{of_north}}}
  South: {{address: "{south}", needs_key: false{of_south}}}
models:
  Llama:
    endpoint: [North, {{name: South, model: meta/llama{price}}}]
    model: llama
    max_tokens: 60
  Alone: {{endpoint: South, model: alone, max_tokens: 60}}
"""
KEYED = ", key: REBUTTAL_TEST_KEY"
PRICE = ", price: {input: 1000, output: 1000}"
LLAMAS = [Seat(persona="cynic", model="Llama"), Seat(persona="rational", model="Llama")]


@asynccontextmanager
async def app_over(
    folder: Path,
    north: FaultServer | OllamaServerFake | str,
    south: FaultServer | OllamaServerFake | str,
    *,
    of_north: str = "",
    of_south: str = "",
    price: str = "",
    **chosen: Any,
) -> AsyncIterator[DebateApp]:
    """An app with the model Llama at both."""
    addresses = [one if isinstance(one, str) else one.address for one in (north, south)]
    models = folder / "models.yaml"
    words = {"of_north": of_north, "of_south": of_south, "price": price}
    models.write_text(CATALOG.format(north=addresses[0], south=addresses[1], **words))
    given: dict[str, Any] = {**NO_BUDGET, **chosen}
    settings = Settings(data=folder, cache=folder, models=models, offline=True, **given)
    async with DebateApp(settings) as app:
        yield app


async def test_a_debate_goes_on_through_the_death_of_an_endpoint(tmp_path: Path) -> None:
    speaking = "another_speech_each_time"
    async with (
        FaultServer(speaking, delay=0.1) as north,
        FaultServer(speaking, delay=0.1) as south,
        app_over(tmp_path, north, south) as app,
    ):
        debate_id = await app.start("Should cats vote?", LLAMAS, rounds=6)
        seen: list[DebateEvent] = []
        async for batch in app.watch(debate_id):
            seen += batch
            said = [event.turn for event in seen if isinstance(event, TurnFinished)][1:]
            if len(said) == 4 and asked_for_turns(south) == 0:
                await north.die()
            if isinstance(seen[-1], DebateFinished | DebatePaused):
                break
        assert isinstance(seen[-1], DebateFinished)
        assert [turn.finish for turn in said] == ["stop"] * 12
        assert len({turn.text for turn in said}) == 12
        moves = [event for event in seen if isinstance(event, TurnWaiting)]
        assert moves
        assert {event.endpoint for event in moves} == {"South"}
        assert [request.body["model"] for request in south.requests] == ["meta/llama"] * 8
        assert {request.body["model"] for request in north.requests} == {"llama"}


async def test_a_turn_that_is_cut_waits_and_resume_speaks_it_elsewhere(tmp_path: Path) -> None:
    async with (
        FaultServer("one_token_then_hang_up", tokens=["Cats "]) as north,
        FaultServer("another_speech_each_time") as south,
        app_over(tmp_path, north, south) as app,
    ):
        debate_id = await app.start("Should cats vote?", LLAMAS, rounds=1)
        assert isinstance((await watch_to_rest(app, debate_id))[-1], DebatePaused)
        await north.die()
        await app.resume(debate_id)
        assert isinstance((await watch_to_rest(app, debate_id))[-1], DebateFinished)
        turns = (await app.transcript(debate_id))[1:]
        assert [turn.finish for turn in turns] == ["lost", "stop"]


# The catalog


@runs(EXAMPLE)
def test_the_example_of_the_documentation_is_a_catalog(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(EXAMPLE.text, "utf-8")
    catalog = load_catalog(file, ROOT / "personas")
    llama = catalog.model("Llama 3.2")
    assert [(one.endpoint, one.model) for one in llama.everywhere] == [
        ("Cellar", "llama3.2:1b"),
        ("Attic", "llama3.2:1b"),
        ("OpenRouter", "meta-llama/llama-3.2-1b-instruct"),
    ]
    assert [(there.name, there.spare) for there in llama.others] == [
        ("Attic", False),
        ("OpenRouter", True),
    ]
    assert [one.price is None for one in llama.everywhere] == [True, True, False]
    assert catalog.pooled == {"Cellar", "Attic", "OpenRouter"}


LISTED = """\
endpoints:
  North: {address: "http://north.example/v1", needs_key: false}
  South: {address: "http://south.example/v1", needs_key: false}
  Inside: {api: embedded}
models:
  Llama:
    endpoint:
      - North
      - {name: South, model: meta/llama}
    model: llama
"""


@pytest.mark.parametrize(
    ("written", "instead", "refusal"),
    [
        ("- North", "- West", "line 8: models.Llama.endpoint.0: no endpoint is called 'West'"),
        ("- North", "- South", "line 9: models.Llama.endpoint.1: 'South' stands there twice"),
        ("- North", "- 3", "line 8: models.Llama.endpoint.0: a name or a mapping"),
        ("- North", "- Inside", "line 8: models.Llama.endpoint.0: an embedded endpoint stands"),
        ("- North", "- {name: North, spare: true}", "endpoint.0.spare: the first endpoint"),
        ("name: South, ", "", "line 9: models.Llama.endpoint.1.name: is missing"),
        ("meta/llama}", "m, key: K}", "line 9: models.Llama.endpoint.1.key: no such field"),
        ("    model: llama", "    top_p: 1", "line 6: models.Llama.model: is missing"),
    ],
)
def test_a_list_of_endpoints_is_refused_by_file_line_and_field(
    tmp_path: Path, written: str, instead: str, refusal: str
) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(LISTED)
    load_catalog(file, ROOT / "personas")
    file.write_text(LISTED.replace(written, instead))
    with pytest.raises(CatalogError) as caught:
        load_catalog(file, ROOT / "personas")
    assert refusal in str(caught.value)


async def test_a_model_without_a_pool_is_what_it_was(tmp_path: Path) -> None:
    async with FaultServer() as north, FaultServer() as south:
        async with app_over(tmp_path, north, south) as app:
            pooled, _ = app._works.models.get("Llama")
            await hear(pooled)
        text = CATALOG.format(
            north=north.address, south=south.address, of_north="", of_south="", price=""
        )
        one = text.replace("[North, {name: South, model: meta/llama}]", "North")
        (tmp_path / "models.yaml").write_text(one)
        settings = Settings(data=tmp_path, models=tmp_path / "models.yaml", offline=True)
        async with DebateApp(settings) as app:
            alone, _ = app._works.models.get("Llama")
            assert type(alone) is OpenAICompatible
            await hear(alone)
        through_the_pool, without_one = north.requests
        assert through_the_pool == without_one


# Money


async def test_who_pays_pays_the_endpoint_that_spoke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBUTTAL_TEST_KEY", "sk-server-0123456789abcdef")
    async with (
        FaultServer(tokens=["Cats ", "nap."]) as north,
        FaultServer(tokens=["Cats ", "nap."]) as south,
        app_over(
            tmp_path,
            north,
            south,
            of_south=KEYED,
            price=PRICE,
            profile="public",
            money_per_day=100.0,
        ) as app,
    ):
        alone = [Seat(persona="cynic", model="Llama")]
        await watch_to_rest(app, await app.start("Cats?", alone, rounds=1, visitor=ANN))
        assert (await money_spent(app)) == 0
        await north.die()
        await watch_to_rest(app, await app.start("Dogs?", alone, rounds=1, visitor=ANN))
        # 12 and 3 tokens, as the server counted them.
        assert (await money_spent(app)) == 15 * 1000 * 1000
        assert north.requests[0].headers.get("authorization") is None


async def money_spent(app: DebateApp) -> int:
    return (await app.budget()).figures["app"].total.money


async def test_the_dearest_endpoint_must_fit_into_the_budget_before_anybody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBUTTAL_TEST_KEY", "sk-server-0123456789abcdef")
    async with (
        FaultServer() as north,
        FaultServer() as south,
        app_over(
            tmp_path,
            north,
            south,
            of_south=KEYED,
            price=PRICE,
            profile="public",
            money_per_day=0.1,
        ) as app,
    ):
        debate_id = await app.start(
            "Cats?", [Seat(persona="cynic", model="Llama")], rounds=1, visitor=ANN
        )
        last = (await watch_to_rest(app, debate_id))[-1]
        assert isinstance(last, DebatePaused)
        assert last.reason == "limit"
        assert north.requests == south.requests == []


async def test_one_endpoint_without_a_price_keeps_visitors_out_where_money_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBUTTAL_TEST_KEY", "sk-server-0123456789abcdef")
    async with (
        FaultServer() as north,
        FaultServer() as south,
        app_over(
            tmp_path, north, south, of_south=KEYED, profile="public", money_per_day=1.0
        ) as app,
    ):
        with pytest.raises(NotAllowed, match="no price"):
            await app.start("Cats?", LLAMAS, visitor=ANN)


# Keys of visitors


async def test_an_own_key_goes_to_its_endpoint_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBUTTAL_TEST_KEY", "sk-server-0123456789abcdef")
    theirs = "sk-visitor-fedcba9876543210"
    async with (
        FaultServer() as north,
        FaultServer("unauthorised") as south,
        app_over(
            tmp_path,
            north,
            south,
            of_north=KEYED,
            of_south=KEYED,
            profile="public",
            own_keys=True,
            tokens_per_day=10_000,
        ) as app,
    ):
        debate_id = await app.start("Cats?", LLAMAS, rounds=1, keys={"South": theirs}, visitor=ANN)
        last = (await watch_to_rest(app, debate_id))[-1]
        assert isinstance(last, DebatePaused)
        assert "another key" in last.hint
        assert north.requests == []
        sent = {request.headers.get("authorization") for request in south.requests}
        assert sent == {f"Bearer {theirs}"}
        south.fault = "good"
        await app.resume(debate_id, keys={"South": theirs}, visitor=ANN)
        assert isinstance((await watch_to_rest(app, debate_id))[-1], DebateFinished)
        assert north.requests == []


async def test_a_model_lacks_a_key_only_where_no_endpoint_does_without(tmp_path: Path) -> None:
    async with FaultServer() as north, FaultServer() as south:
        public: dict[str, Any] = {"profile": "public", "own_keys": True, "tokens_per_day": 10_000}
        keyed = ", key: REBUTTAL_NO_SUCH_KEY"
        async with app_over(tmp_path, north, south, of_south=keyed, **public) as app:
            await app.start("Cats?", [LLAMAS[0]], rounds=1, visitor=ANN)
        needing = keyed.replace("key:", "needs_key: true, key:")
        async with app_over(tmp_path, north, south, **public) as app:
            text = app.settings.models.read_text().replace("needs_key: false", needing[2:])
            app.settings.models.write_text(text)
            app.reload_catalog()
            with pytest.raises(KeyRejected, match="a key of your own"):
                await app.start("Dogs?", LLAMAS, rounds=1, visitor=ANN)


# What is shown


async def test_the_states_tell_who_is_busy_and_who_rests(tmp_path: Path) -> None:
    async with FaultServer(delay=0.2, models=[]) as south, FaultServer(models=[]) as north:
        await north.die()
        async with app_over(tmp_path, north, south) as app:
            debate_id = await app.start("Cats?", [LLAMAS[0]], rounds=1)
            await south.until(lambda server: asked_for_turns(server) == 1)
            resting, busy = await app.endpoints()
            assert (resting.usable, resting.busy, busy.usable, busy.busy) == (False, 0, True, 1)
            assert "connection refused" in resting.reason
            assert resting.rests_until is not None
            assert resting.failures >= 1
            llama, alone = await app.models()
            assert llama.endpoints == ("North", "South")
            assert (llama.endpoint, llama.usable) == ("North", True)
            assert llama.reason == "not through North now"
            assert alone.endpoints == ()
            await watch_to_rest(app, debate_id)
            await north.come_back()
            app._works.models._servers.forget(app.catalog.endpoints["North"])
            assert (await app.endpoints())[0].usable
            assert (await app.models())[0].reason == ""


async def test_strangers_see_neither_addresses_nor_how_busy_it_is(tmp_path: Path) -> None:
    async with FaultServer() as north, FaultServer() as south:
        await north.die()
        async with app_over(tmp_path, north, south, profile="public") as app:
            told = [*await app.endpoints(visitor=ANN), *await app.models(visitor=ANN)]
            assert [state.model_dump().get("busy") for state in told] == [None] * 3
            assert "127.0.0.1" not in str(told)
            debate_id = await app.start("Cats?", [LLAMAS[0]], rounds=1, visitor=ANN)
            seen: list[DebateEvent] = []
            async for batch in app.watch(debate_id, visitor=ANN):
                seen += batch
                if isinstance(seen[-1], DebateFinished | DebatePaused):
                    break
            assert isinstance(seen[-1], DebateFinished)
            assert "127.0.0.1" not in str(seen)
            waiting = TurnWaiting(seat="seat1", reason="asking South", endpoint="South")
            reads = app._works.rights.event(READER, waiting)
            assert (getattr(reads, "reason", None), getattr(reads, "endpoint", None)) == ("", "")


async def test_a_pull_goes_to_the_servers_that_lack_the_model(tmp_path: Path) -> None:
    success = [{"status": "success"}]
    async with (
        OllamaServerFake({"llama:latest": GB}) as north,
        OllamaServerFake({}, pull=success) as south,
        app_over(tmp_path, north, south, of_north=OLLAMA, of_south=OLLAMA) as app,
    ):
        assert (await app.models())[0].can_pull
        async for _ in app.pull("Llama"):
            pass
        assert "/api/pull" in south.paths()
        assert "/api/pull" not in north.paths()


# Context


async def test_the_context_is_the_least_that_an_endpoint_has(tmp_path: Path) -> None:
    async with (
        OllamaServerFake({"llama:latest": GB}, default=8192) as north,
        OllamaServerFake({"meta/llama:latest": GB}, loaded={"meta/llama:latest": 2048}) as south,
        app_over(tmp_path, north, south, of_north=OLLAMA, of_south=OLLAMA) as app,
    ):
        chat, _ = app._works.models.get("Llama")
        assert await chat.context() == 2048


async def test_an_endpoint_with_less_context_than_was_promised_gets_a_smaller_view(
    tmp_path: Path,
) -> None:
    broken = (500, "out of memory")
    async with (
        OllamaServerFake({"llama:latest": GB}) as north,
        OllamaServerFake(
            {"meta/llama:latest": GB}, loaded={"meta/llama:latest": 512}, broken=broken
        ) as south,
        app_over(tmp_path, north, south, of_north=OLLAMA, of_south=OLLAMA) as app,
    ):
        chat, _ = app._works.models.get("Llama")
        assert await chat.context() == 4096
        north.broken, south.broken = broken, None
        heard = await hear(chat)
        assert isinstance(heard.raised, ContextOverflow)
        assert heard.raised.allowed == 512
        assert await chat.context() == 512
        assert (await hear(chat)).text == "Tea."


async def test_what_others_ask_of_an_endpoint_counts_for_how_busy_it_is(tmp_path: Path) -> None:
    async with (
        FaultServer() as north,
        FaultServer("accept_then_silence") as south,
        app_over(tmp_path, north, south) as app,
    ):
        alone, _ = app._works.models.get("Alone")
        asking = asyncio.ensure_future(hear(alone))
        await south.until(lambda server: len(server.requests) == 1)
        station = app._works.models._servers.stations["South"]
        assert station.busy == 1
        asking.cancel()
        await south.until_closed()
        assert station.busy == 0


async def test_another_catalog_is_asked_as_it_says(tmp_path: Path) -> None:
    async with (
        FaultServer() as north,
        FaultServer() as south,
        app_over(tmp_path, north, south) as app,
    ):
        await north.die()
        await hear(app._works.models.get("Llama")[0])
        text = app.settings.models.read_text()
        app.settings.models.write_text(
            text.replace("[North, {name: South, model: meta/llama}]", "South")
        )
        app.reload_catalog()
        assert type(app._works.models.get("Llama")[0]) is OpenAICompatible
        assert [state.busy for state in await app.endpoints()] == [None, None]

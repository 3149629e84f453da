"""Budgets: reserved before each request, settled after it, and never exceeded."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rebuttal.budget import FIRST_TURN_TOO_DEAR, Budget
from rebuttal.catalog import Model, Price
from rebuttal.errors import (
    BudgetSpent,
    KeyRejected,
    ModelError,
    NotAllowed,
    RateLimited,
    ServerFailed,
    Unreachable,
)
from rebuttal.events import DebateFinished, DebatePaused, TurnFinished
from rebuttal.metered import Account, Metered
from rebuttal.providers.base import ChatModel, Chunk, Limits, Message, Options
from rebuttal.providers.scripted import Line, ScriptedModel
from rebuttal.records import OPERATOR, Usage, Visitor
from rebuttal.settings import Settings, load_settings
from rebuttal.stores.base import Cost, DebateStore, Scope
from rebuttal.tariff import Bill
from tests.debates import watch_to_rest
from tests.fault_server import FaultServer
from tests.hearing import hear, model_at
from tests.paying import ANN, BOB, EVE, NO_CAPS, public_app, seats
from tests.stores import ROOT

LINES = [
    "Cats nap through every session of parliament.",
    "Sleep has never disqualified a senator.",
    "Ballots smell of paper and paper is for sitting on.",
    "Whoever can open a fridge can fill in a form.",
]
PROMPT = [Message("user", "Should cats vote?")]
OPTIONS = Options(max_tokens=100)
MODEL = Model(label="M", endpoint="E", model="m", price=Price(input=1.0, output=4.0))
MOST = Bill(MODEL, PROMPT, OPTIONS).most
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def settings(**limits: Any) -> Settings:
    return load_settings(profile="local", **limits)


class Clock:
    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time


def a_budget(store: DebateStore, clock: Clock | None = None, **limits: Any) -> Budget:
    return Budget(settings(**limits), lambda: store.ledger, clock or Clock())


async def spent(budget: Budget, scope: Scope = "app") -> Cost:
    figures = (await budget.report()).figures
    return figures[scope].total if scope in figures else Cost()


def metered(chat: ChatModel, budget: Budget, visitor: Visitor = ANN) -> Metered:
    return Metered(chat, MODEL, Account(budget, visitor, "d"))


async def speak(chat: ChatModel) -> list[Chunk]:
    async with aclosing(chat.stream(PROMPT, OPTIONS)) as chunks:
        return [chunk async for chunk in chunks]


# --- one request ----------------------------------------------------------------------------------


async def test_before_the_request_the_most_is_taken_and_after_it_what_it_cost(
    store: DebateStore,
) -> None:
    budget = a_budget(store, tokens_per_day=10_000)
    chat = metered(ScriptedModel([LINES[0]]), budget)
    async with aclosing(chat.stream(PROMPT, OPTIONS)) as chunks:
        await anext(chunks)
        assert await spent(budget) == MOST
        async for _ in chunks:
            pass
    prompt, said = 3, len(LINES[0].split())
    assert await spent(budget) == Cost(prompt + said, 1000 * prompt + 4000 * said)


async def test_a_request_that_does_not_fit_is_never_sent(store: DebateStore) -> None:
    model = ScriptedModel([LINES[0]])
    with pytest.raises(BudgetSpent):
        await speak(metered(model, a_budget(store, tokens_per_day=MOST.tokens - 1)))
    assert model.asked == []
    await speak(metered(model, a_budget(store, tokens_per_day=MOST.tokens)))
    assert len(model.asked) == 1


@pytest.mark.parametrize("scope", ["debate", "visitor", "network", "day"])
@pytest.mark.parametrize("kind", ["tokens", "money"])
async def test_each_budget_holds_and_without_it_the_request_goes_through(
    store: DebateStore, scope: str, kind: str
) -> None:
    limit: float = MOST.tokens + 10 if kind == "tokens" else (MOST.money + 10) / 1e9
    model = ScriptedModel([Line("word", next="silence")] * 3)
    open_streams = []

    async def begin(budget: Budget) -> None:
        stream = metered(model, budget).stream(PROMPT, OPTIONS)
        open_streams.append(stream)
        await anext(stream)

    with_it: dict[str, Any] = {f"{kind}_per_{scope}": limit}
    limited = a_budget(store, **with_it)
    await begin(limited)
    with pytest.raises(BudgetSpent, match=kind):
        await begin(limited)
    without: dict[str, Any] = {"tokens_per_day" if kind == "money" else "money_per_day": 10**6}
    await begin(a_budget(store, **without))
    assert len(model.asked) == 2
    for stream in open_streams:
        await stream.aclose()


class Silent(ScriptedModel):
    """Says one word and holds the stream open."""

    def __init__(self) -> None:
        super().__init__([Line("word", next="silence")], repeat=True)


async def test_of_a_thousand_requests_at_once_exactly_as_many_are_sent_as_fit(
    store: DebateStore,
) -> None:
    fitting = 41
    budget = a_budget(store, tokens_per_day=fitting * MOST.tokens + MOST.tokens - 1)
    model = Silent()

    async def first_word(number: int) -> AsyncGenerator[Chunk, None] | None:
        visitor = Visitor(owner=f"c:{number}", network=f"203.0.113.{number}")
        stream = metered(model, budget, visitor).stream(PROMPT, OPTIONS)
        try:
            await anext(stream)
        except BudgetSpent:
            return None
        return stream

    begun = await asyncio.gather(*(first_word(number) for number in range(1000)))
    assert len(model.asked) == sum(stream is not None for stream in begun) == fitting
    assert await spent(budget) == Cost(fitting * MOST.tokens, fitting * MOST.money)
    for stream in begun:
        if stream:
            await stream.aclose()


async def test_a_turn_that_is_stopped_counts_what_was_said_and_frees_the_rest(
    store: DebateStore,
) -> None:
    budget = a_budget(store, tokens_per_day=10_000)
    stream = metered(ScriptedModel([Line(LINES[0], next="silence")]), budget).stream(
        PROMPT, OPTIONS
    )
    for _ in LINES[0].split():
        await anext(stream)
    await stream.aclose()
    tokens = (await spent(budget)).tokens
    assert 3 + len(LINES[0].split()) < tokens < MOST.tokens / 2


async def test_a_turn_cancelled_while_it_is_being_reserved_takes_nothing(
    store: DebateStore,
) -> None:
    budget = a_budget(store, tokens_per_day=10_000)
    model = Silent()
    for _ in range(20):
        task = asyncio.create_task(speak(metered(model, budget)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    assert model.asked == []
    assert await spent(budget) == Cost()


@pytest.mark.parametrize(
    ("problem", "least", "most"),
    [
        (KeyRejected("no"), 0, 0),
        (RateLimited("later"), 0, 0),
        (ServerFailed("oops"), 3, 40),
        (Unreachable("said nothing for 120 s"), 100, MOST.tokens),
    ],
)
async def test_a_refusal_is_free_and_a_silence_may_have_cost_a_whole_answer(
    store: DebateStore, problem: ModelError, least: int, most: int
) -> None:
    budget = a_budget(store, tokens_per_day=10_000)
    with pytest.raises(type(problem)):
        await speak(metered(ScriptedModel([problem]), budget))
    assert least <= (await spent(budget)).tokens <= most


class AskedThrice:
    """A server that failed twice and was asked again by itself."""

    async def context(self) -> int:
        return 4096

    async def stream(
        self, messages: Sequence[Message], options: Options
    ) -> AsyncGenerator[Chunk, None]:
        for _ in range(2):
            yield Chunk(waiting="trying again", problem=Unreachable("was cut"))
        yield Chunk(text="word")
        yield Chunk(finish="stop", usage=Usage(prompt_tokens=3, completion_tokens=1))


async def test_a_server_that_is_asked_again_is_paid_for_again(store: DebateStore) -> None:
    budget = a_budget(store, tokens_per_day=10_000)
    await speak(metered(AskedThrice(), budget))
    assert (await spent(budget)).tokens > 2 * OPTIONS.max_tokens
    poor = a_budget(store, tokens_per_visitor=MOST.tokens + 10)
    with pytest.raises(BudgetSpent):
        await speak(metered(AskedThrice(), poor, EVE))


async def test_the_client_says_when_it_asks_again() -> None:
    async with FaultServer("always_failing") as server:
        chat = model_at(server, limits=Limits(retries=1))
        heard = await hear(chat, PROMPT, OPTIONS)
        assert [type(chunk.problem) for chunk in heard.chunks] == [ServerFailed]
        assert isinstance(heard.raised, ServerFailed)
        assert len(server.requests) == 2


@pytest.mark.parametrize("tokens", [10**30, 0])
async def test_a_servers_count_is_believed_within_reason(store: DebateStore, tokens: int) -> None:
    class Counting(AskedThrice):
        async def stream(
            self, messages: Sequence[Message], options: Options
        ) -> AsyncGenerator[Chunk, None]:
            yield Chunk(text="word")
            usage = Usage(prompt_tokens=tokens, completion_tokens=tokens)
            yield Chunk(finish="stop", usage=usage)

    budget = a_budget(store, tokens_per_day=10_000)
    await speak(metered(Counting(), budget))
    assert (await spent(budget)).tokens == min(2 * tokens, 20_000_000)


async def test_thoughts_that_nobody_sees_count_as_the_longest_answer() -> None:
    thinking = Bill(MODEL.model_copy(update={"reasoning": "minimal"}), PROMPT, OPTIONS)
    plain = Bill(MODEL, PROMPT, OPTIONS)
    for bill in (thinking, plain):
        bill.read(Chunk(text="Word."))
    assert thinking.cost.tokens >= OPTIONS.max_tokens > plain.cost.tokens


# --- a day ----------------------------------------------------------------------------------------


async def test_a_debate_that_never_fits_is_not_told_to_begin_another(store: DebateStore) -> None:
    budget = a_budget(store, tokens_per_debate=MOST.tokens - 1)
    with pytest.raises(BudgetSpent) as refused:
        await speak(metered(ScriptedModel(LINES), budget))
    assert refused.value.hint == FIRST_TURN_TOO_DEAR
    enough = metered(ScriptedModel(LINES), a_budget(store, tokens_per_debate=MOST.tokens))
    await speak(enough)
    with pytest.raises(BudgetSpent) as refused:
        await speak(enough)
    assert "Begin another debate" in refused.value.hint


async def test_the_day_ends_at_midnight_utc_and_the_words_say_so(store: DebateStore) -> None:
    clock = Clock()
    budget = a_budget(store, clock, tokens_per_visitor=MOST.tokens)
    model = ScriptedModel([Line("word", next="silence"), *LINES])
    night = metered(model, budget).stream(PROMPT, OPTIONS)
    await anext(night)
    with pytest.raises(BudgetSpent) as refused:
        await speak(metered(model, budget))
    assert f"{MOST.tokens:,} of {MOST.tokens:,} are spent" in refused.value.message
    assert "that you have for today" in refused.value.message
    assert "00:00 UTC, in 12 h" in refused.value.hint
    clock.time += timedelta(hours=12)
    await speak(metered(model, budget))
    tomorrow = await spent(budget, "visitor")
    await night.aclose()  # settled for the day it was reserved on
    assert await spent(budget, "visitor") == tomorrow
    clock.time = NOON
    assert 0 < (await spent(budget, "visitor")).tokens < MOST.tokens


async def test_two_visitors_of_one_network_share_its_budget_and_another_network_does_not(
    store: DebateStore,
) -> None:
    budget = a_budget(store, tokens_per_network=MOST.tokens)
    model = Silent()
    first = metered(model, budget, ANN).stream(PROMPT, OPTIONS)
    await anext(first)
    with pytest.raises(BudgetSpent, match="your network"):
        await speak(metered(model, budget, BOB))
    other = metered(model, budget, EVE).stream(PROMPT, OPTIONS)
    await anext(other)
    await first.aclose()
    await other.aclose()


# --- a debate -------------------------------------------------------------------------------------


async def test_a_debate_that_runs_out_pauses_with_everything_kept_and_resumes_later(
    tmp_path: Path,
) -> None:
    topic, two = "Should cats vote?", seats("Scripted", "Scripted")
    async with public_app(tmp_path, ScriptedModel(LINES), tokens_per_visitor=1700) as app:
        debate_id = await app.start(topic, two, rounds=2, visitor=ANN)
        seen = await watch_to_rest(app, debate_id)
        last = seen[-1]
        assert isinstance(last, DebatePaused)
        assert last.reason == "limit"
        assert re.search(r"[\d,]+ of 1,700 are spent", last.message)
        assert "00:00 UTC" in last.hint
        said = [event.turn.text for event in seen if isinstance(event, TurnFinished)]
        assert 1 < len(said) < 5
        await app.resume(debate_id, visitor=ANN)
        assert isinstance((await watch_to_rest(app, debate_id))[-1], DebatePaused)
    rest = ScriptedModel(LINES[len(said) - 1 :])
    async with public_app(tmp_path, rest, tokens_per_visitor=1_000_000) as app:
        await app.resume(debate_id, visitor=ANN)
        seen = await watch_to_rest(app, debate_id)
        assert isinstance(seen[-1], DebateFinished)
        kept = [turn.text for turn in await app.transcript(debate_id)]
        assert kept == [topic, *LINES]
        assert kept[: len(said)] == said


async def test_a_start_is_refused_at_once_when_the_day_is_spent_and_nothing_is_stored(
    tmp_path: Path,
) -> None:
    cases: list[tuple[dict[str, Any], bool]] = [({"tokens_per_day": 120}, True), ({}, False)]
    for limits, refused in cases:
        folder = tmp_path / str(refused)
        folder.mkdir()
        async with public_app(folder, ScriptedModel(LINES), **limits) as app:
            if refused:
                with pytest.raises(BudgetSpent, match="of 120 are spent"):
                    await app.start("Should cats vote?", seats("Scripted"), visitor=ANN)
            else:
                await app.start("Should cats vote?", seats("Scripted"), visitor=ANN)
            assert len(await app.debates()) == (0 if refused else 1)


async def test_a_thousand_starts_at_once_never_spend_more_than_there_is(tmp_path: Path) -> None:
    limit, model = 60_000, Silent()
    async with public_app(tmp_path, model, tokens_per_day=limit, **NO_CAPS) as app:

        async def start(number: int) -> bool:
            visitor = Visitor(owner=f"c:{number}", network=f"net{number}")
            try:
                await app.start("Should cats vote?", seats("Scripted"), rounds=1, visitor=visitor)
            except BudgetSpent:
                return False
            return True

        begun = await asyncio.gather(*(start(number) for number in range(1000)))
        await asyncio.sleep(0.5)
        total = (await app.budget()).figures["app"].total.tokens
        most = max(Bill(MODEL, asked.messages, asked.options).most.tokens for asked in model.asked)
        assert len(model.asked) * most <= limit
        assert limit - most < total <= limit
        assert 0 < len(model.asked) < begun.count(True)


async def test_no_budget_writes_no_ledger_and_neither_does_the_operator(tmp_path: Path) -> None:
    def rows() -> int:
        with closing(sqlite3.connect(tmp_path / "debates.sqlite")) as database:
            tables = ("spendings", "days")
            return sum(database.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in tables)

    cases: list[tuple[dict[str, Any], Visitor, bool]] = [
        ({}, ANN, False),
        ({"tokens_per_day": 10**6}, OPERATOR, False),
        ({"tokens_per_day": 10**6}, ANN, True),
    ]
    for limits, visitor, expected in cases:
        async with public_app(tmp_path, ScriptedModel(LINES), **limits) as app:
            debate_id = await app.start("Cats?", seats("Scripted"), rounds=1, visitor=visitor)
            await watch_to_rest(app, debate_id)
        assert (rows() > 0) is expected


async def test_the_ledger_knows_no_visitor_and_no_address(tmp_path: Path) -> None:
    limits: dict[str, Any] = {
        "tokens_per_visitor": 10**6,
        "tokens_per_network": 10**6,
        "tokens_per_day": 10**6,
    }
    async with public_app(tmp_path, ScriptedModel(LINES), **limits) as app:
        await watch_to_rest(app, await app.start("Cats?", seats("Scripted"), rounds=1, visitor=ANN))
    with closing(sqlite3.connect(tmp_path / "debates.sqlite")) as database:
        kept = str(database.execute("SELECT * FROM spendings").fetchall())
        assert database.execute("SELECT count(*) FROM spendings").fetchone() == (3,)
    assert ANN.owner not in kept
    assert ANN.network not in kept
    assert ANN.network.encode() not in (tmp_path / "debates.sqlite").read_bytes()


async def test_filling_the_disk_with_notes_is_not_free(tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], int]] = [({"tokens_per_visitor": 10_000}, 5), ({}, 12)]
    for limits, most in cases:
        folder = tmp_path / str(most)
        folder.mkdir()
        async with public_app(folder, ScriptedModel(LINES), **limits) as app:
            debate_id = await app.start("Cats?", seats("Scripted"), rounds=1, visitor=ANN)
            await watch_to_rest(app, debate_id)
            kept = 0
            for _ in range(12):
                try:
                    await app.say(debate_id, "x" * 8000, visitor=ANN)
                    kept += 1
                except BudgetSpent:
                    break
            assert kept == 12 if not limits else kept < most


KILLED_IN_MID_TURN = """
import asyncio, sys
from pathlib import Path
from typing import Any
from contextlib import aclosing
from rebuttal.events import TurnDelta
from rebuttal.providers.scripted import Line, ScriptedModel
from tests.paying import ANN, public_app, seats

async def main():
    model = ScriptedModel([Line("word", next="silence")])
    async with public_app(Path(sys.argv[1]), model, tokens_per_day=5000) as app:
        debate_id = await app.start("Should cats vote?", seats("Scripted"), visitor=ANN)
        async with aclosing(app.watch(debate_id)) as batches:
            async for batch in batches:
                if any(isinstance(event, TurnDelta) for event in batch):
                    print(debate_id, flush=True)

asyncio.run(main())
"""


def killed_in_mid_turn(folder: Path) -> str:
    """The debate that a process spoke in ``folder`` when it was killed."""
    with subprocess.Popen(
        [sys.executable, "-c", KILLED_IN_MID_TURN, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout
        debate_id = process.stdout.readline().strip()
        process.kill()
        return debate_id


async def test_a_debate_killed_in_mid_turn_counts_in_full_and_resumes(tmp_path: Path) -> None:
    debate_id = await asyncio.to_thread(killed_in_mid_turn, tmp_path)
    async with public_app(tmp_path, ScriptedModel(LINES), tokens_per_day=5000) as app:
        before = (await app.budget()).figures["app"].total.tokens
        assert before > 100 + len("Should cats vote?")
        await app.resume(debate_id, visitor=ANN)
        assert isinstance((await watch_to_rest(app, debate_id))[-1], DebateFinished)
        assert (await app.budget()).figures["app"].total.tokens > before


# --- money ----------------------------------------------------------------------------------------


async def test_a_model_of_unknown_price_is_refused_where_money_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBUTTAL_TEST_KEY", "sk-server-0123456789abcdef")
    async with public_app(tmp_path, money_per_day=1.0) as app:
        with pytest.raises(NotAllowed, match=r"no price in models\.yaml"):
            await app.start("Cats?", seats("Unpriced"), visitor=ANN)
        assert await app.debates() == []
        await app.start("Cats?", seats("Priced"), visitor=ANN)
        await app.start("Cats?", seats("Unpriced"))
    async with public_app(tmp_path, tokens_per_day=10**6) as app:
        await app.start("Cats?", seats("Unpriced"), visitor=ANN)


async def test_in_public_the_servers_key_is_used_within_a_budget_or_not_at_all(
    tmp_path: Path,
) -> None:
    for label in ("Priced", "Unpriced"):
        async with public_app(tmp_path) as app:
            with pytest.raises(NotAllowed, match="no budget is set"):
                await app.start("Cats?", seats("Scripted", label), visitor=ANN)
    async with public_app(tmp_path, profile="lan") as app:
        await app.start("Cats?", seats("Priced"), visitor=ANN)


async def test_a_models_price_becomes_money_in_the_ledger(tmp_path: Path) -> None:
    async with public_app(tmp_path, ScriptedModel(LINES), money_per_debate=1.0) as app:
        for label, costs in (("Scripted", False), ("Priced", True)):
            debate_id = await app.start("Cats?", seats(label), rounds=1, visitor=ANN)
            seen = await watch_to_rest(app, debate_id)
            assert isinstance(seen[-1], DebateFinished)
            with closing(sqlite3.connect(tmp_path / "debates.sqlite")) as database:
                query = "SELECT tokens, money FROM spendings WHERE key = ?"
                tokens, money = database.execute(query, (debate_id,)).fetchone()
            assert tokens > 0
            assert (money > 0) is costs


def test_few_rooms_ask_a_model_and_each_gets_them_metered() -> None:
    asking = [
        file.relative_to(ROOT).as_posix()
        for file in sorted((ROOT / "rebuttal").rglob("*.py"))
        if re.search(r"chat\w*\.stream\(|completions\.create", file.read_text("utf-8"))
        and "providers" not in file.parts
    ]
    assert asking == [
        "rebuttal/completions.py",
        "rebuttal/metered.py",
        "rebuttal/orchestrator.py",
    ]

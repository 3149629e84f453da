"""Visitors' own keys: in memory, for one debate, to one host, and nowhere else."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import pytest

from rebuttal.app import ExportFormat
from rebuttal.errors import InvalidInput, KeyRejected, NotAllowed, NotFound
from rebuttal.events import DebateFinished, DebatePaused
from rebuttal.own_keys import MOST_KEPT, OwnKeys
from tests.debates import watch_to_rest
from tests.fault_server import FaultServer
from tests.paying import ANN, EVE, public_app, seats

OURS, THEIRS = "sk-server-0123456789abcdef", "sk-visitor-fedcba9876543210"
KEYS = {"Paid": THEIRS}
BUDGETS: Mapping[str, Any] = {"tokens_per_visitor": 10_000, "money_per_visitor": 0.01}


@pytest.fixture(autouse=True)
def server_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBUTTAL_TEST_KEY", OURS)


@pytest.fixture
async def server() -> AsyncIterator[FaultServer]:
    async with FaultServer("good", tokens=["Cats ", "nap."]) as upstream:
        yield upstream


def sent(server: FaultServer) -> list[str]:
    return [request.headers.get("authorization", "") for request in server.requests]


async def test_an_own_key_goes_to_its_endpoint_and_the_servers_key_does_not(
    tmp_path: Path, server: FaultServer
) -> None:
    async with public_app(tmp_path, address=server.address, **BUDGETS) as app:
        for label, keys in (("Priced", None), ("Unpriced", KEYS)):
            debate_id = await app.start("Cats?", seats(label), rounds=1, keys=keys, visitor=ANN)
            assert isinstance((await watch_to_rest(app, debate_id))[-1], DebateFinished)
    assert sent(server) == [f"Bearer {OURS}", f"Bearer {THEIRS}"]


async def test_what_an_own_key_buys_is_counted_by_no_budget_of_ours(
    tmp_path: Path, server: FaultServer
) -> None:
    async with public_app(tmp_path, address=server.address, tokens_per_visitor=300) as app:
        mine = await app.start("Cats?", seats("Priced"), rounds=1, visitor=ANN)
        last = (await watch_to_rest(app, mine))[-1]
        assert isinstance(last, DebatePaused)
        assert "of 300 are spent" in last.message
        for _ in range(3):
            theirs = await app.start("Cats?", seats("Priced"), rounds=1, keys=KEYS, visitor=EVE)
            assert isinstance((await watch_to_rest(app, theirs))[-1], DebateFinished)


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def test_an_own_key_is_kept_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with FaultServer("unauthorised") as server:
        async with public_app(tmp_path, address=server.address, **BUDGETS) as app:
            debate_id = await app.start("Cats?", seats("Priced"), keys=KEYS, visitor=ANN)
            seen = await watch_to_rest(app, debate_id)
            exports = [await app.export(debate_id, form) for form in get_args(ExportFormat)]
        assert sent(server) == [f"Bearer {THEIRS}"]
    assert isinstance(seen[-1], DebatePaused)
    assert "another key" in seen[-1].hint
    assert "REBUTTAL_TEST_KEY" not in str(seen)
    kept = everything_in(tmp_path)
    assert b"Cats?" in kept
    for text in (str(seen), str(exports), caplog.text, repr(kept), repr(vars(app))):
        assert THEIRS not in text
    with closing(sqlite3.connect(tmp_path / "debates.sqlite")) as database:
        assert database.execute("SELECT own_keys FROM debates").fetchall() == [('["Paid"]',)]


async def test_after_a_restart_the_key_is_asked_for_and_ours_is_not_taken_instead(
    tmp_path: Path, server: FaultServer
) -> None:
    async with public_app(tmp_path, address=server.address, **BUDGETS) as app:
        debate_id = await app.start("Cats?", seats("Priced"), rounds=1, keys=KEYS, visitor=ANN)
        await watch_to_rest(app, debate_id)
    asked = len(server.requests)
    async with public_app(tmp_path, address=server.address, **BUDGETS) as app:
        await app.say(debate_id, "", rounds=1, visitor=ANN)
        last = (await watch_to_rest(app, debate_id))[-1]
        assert isinstance(last, DebatePaused)
        assert last.message.startswith("Your key for Paid is not here any more")
        assert len(server.requests) == asked
        other = await app.start("Dogs?", seats("Scripted"), visitor=ANN)
        with pytest.raises(InvalidInput, match="without a key for"):
            await app.resume(other, keys=KEYS, visitor=ANN)
        await app.resume(debate_id, keys=KEYS, visitor=ANN)
        assert isinstance((await watch_to_rest(app, debate_id))[-1], DebateFinished)
    assert set(sent(server)) == {f"Bearer {THEIRS}"}


async def test_a_key_does_not_follow_its_endpoint_to_another_address(
    tmp_path: Path, server: FaultServer
) -> None:
    async with (
        FaultServer("good") as other,
        public_app(tmp_path, address=server.address, **BUDGETS) as app,
    ):
        debate_id = await app.start("Cats?", seats("Priced"), rounds=1, keys=KEYS, visitor=ANN)
        await watch_to_rest(app, debate_id)
        catalog = app.settings.models
        catalog.write_text(catalog.read_text().replace(server.address, other.address))
        app.reload_catalog()
        await app.say(debate_id, "", rounds=1, visitor=ANN)
        last = (await watch_to_rest(app, debate_id))[-1]
        assert isinstance(last, DebatePaused)
        assert last.message.startswith("Your key for Paid is not here any more")
        assert sent(other) == []


async def test_a_redirect_takes_the_key_nowhere(tmp_path: Path) -> None:
    async with (
        FaultServer("good") as other,
        FaultServer("redirect", to=other.address) as server,
        public_app(tmp_path, address=server.address, **BUDGETS) as app,
    ):
        debate_id = await app.start("Cats?", seats("Priced"), keys=KEYS, visitor=ANN)
        assert isinstance((await watch_to_rest(app, debate_id))[-1], DebatePaused)
        assert sent(server) == [f"Bearer {THEIRS}"]
        assert other.requests == []


@pytest.mark.parametrize(
    "keys",
    [
        {"Paid": ""},
        {"Paid": "sk-1\n"},
        {"Paid": "sk-1\r\nX-Evil: 1"},
        {"Paid": "sk 1"},
        {"Paid": "sk-é"},
        {"Paid": "s" * 4097},
        {"Free": "sk-1"},
        {"Nowhere": "sk-1"},
        {"http://evil.invalid/v1": "sk-1"},
    ],
)
async def test_a_key_that_is_none_or_for_nobody_is_refused(
    tmp_path: Path, keys: dict[str, str]
) -> None:
    async with public_app(tmp_path, **BUDGETS) as app:
        with pytest.raises((InvalidInput, NotFound)) as refused:
            await app.start("Cats?", seats("Priced"), keys=keys, visitor=ANN)
        (key,) = keys.values()
        assert not key or key not in str(refused.value)
        assert await app.debates() == []


async def test_keys_are_taken_only_where_the_settings_say_so(tmp_path: Path) -> None:
    async with public_app(tmp_path, own_keys=False, **BUDGETS) as app:
        with pytest.raises(NotAllowed, match="No keys of visitors"):
            await app.start("Cats?", seats("Priced"), keys=KEYS, visitor=ANN)
        assert await app.start("Cats?", seats("Priced"), keys=KEYS)


async def test_without_any_key_a_visitor_is_told_before_the_debate_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REBUTTAL_TEST_KEY")
    async with public_app(tmp_path, **BUDGETS) as app:
        with pytest.raises(KeyRejected, match="'Priced' needs a key of your own") as refused:
            await app.start("Cats?", seats("Scripted", "Priced"), visitor=ANN)
        assert "REBUTTAL_TEST_KEY" not in str(refused.value) + refused.value.hint
        assert await app.debates() == []
        assert await app.start("Cats?", seats("Priced"), keys=KEYS, visitor=ANN)


async def test_keys_are_forgotten_in_time_and_there_are_never_many() -> None:
    keys = OwnKeys(kept_for=0.1)
    keys.keep("d", KEYS)
    for _ in range(4):
        await asyncio.sleep(0.05)
        assert keys.find("d", "Paid") == THEIRS
    assert keys.find("d", "Free") is keys.find("e", "Paid") is None
    await asyncio.sleep(0.2)
    assert keys.find("d", "Paid") is None
    for number in range(MOST_KEPT + 5):
        keys.keep(str(number), KEYS)
    assert len(keys) == MOST_KEPT
    assert keys.find("0", "Paid") is None
    keys.close()
    assert len(keys) == 0

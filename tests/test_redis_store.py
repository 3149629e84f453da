"""What is particular to Redis as the store: debates end by themselves, and long ones are cut."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest

from rebuttal.errors import InvalidInput, NotFound
from rebuttal.line import next_debater
from rebuttal.records import Search, Token
from rebuttal.stores.base import Cost, Purse
from rebuttal.stores.fallback_store import FallbackStore
from rebuttal.stores.redis import RedisStore
from rebuttal.stores.redis_connection import RedisAddress
from rebuttal.stores.redis_database import RedisDatabase
from rebuttal.stores.redis_scripts import MARK
from tests.redis_server import PASSWORD, RedisServer
from tests.stores import NOON, ROOT, a_debate, a_store, a_turn, begin, ids, listed

pytestmark = pytest.mark.redis

SHORT = 1.0
"""Seconds that debates are kept here."""


@pytest.fixture
async def brief(empty_redis: str) -> AsyncIterator[FallbackStore]:
    """A store whose debates end soon."""
    store = FallbackStore.open(empty_redis, keep_hours=SHORT / 3600, keep_turns=400)
    yield store
    await store.close()


def keys(server: RedisServer, address: str) -> set[str]:
    """Everything that a database holds."""
    return set(server.ask_all("KEYS", "*", database=int(address.rpartition("/")[2])))


async def test_a_debate_ends_with_all_that_belongs_to_it_and_each_turn_puts_that_off(
    brief: FallbackStore, redis_server: RedisServer, empty_redis: str
) -> None:
    await begin(brief, "goes")
    await begin(brief, "stays")
    for debate_id in ("goes", "stays"):
        await brief.ledger.reserve([Purse("debate", debate_id, "")], Cost(1))
    link = Token(hash="a" * 64, kind="link", owner="", debate_id="goes", created_at=NOON)
    await brief.add_token(link)
    for number in range(1, 7):
        await asyncio.sleep(SHORT / 4)
        await brief.add_turn("stays", a_turn(f"t{number}", f"t{number - 1}"))
    assert [debate.id for debate in await listed(brief, "")] == ["stays"]
    assert await brief.ids_of("") == ["stays"]
    with pytest.raises(NotFound):
        await brief.get_tree("goes")
    assert len(await brief.get_tree("stays")) == 7
    await brief.purge(None, NOON)
    assert await brief.get_token(link.hash) is None
    assert not [key for key in keys(redis_server, empty_redis) if key.endswith(":goes")]


async def test_nothing_of_a_debate_is_left_when_its_time_is_over(
    brief: FallbackStore, redis_server: RedisServer, empty_redis: str
) -> None:
    before = keys(redis_server, empty_redis)
    for number in range(5):
        await begin(brief, f"d{number}", turns=3)
    await brief.delete(["d3"])
    await asyncio.sleep(SHORT + 0.2)
    await begin(brief, "new")
    left = keys(redis_server, empty_redis) - before
    assert not [key for key in left if re.search(r":d\d$", key)]
    assert [debate.id for debate in await listed(brief)] == ["new"]
    async with a_store(empty_redis) as again:
        assert await again.doomed(NOON.replace(year=2100), NOON) == [await again.get_debate("new")]


async def test_a_long_debate_keeps_its_topic_and_its_newest_turns_and_goes_on(
    empty_redis: str,
) -> None:
    async with FallbackStore.open(empty_redis, keep_hours=1, keep_turns=10) as store:
        await store.add_debate(a_debate(rounds=50), a_turn("t0", None, rounds=50))
        for number in range(1, 51):
            await store.add_turn("d", a_turn(f"t{number}", f"t{number - 1}"))
        turns = await store.get_turns("d")
        assert [turn.id for turn in turns] == ["t0", *(f"t{n}" for n in range(42, 51))]
        assert next_debater(await store.get_debate("d"), turns) is None
        await store.move_tip("d", "t45", expected="t50")
        await store.add_turn("d", a_turn("new", "t45"))
        with pytest.raises(NotFound):
            await store.move_tip("d", "t30", expected="new")
        # The other branch went as a whole.
        assert await ids(store) == ["t0", "t42", "t43", "t44", "t45", "new"]
        page = await store.search("", Search(text="new"))
        assert [(found.debate.id, found.turns) for found in page.found] == [("d", 6)]
        for gone in ("t30", "t50"):
            assert (await store.search("", Search(text=gone))).found == ()


async def test_what_comes_in_whole_is_cut_as_well(empty_redis: str) -> None:
    async with FallbackStore.open(empty_redis, keep_hours=1, keep_turns=10) as store:
        tree = [a_turn("t0", None), *(a_turn(f"t{n}", f"t{n - 1}") for n in range(1, 30))]
        tree[0] = tree[0].model_copy(update={"rounds": 29})
        await store.add_debates([(a_debate(tip="t29"), tree)])
        assert await ids(store) == ["t0", *(f"t{n}" for n in range(21, 30))]


@pytest.mark.parametrize(
    "address",
    ["redis://", "redis://h:x", "redis://h/x", "redis://h:99999", "http://h", "redis://h/1?a=b"],
)
def test_what_is_no_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        RedisAddress(address.replace("//", f"//:{PASSWORD}@"))
    assert PASSWORD not in str(caught.value)


def test_a_password_may_hold_any_sign() -> None:
    address = RedisAddress("rediss://ann:p%40ss%2F%3A@redis.example:7000/3")
    assert (address.user, address.password) == ("ann", "p@ss/:")
    assert (address.host, address.port, address.database) == ("redis.example", 7000, 3)
    assert "p@ss" not in address.name


WITHOUT_THE_PACKAGE = """
import sys
sys.modules["redis"] = None  # as where it is not installed
from rebuttal.app import DebateApp
from rebuttal.errors import InvalidInput
from rebuttal.settings import load_settings
from rebuttal.stores.fallback_store import FallbackStore

DebateApp(load_settings(data=sys.argv[1]))
try:
    FallbackStore.open("redis://127.0.0.1/0", 1, 10)
except InvalidInput as error:
    print(error)
"""


def test_without_the_package_the_app_begins_and_redis_says_what_to_install(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_PACKAGE, str(tmp_path_factory.mktemp("data"))],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert "pip install 'redis>=8,<9'" in ended.stdout


async def test_a_write_that_is_sent_twice_counts_once(empty_redis: str) -> None:
    store = RedisStore.open(empty_redis, timedelta(hours=1), keep_turns=400)
    purse = Purse("app", "", "2026-11-20", tokens=100)
    for _ in range(3):
        assert await store.as_write(7).ledger.reserve([purse], Cost(60)) is None
    assert (await store.ledger.figures(date(2026, 11, 20)))["app"].total == Cost(60)
    await store.close()


async def test_a_write_from_before_an_outage_is_let_in_no_more(empty_redis: str) -> None:
    database = RedisDatabase(RedisAddress(empty_redis), timedelta(hours=1))
    await database.enter()
    earlier = ("1", "0", str(database._generation), database._process, database.born)
    await database.enter()
    assert await database.run(MARK, *earlier) == ["fenced"]
    assert await database.write(MARK, number=1) == ["ok"]
    assert await database.write(MARK, number=1) == ["again"]
    await database.close()

"""What every store promises, shown on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from rebuttal.errors import InvalidInput, NotFound, StaleTip, StoreError
from rebuttal.records import USER, Debate, Debater, Persona, Timings, Turn, Usage
from rebuttal.stores import migrations
from rebuttal.stores.base import DebateStore
from rebuttal.stores.sql import SqlStore
from rebuttal.stores.sql_database import MIGRATION_LOCK, SCHEMA
from rebuttal.stores.sql_rows import METADATA

ROOT = Path(__file__).resolve().parent.parent

NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)

NASTY = {
    "emoji": "👩🏽‍⚖️ against 🦊🇪🇺",
    "right to left": "نقاش \u202eעברית\u202c end",
    "combining": "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘! e\u0301 \u00e9",
    "very long": "It depends. " * 16_667,
    "quotes and code": '\'; DROP TABLE turns; -- "x" \\ %s :id ${a} {b} <script>',
    "whitespace": "  a\tb\r\nc\u2028d\x0b\x85\u00a0 \n",
    "control signs": "\x01\x1b[31m\x7f\x9f\ufeff\ufffe",
    "json": '{"a": [1, null]} \\u0000',
    "empty": "",
}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'debates.db'}"
    database: str = request.getfixturevalue("empty_postgres")
    return database


@pytest.fixture
async def store(address: str) -> AsyncIterator[DebateStore]:
    async with SqlStore.open(address) as opened:
        yield opened


def a_turn(key: str, parent: str | None, **fields: object) -> Turn:
    given = {"speaker": "a" if parent else USER, "text": f"says {key}", "created_at": NOON}
    return Turn.model_validate({"id": key, "parent_id": parent, **given, **fields})


def a_debate(key: str = "d", **fields: object) -> Debate:
    persona = Persona(key="cynic", name="Cynic", instructions="Doubt.", temperature=0.5)
    debater = Debater(seat="a", name="Cynic", persona=persona, model="m")
    given = {"topic": "Tabs?", "debaters": (debater,), "rounds": 3, "created_at": NOON}
    return Debate.model_validate({"id": key, "tip": "t0", **given, **fields})


async def begin(store: DebateStore, key: str = "d", turns: int = 0) -> None:
    """A debate with its topic ``t0``, then ``t1`` and so on."""
    await store.add_debate(a_debate(key), a_turn("t0", None))
    for number in range(1, turns + 1):
        await store.add_turn(key, a_turn(f"t{number}", f"t{number - 1}"))


async def ids(store: DebateStore, key: str = "d") -> list[str]:
    return [turn.id for turn in await store.get_turns(key)]


async def test_a_debate_comes_back_as_it_was(store: DebateStore) -> None:
    persona = Persona(
        key="p", name="Näme", instructions="x", temperature=1.0, colour="#aabbcc", emoji="🦊"
    )
    seats = [
        Debater(seat=f"s{i}", name="N", persona=persona, model="m", stance="for ❤", temperature=0.0)
        for i in range(6)
    ]
    debate = a_debate(
        debaters=tuple(seats),
        rounds=1000,
        language="Ελληνικά",
        seed=-(2**63) + 1,
        forked_from="other",
        owner="ann",
    )
    await store.add_debate(debate, a_turn("t0", None))
    assert await store.get_debate("d") == debate
    assert await store.list_debates() == [debate]


async def test_a_turn_comes_back_as_it_was(store: DebateStore) -> None:
    await begin(store)
    full = a_turn(
        "t1",
        "t0",
        rounds=7,
        model="llama3.2:1b",
        finish="length",
        usage=Usage(prompt_tokens=2**40, completion_tokens=0, cached_tokens=None),
        timings=Timings(first_token=0.1 + 0.2, total=1e-9),
    )
    await store.add_turn("d", full)
    assert (await store.get_turns("d"))[1] == full


async def test_what_is_kept_is_there_after_closing_and_opening_again(address: str) -> None:
    async with SqlStore.open(address) as store:
        await begin(store, turns=3)
        before = await store.get_debate("d"), await store.get_turns("d")
    async with SqlStore.open(address) as store:
        assert (await store.get_debate("d"), await store.get_turns("d")) == before


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
async def test_any_text_comes_back_identical(store: DebateStore, text: str) -> None:
    await store.add_debate(
        a_debate(topic=text or "empty", owner=text), a_turn("t0", None, text=text)
    )
    assert (await store.get_turns("d"))[0].text == text
    assert [debate.owner for debate in await store.list_debates(owner=text)] == [text]


@pytest.mark.parametrize("text", ["\ud83d", "before \udfff after", "a\0b"])
async def test_text_that_no_database_keeps_is_refused_by_the_name_of_its_field(
    store: DebateStore, text: str
) -> None:
    debate = a_debate()
    with pytest.raises(InvalidInput, match=r"^topic: "):
        await store.add_debate(debate.model_copy(update={"topic": text}), a_turn("t0", None))
    seat = debate.debaters[0]
    persona = seat.persona.model_copy(update={"instructions": text})
    seats = (seat, seat.model_copy(update={"persona": persona}))
    with pytest.raises(InvalidInput, match=r"^debaters\.1\.persona\.instructions: "):
        await store.add_debate(debate.model_copy(update={"debaters": seats}), a_turn("t0", None))
    assert await store.list_debates() == []
    await begin(store)
    with pytest.raises(InvalidInput, match=r"^text: "):
        await store.add_turn("d", a_turn("t1", "t0").model_copy(update={"text": text}))
    assert await ids(store) == ["t0"]


async def test_a_number_beyond_64_bits_is_refused(store: DebateStore) -> None:
    with pytest.raises(InvalidInput, match=r"^seed: "):
        await store.add_debate(a_debate(seed=2**63), a_turn("t0", None))


async def test_a_moment_without_time_zone_is_refused(store: DebateStore) -> None:
    with pytest.raises(InvalidInput, match=r"^created_at: "):
        await store.add_debate(a_debate(created_at=datetime(2026, 1, 1)), a_turn("t0", None))


async def test_seconds_that_are_no_number_are_refused(store: DebateStore) -> None:
    await begin(store)
    with pytest.raises(InvalidInput, match=r"^timings\.total: "):
        await store.add_turn("d", a_turn("t1", "t0", timings=Timings(total=float("inf"))))


@pytest.mark.parametrize("key", ["nobody", "", "\ud83d", "a\0b", "'; --", "d " * 9999])
async def test_an_unknown_debate_is_not_found_whatever_its_id(store: DebateStore, key: str) -> None:
    await begin(store)
    for call in (
        store.get_debate(key),
        store.get_turns(key),
        store.get_tree(key),
        store.add_turn(key, a_turn("t1", "t0")),
        store.move_tip(key, "t0", "t0"),
        store.delete_debate(key),
    ):
        with pytest.raises(NotFound):
            await call


async def test_a_debate_begins_with_the_turn_that_is_its_tip(store: DebateStore) -> None:
    with pytest.raises(InvalidInput):
        await store.add_debate(a_debate(tip="t9"), a_turn("t0", None))
    with pytest.raises(InvalidInput):
        await store.add_debate(a_debate(), a_turn("t0", "t9"))
    assert await store.list_debates() == []


async def test_an_id_is_kept_once(store: DebateStore) -> None:
    await begin(store, turns=2)
    with pytest.raises(InvalidInput, match="'d'"):
        await begin(store)
    with pytest.raises(InvalidInput, match="'t1'"):
        await store.add_turn("d", a_turn("t1", "t2"))
    with pytest.raises(InvalidInput, match="'t2'"):
        await store.add_turn("d", a_turn("t2", "t2"))
    assert await ids(store) == ["t0", "t1", "t2"]


async def test_two_debates_may_use_the_same_turn_ids(store: DebateStore) -> None:
    await begin(store, "d", turns=2)
    await begin(store, "e", turns=1)
    assert await ids(store, "d") == ["t0", "t1", "t2"]
    assert await ids(store, "e") == ["t0", "t1"]


async def test_a_turn_moves_the_tip_and_nothing_else(store: DebateStore) -> None:
    await begin(store)
    before = await store.get_debate("d")
    await store.add_turn("d", a_turn("t1", "t0"))
    assert await store.get_debate("d") == before.model_copy(update={"tip": "t1"})


@pytest.mark.parametrize("parent", ["t0", "t1", "nothing", None])
async def test_a_turn_that_does_not_follow_the_tip_is_stale(
    store: DebateStore, parent: str | None
) -> None:
    await begin(store, turns=2)
    with pytest.raises(StaleTip, match="'d'"):
        await store.add_turn("d", a_turn("new", parent))
    assert await ids(store) == ["t0", "t1", "t2"]


async def test_a_turn_of_another_debate_is_no_parent(store: DebateStore) -> None:
    await begin(store, "d")
    await begin(store, "e", turns=1)
    with pytest.raises(StaleTip):
        await store.add_turn("d", a_turn("new", "t1"))
    with pytest.raises(NotFound, match="'t1'"):
        await store.move_tip("d", "t1", expected="t0")
    assert await ids(store) == ["t0"]


async def test_a_branch_shares_the_past_and_leaves_the_other_line_alone(
    store: DebateStore,
) -> None:
    await begin(store, turns=4)
    await store.move_tip("d", "t2", expected="t4")
    assert await ids(store) == ["t0", "t1", "t2"]
    await store.add_turn("d", a_turn("other", "t2"))
    assert await ids(store) == ["t0", "t1", "t2", "other"]
    tree = [turn.id for turn in await store.get_tree("d")]
    assert tree == ["t0", "t1", "t2", "t3", "t4", "other"]
    await store.move_tip("d", "t4", expected="other")
    assert await ids(store) == ["t0", "t1", "t2", "t3", "t4"]


async def test_the_tip_moves_only_from_where_it_was_expected(store: DebateStore) -> None:
    await begin(store, turns=2)
    with pytest.raises(StaleTip):
        await store.move_tip("d", "t0", expected="t1")
    with pytest.raises(NotFound, match="'t9'"):
        await store.move_tip("d", "t9", expected="t2")
    with pytest.raises(NotFound):
        await store.move_tip("d", "\ud83d", expected="t2")
    assert (await store.get_debate("d")).tip == "t2"


async def test_the_order_of_turns_does_not_hang_on_the_clock(store: DebateStore) -> None:
    await store.add_debate(a_debate(), a_turn("t0", None))
    for number in range(1, 6):
        earlier = NOON - timedelta(hours=number)
        await store.add_turn("d", a_turn(f"t{number}", f"t{number - 1}", created_at=earlier))
    assert await ids(store) == ["t0", "t1", "t2", "t3", "t4", "t5"]
    assert [turn.id for turn in await store.get_tree("d")] == await ids(store)


async def test_a_moment_is_the_same_in_any_time_zone(store: DebateStore) -> None:
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    await store.add_debate(a_debate(created_at=tokyo), a_turn("t0", None, created_at=tokyo))
    kept = (await store.get_debate("d")).created_at
    assert (kept, kept.utcoffset()) == (NOON, timedelta())


async def test_debates_are_listed_newest_first(store: DebateStore) -> None:
    hours = {"noon": 0, "evening": 6, "morning": -6, "noon-in-tokyo": -9, "noon-again": 0}
    for key, hour in hours.items():
        zone = timezone(timedelta(hours=9)) if key == "noon-in-tokyo" else UTC
        moment = (NOON + timedelta(hours=hour)).astimezone(zone)
        await store.add_debate(a_debate(key, created_at=moment), a_turn("t0", None))
    listed = [debate.id for debate in await store.list_debates()]
    assert listed == ["evening", "noon-again", "noon", "morning", "noon-in-tokyo"]


@pytest.mark.parametrize(("limit", "seen"), [(2, 2), (0, 0), (-1, 0), (10**30, 3)])
async def test_a_list_holds_as_many_as_asked(store: DebateStore, limit: int, seen: int) -> None:
    for number in range(3):
        await begin(store, f"d{number}")
    assert len(await store.list_debates(limit=limit)) == seen


async def test_an_owner_sees_the_own_debates_only(store: DebateStore) -> None:
    for key, owner in {"a": "ann", "b": "bob", "c": "ann", "d": ""}.items():
        await store.add_debate(a_debate(key, owner=owner), a_turn("t0", None))
    assert [debate.id for debate in await store.list_debates(owner="ann")] == ["c", "a"]
    assert [debate.id for debate in await store.list_debates(owner="")] == ["d"]
    assert await store.list_debates(owner="\ud83d") == []
    assert len(await store.list_debates()) == 4


async def test_a_deleted_debate_is_gone_with_its_turns_and_no_other(store: DebateStore) -> None:
    await begin(store, "d", turns=3)
    await begin(store, "e", turns=3)
    await store.move_tip("d", "t1", expected="t3")
    await store.delete_debate("d")
    with pytest.raises(NotFound):
        await store.get_tree("d")
    assert [debate.id for debate in await store.list_debates()] == ["e"]
    assert len(await store.get_turns("e")) == 4
    await begin(store, "d")
    assert await ids(store, "d") == ["t0"]


async def test_of_twenty_turns_on_one_tip_exactly_one_is_kept(address: str) -> None:
    async with SqlStore.open(address) as left, SqlStore.open(address) as right:
        await begin(left)
        calls = [
            (left if number % 2 else right).add_turn("d", a_turn(f"new{number}", "t0"))
            for number in range(20)
        ]
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert ends.count(None) == 1
        assert [type(end) for end in ends if end] == [StaleTip] * 19
        tree = await left.get_tree("d")
        assert [turn.id for turn in tree] == ["t0", f"new{ends.index(None)}"]


async def test_writers_of_different_debates_do_not_disturb_each_other(address: str) -> None:
    async with SqlStore.open(address) as left, SqlStore.open(address) as right:
        await asyncio.gather(
            *(
                begin(store, f"{name}{i}", turns=5)
                for name, store in {"l": left, "r": right}.items()
                for i in range(4)
            )
        )
        for debate in await left.list_debates():
            assert await ids(right, debate.id) == [f"t{number}" for number in range(6)]


async def test_the_loop_goes_on_while_the_store_works(store: DebateStore) -> None:
    await store.add_debate(a_debate(), a_turn("t0", None, text="x" * 20_000_000))
    done = asyncio.create_task(store.get_turns("d"))
    longest, last = 0.0, time.perf_counter()
    while not done.done():
        await asyncio.sleep(0.001)
        longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
    assert len((await done)[0].text) == 20_000_000
    assert longest < 0.5


@contextmanager
def all_debates_locked(address: str) -> Iterator[None]:
    """Another program is in the middle of changing every debate."""
    if address.startswith("sqlite"):
        file = address.removeprefix("sqlite:///")
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
    else:
        with psycopg.connect(address) as connection:
            connection.execute("SELECT 1 FROM debates FOR UPDATE")
            yield


async def test_a_cancelled_write_is_finished_before_the_cancellation_goes_on(address: str) -> None:
    async with SqlStore.open(address) as store:
        await begin(store)
        with all_debates_locked(address):
            call = asyncio.create_task(store.add_turn("d", a_turn("t1", "t0")))
            await asyncio.sleep(0.1)
            call.cancel()
            await asyncio.sleep(0.1)
            assert not call.done()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await ids(store) == ["t0", "t1"]


async def test_close_waits_for_everything_that_was_asked_before(address: str) -> None:
    store = SqlStore.open(address)
    writing = [asyncio.create_task(begin(store, f"d{number}")) for number in range(10)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*writing)
    async with SqlStore.open(address) as again:
        assert len(await again.list_debates()) == 10


async def test_after_close_every_call_is_a_store_error(address: str) -> None:
    store = SqlStore.open(address)
    await store.close()
    await store.close()
    for call in (
        store.add_debate(a_debate(), a_turn("t0", None)),
        store.get_debate("d"),
        store.list_debates(),
        store.add_turn("d", a_turn("t1", "t0")),
        store.get_turns("d"),
        store.get_tree("d"),
        store.move_tip("d", "t0", "t0"),
        store.delete_debate("d"),
    ):
        with pytest.raises(StoreError, match="closed"):
            await call


def test_closing_leaves_no_thread(address: str) -> None:
    before = threading.active_count()

    async def use() -> None:
        async with SqlStore.open(address) as store:
            await begin(store)
            assert threading.active_count() > before

    asyncio.run(use())
    assert threading.active_count() == before


async def test_eight_openers_of_an_empty_database_agree(address: str) -> None:
    stores = await asyncio.gather(*(asyncio.to_thread(SqlStore.open, address) for _ in range(8)))
    await begin(stores[0])
    assert [len(await store.list_debates()) for store in stores] == [1] * 8
    for store in stores:
        await store.close()


OPEN_WHEN_TOLD = """
import sys, alembic.command
from rebuttal.stores.sql import SqlStore
print("ready", flush=True)
sys.stdin.readline()
SqlStore.open(sys.argv[1])
print("open", flush=True)
"""


def test_four_processes_may_open_an_empty_database_at_once(address: str) -> None:
    with ExitStack() as running:
        openers = [
            running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", OPEN_WHEN_TOLD, address],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=ROOT,
                )
            )
            for _ in range(4)
        ]
        for opener in openers:
            assert opener.stdout
            assert opener.stdout.readline() == "ready\n"
        for opener in openers:
            assert opener.stdin
            opener.stdin.write("go\n")
            opener.stdin.flush()
        assert [opener.communicate(timeout=60)[0] for opener in openers] == ["open\n"] * 4


@contextmanager
def another_opener(address: str) -> Iterator[None]:
    """Another process has begun to make the tables, and comes to its end with the context."""
    version = f"CREATE TABLE alembic_version AS SELECT '{SCHEMA}' AS version_num"
    if address.startswith("sqlite"):
        file = address.removeprefix("sqlite:///")
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute(version)
            yield
            other.execute("COMMIT")
    else:
        with psycopg.connect(address) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
            connection.execute(version.encode())
            yield


async def test_an_opener_waits_for_another_one_and_does_not_repeat_its_work(address: str) -> None:
    with another_opener(address):
        opening = asyncio.create_task(asyncio.to_thread(SqlStore.open, address))
        await asyncio.sleep(0.5)
        assert not opening.done()
    await (await opening).close()


async def test_several_empty_databases_may_be_opened_at_once(tmp_path: Path) -> None:
    addresses = [f"sqlite:///{tmp_path / f'{number}.db'}" for number in range(8)]
    for store in await asyncio.gather(*(asyncio.to_thread(SqlStore.open, a) for a in addresses)):
        await begin(store)
        await store.close()


def test_the_migrations_make_the_tables_that_the_store_uses(address: str) -> None:
    asyncio.run(SqlStore.open(address).close())
    engine = sa.create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
        assert context.get_current_revision() == SCHEMA
    engine.dispose()


def test_the_newest_migration_is_the_one_the_store_asks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA]

"""Stores that are used by many at once: parallel writers, openers, cancellations, a close."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from rebuttal.errors import StaleTip, StoreError
from rebuttal.stores import migrations
from rebuttal.stores.base import DebateStore
from rebuttal.stores.sql import SqlStore
from rebuttal.stores.sql_database import MIGRATION_LOCK, SCHEMA
from rebuttal.stores.sql_index import FTS
from rebuttal.stores.sql_rows import METADATA
from tests.stores import ROOT, a_debate, a_store, a_turn, begin, ids, listed


async def test_of_twenty_turns_on_one_tip_exactly_one_is_kept(store_address: str) -> None:
    async with a_store(store_address) as left, a_store(store_address) as right:
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


async def test_writers_of_different_debates_do_not_disturb_each_other(store_address: str) -> None:
    async with a_store(store_address) as left, a_store(store_address) as right:
        await asyncio.gather(
            *(
                begin(store, f"{name}{i}", turns=5)
                for name, store in {"l": left, "r": right}.items()
                for i in range(4)
            )
        )
        for debate in await listed(left):
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


async def test_a_cancelled_write_is_finished_before_the_cancellation_goes_on(
    sql_address: str,
) -> None:
    async with SqlStore.open(sql_address) as store:
        await begin(store)
        with all_debates_locked(sql_address):
            call = asyncio.create_task(store.add_turn("d", a_turn("t1", "t0")))
            await asyncio.sleep(0.1)
            call.cancel()
            await asyncio.sleep(0.1)
            assert not call.done()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await ids(store) == ["t0", "t1"]


async def test_close_waits_for_everything_that_was_asked_before(sql_address: str) -> None:
    store = SqlStore.open(sql_address)
    writing = [asyncio.create_task(begin(store, f"d{number}")) for number in range(10)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*writing)
    async with SqlStore.open(sql_address) as again:
        assert len(await listed(again)) == 10


async def test_after_close_every_call_is_a_store_error(sql_address: str) -> None:
    store = SqlStore.open(sql_address)
    await store.close()
    await store.close()
    for call in (
        store.add_debate(a_debate(), a_turn("t0", None)),
        store.get_debate("d"),
        listed(store),
        store.add_turn("d", a_turn("t1", "t0")),
        store.get_turns("d"),
        store.get_tree("d"),
        store.move_tip("d", "t0", "t0"),
        store.delete(["d"]),
        store.tokens("ann", "link"),
    ):
        with pytest.raises(StoreError, match="closed"):
            await call


def test_closing_leaves_no_thread(sql_address: str) -> None:
    before = threading.active_count()

    async def use() -> None:
        async with SqlStore.open(sql_address) as store:
            await begin(store)
            assert threading.active_count() > before

    asyncio.run(use())
    assert threading.active_count() == before


async def test_eight_openers_of_an_empty_database_agree(sql_address: str) -> None:
    stores = await asyncio.gather(
        *(asyncio.to_thread(SqlStore.open, sql_address) for _ in range(8))
    )
    await begin(stores[0])
    assert [len(await listed(store)) for store in stores] == [1] * 8
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


def test_four_processes_may_open_an_empty_database_at_once(sql_address: str) -> None:
    with ExitStack() as running:
        openers = [
            running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", OPEN_WHEN_TOLD, sql_address],
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


async def test_an_opener_waits_for_another_one_and_does_not_repeat_its_work(
    sql_address: str,
) -> None:
    with another_opener(sql_address):
        opening = asyncio.create_task(asyncio.to_thread(SqlStore.open, sql_address))
        await asyncio.sleep(0.5)
        assert not opening.done()
    await (await opening).close()


async def test_several_empty_databases_may_be_opened_at_once(tmp_path: Path) -> None:
    addresses = [f"sqlite:///{tmp_path / f'{number}.db'}" for number in range(8)]
    for store in await asyncio.gather(*(asyncio.to_thread(SqlStore.open, a) for a in addresses)):
        await begin(store)
        await store.close()


def test_the_migrations_make_the_tables_that_the_store_uses(sql_address: str) -> None:
    asyncio.run(SqlStore.open(sql_address).close())
    engine = sa.create_engine(sql_address.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        opts = {"compare_type": True, "include_name": lambda name, *_: not is_index_of_words(name)}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, METADATA) == []
        assert context.get_current_revision() == SCHEMA
    engine.dispose()


def is_index_of_words(name: str | None) -> bool:
    """Which each database has in its own way."""
    return (name or "").startswith((FTS, "debate_words_found"))


def test_the_newest_migration_is_the_one_the_store_asks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA]

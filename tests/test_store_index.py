"""The index of words on SQL: true after any changes, there after an upgrade, gone after a purge."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rebuttal.records import Debate, Search, Turn, now
from rebuttal.stores import migrations
from rebuttal.stores.sql import SqlStore
from rebuttal.stores.sql_database import Database
from rebuttal.stores.sql_index import index_on
from rebuttal.stores.sql_terms import Sought
from rebuttal.words import wanted, words
from tests.stores import NOON, a_debate, a_turn, begin, listed

LATER = timedelta(seconds=1)


def test_the_index_is_true_after_any_changes(sql_address: str) -> None:
    random = Random(1)
    there = [*(f"w{number}" for number in range(60)), "日", "日本", "é", "ᄒ"]
    database = Database.open(sql_address)
    index = index_on(database.backend)
    documents: dict[int, set[str]] = {}
    _begin_many(sql_address, 30)

    def check(connection: sa.Connection) -> None:
        one, other, third = random.sample(there, 3)
        for sought, fits in (
            (Sought(frozenset({one})), lambda held: one in held),
            (Sought(frozenset({one, other})), lambda held: {one, other} <= held),
            (
                Sought(frozenset({one}), no=frozenset({third})),
                lambda held: one in held and third not in held,
            ),
            (
                Sought(frozenset({one}), any=((other, third),)),
                lambda held: one in held and held & {other, third},
            ),
            (Sought(frozenset(), begins="w1"), lambda held: any(w[:2] == "w1" for w in held)),
        ):
            found = sorted((seq for seq, held in documents.items() if fits(held)), reverse=True)
            assert index.newest(connection, sought, None, 100) == found
            assert index.newest(connection, sought, 15, 2) == [s for s in found if s < 15][:2]

    def change(connection: sa.Connection) -> None:
        seq, some = random.randrange(1, 31), set(random.sample(there, random.randrange(6)))
        held = documents.setdefault(seq, set())
        match random.randrange(4):
            case 0 | 1:
                index.add(connection, seq, some)
                held |= some
            case 2:
                index.put(connection, seq, some)
                documents[seq] = some
            case 3:
                gone = set(random.sample(sorted(held), len(held) // 2))
                index.add(connection, seq, set(), gone)
                held -= gone
        if random.random() < 0.1:
            index.tidy(connection, begin=random.random() < 0.5)

    database.write(lambda at: [index.put(at, seq, set()) for seq in range(1, 31)])
    for number in range(400):
        database.write(change)
        if number % 10 == 0:
            database.read(check)
    database.write(lambda at: index.drop(at, range(1, 31)))
    documents.clear()
    database.read(check)
    database.close()


def _begin_many(address: str, number: int) -> None:
    async def work() -> None:
        async with SqlStore.open(address) as store:
            for count in range(number):
                await begin(store, f"d{count}")

    asyncio.run(work())
    database = Database.open(address)
    index = index_on(database.backend)
    database.write(lambda at: index.drop(at, range(1, number + 1)))
    database.close()


texts = st.text(max_size=60) | st.lists(
    st.sampled_from(["cats", "DOGS", "é", "日本語", '"', "*", "AND", "^", ":", "(", "🦊", "'", "-"])
).map(" ".join)


def test_any_search_finds_what_looking_through_all_finds(sql_address: str) -> None:
    said = ["Cats and DOGS", 'A "quote" AND more', "日本語の議論", "École 🦊 caté", "nothing"]
    with asyncio.Runner() as runner:

        async def opened() -> SqlStore:
            store = SqlStore.open(sql_address)
            for number, text in enumerate(said):
                await store.add_debate(
                    a_debate(f"d{number}", topic=text), a_turn("t0", None, text="x")
                )
            return store

        store = runner.run(opened())

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        @given(texts)
        def look(text: str) -> None:
            looked_for = wanted(text)
            there = {
                f"d{number}"
                for number, topic in enumerate(said)
                if looked_for.all_in(words(topic) | words("x"))
            }
            found = runner.run(store.search(None, Search(text=text)))
            assert {one.debate.id for one in found.found} == there

        look()
        runner.run(store.close())


async def test_words_beyond_what_fits_are_kept_and_only_not_found(sql_address: str) -> None:
    many = [f"{number:08x}" for number in range(60_000)]
    async with SqlStore.open(sql_address) as store:
        await begin(store)
        await store.add_turn("d", a_turn("t1", "t0", text=" ".join(many)))
        await store.add_turn("d", a_turn("t2", "t1", text="afterwards"), finished=True)
        assert len(await store.get_turns("d")) == 3
        assert [debate.id for debate in await listed(store, text="tabs 00000001")] == ["d"]
        await store.change_debate("d", title="Named")
        assert [debate.id for debate in await listed(store, finished=True)] == ["d"]


async def test_a_purge_leaves_no_word_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "debates.db"
    async with SqlStore.open(f"sqlite:///{file}") as store:
        for number in range(300):
            await store.add_debate(
                a_debate(f"d{number}", topic=f"Topic {number}"), a_turn("t0", None, text="Tea?")
            )
        await begin(store, "secret")
        words = "plumbago wherewithal zymurgy"
        await store.add_turn("secret", a_turn("t1", "t0", text=words))
        await store.change_debate("secret", title="Quixotry")
        assert in_files(file, "plumbago")
        await store.delete(["secret"])
        assert await store.purge(None, now() + LATER) == 1
        for word in (*words.split(), "quixotry", "Quixotry"):
            assert not in_files(file, word)
        assert len(await listed(store, text="tea topic")) == 300
    for word in words.split():
        assert not in_files(file, word)


def in_files(file: Path, word: str) -> bool:
    """Whether the word stands in the file or beside it, in whatever part of a page."""
    return any(word.encode() in part.read_bytes() for part in file.parent.glob(f"{file.name}*"))


# An upgrade


def at_revision(address: str, revision: str) -> None:
    """Make an empty database of an earlier version."""
    engine = sa.create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        command.upgrade(config, revision)
    engine.dispose()


def keep_as_before(address: str, debate: Debate, turns: list[Turn]) -> None:
    """Write the rows that an earlier version wrote."""
    from rebuttal.stores.sql_rows import DEBATES, TURNS, debate_row, turn_row

    new = {"title", "pinned", "finished", "rerun_of", "imported_at", "kept_at", "deleted_at"}
    engine = sa.create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        row = {name: v for name, v in debate_row(debate).items() if name not in new}
        connection.execute(sa.insert(DEBATES).values(row))
        for turn in turns:
            row = turn_row(debate.id, turn)
            for name in ("debaters", "persona", "edited_from"):
                del row[name]
            connection.execute(sa.insert(TURNS).values(row))
    engine.dispose()


async def test_debates_of_an_earlier_version_are_found_after_an_upgrade(sql_address: str) -> None:
    at_revision(sql_address, "0002")
    whole = [a_turn("t0", None, rounds=1), a_turn("t1", "t0", text="Spoken of old.", model="m")]
    keep_as_before(sql_address, a_debate("whole", tip="t1"), whole)
    keep_as_before(sql_address, a_debate("cut", tip="t0"), [a_turn("t0", None, rounds=1)])
    async with SqlStore.open(sql_address) as store:
        assert [d.id for d in await listed(store)] == ["cut", "whole"]
        assert [d.id for d in await listed(store, text="of old spo")] == ["whole"]
        assert [d.id for d in await listed(store, finished=True)] == ["whole"]
        assert [d.id for d in await listed(store, persona="cynic", model="m")] == ["cut", "whole"]
        assert [turn.persona for turn in await store.get_turns("whole")] == [None, "cynic"]
        assert await store.doomed(NOON, NOON) == []
        assert len(await store.doomed(NOON + LATER, NOON)) == 2
        await store.add_turn("cut", a_turn("t1", "t0", text="Now."), finished=True)
        assert [d.id for d in await listed(store, text="now", finished=True)] == ["cut"]


def test_the_way_back_to_an_earlier_version_leaves_nothing_of_the_index(tmp_path: Path) -> None:
    file = tmp_path / "debates.db"
    asyncio.run(SqlStore.open(f"sqlite:///{file}").close())
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        command.downgrade(config, "0002")
    engine.dispose()
    with closing(sqlite3.connect(file)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert [name for name in tables if name.startswith(("debate_", "tokens"))] == []
    assert {"debates", "turns"} < tables


@pytest.mark.postgres
async def test_debates_far_apart_are_found_together(empty_postgres: str) -> None:
    async with SqlStore.open(empty_postgres) as store:
        with psycopg.connect(empty_postgres, autocommit=True) as server:
            for number, seq in enumerate((1, 4095, 4096, 9000, 30_000, 30_001)):
                server.execute("SELECT setval('debates_seq_seq', %s, false)", [seq])
                await begin(store, f"d{number}")
        await store.change_debate("d2", pinned=True)
        there = ["d2", "d5", "d4", "d3", "d1", "d0"]
        assert [debate.id for debate in await listed(store, text="tabs")] == there
        seen, more = [], None
        for _ in range(3):
            page = await store.search(None, Search(text="tabs"), more, 2)
            seen += [found.debate.id for found in page.found]
            more = page.more
        assert (seen, more) == (there, None)

"""PostgreSQL that refuses or goes away: a StoreError to act on, nothing lost, and it goes on."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from rebuttal.errors import StoreError
from rebuttal.stores.sql import SqlStore
from tests.postgres import PASSWORD, Postgres
from tests.refusals import goes_on, refused, spoken_well
from tests.stores import a_turn, begin


@pytest.mark.postgres
async def test_a_server_stopped_in_the_middle_is_said_and_goes_on(
    postgres: Postgres, empty_postgres: str
) -> None:
    async with SqlStore.open(empty_postgres) as store:
        await begin(store, turns=1)
        postgres.stop()
        try:
            for call in (store.add_turn("d", a_turn("lost", "t1")), store.get_turns("d")):
                with pytest.raises(StoreError) as caught:
                    await call
                assert "PostgreSQL at 127.0.0.1" in spoken_well(caught.value).message
                assert "does not answer" in caught.value.message
        finally:
            postgres.start()
        await goes_on(store, ["t0", "t1"])


@pytest.mark.postgres
async def test_a_server_restarted_between_two_turns_is_not_even_noticed(
    postgres: Postgres, empty_postgres: str
) -> None:
    async with SqlStore.open(empty_postgres) as store:
        await begin(store, turns=1)
        postgres.stop()
        postgres.start()
        await goes_on(store, ["t0", "t1"])


@pytest.mark.postgres
async def test_a_connection_cut_in_the_middle_of_a_write_leaves_nothing_half_written(
    postgres: Postgres, empty_postgres: str
) -> None:
    async with SqlStore.open(empty_postgres) as store:
        await begin(store, turns=1)
        with psycopg.connect(empty_postgres) as other:
            other.execute("SELECT 1 FROM debates FOR UPDATE")
            writing = asyncio.create_task(refused(store))
            await asyncio.sleep(0.3)
            postgres.say(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = "
                "'Lock'"
            )
            error = await writing
        assert "went away" in error.message
        await goes_on(store, ["t0", "t1"])


@pytest.mark.postgres
async def test_a_lock_on_the_server_is_waited_for_then_said_then_goes_on(
    empty_postgres: str,
) -> None:
    async with SqlStore.open(empty_postgres) as store:
        await begin(store, turns=1)
        with psycopg.connect(empty_postgres) as other:
            other.execute("SELECT 1 FROM debates FOR UPDATE")
            writing = asyncio.create_task(refused(store))
            done, _ = await asyncio.wait({writing}, timeout=20)
        assert done
        assert "locked" in (await writing).message
        await goes_on(store, ["t0", "t1"])


@pytest.mark.postgres
async def test_a_read_only_server_is_said_and_goes_on(
    postgres: Postgres, empty_postgres: str
) -> None:
    async with SqlStore.open(empty_postgres) as store:
        await begin(store, turns=1)
    database = empty_postgres.rpartition("/")[2]
    postgres.say(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    async with SqlStore.open(empty_postgres) as store:
        assert "read-only" in (await refused(store)).message
        postgres.say(f"ALTER DATABASE {database} RESET default_transaction_read_only")
        await goes_on(store, ["t0", "t1"])


@pytest.mark.postgres
def test_a_database_or_user_that_does_not_exist_is_said(postgres: Postgres) -> None:
    address = postgres.address("nowhere")
    for wrong, word in {
        address: 'database "nowhere" does not exist',
        address.replace("rebuttal:", "nobody:"): 'role "nobody" does not exist',
    }.items():
        with pytest.raises(StoreError, match=word) as caught:
            SqlStore.open(wrong)
        assert "address" in spoken_well(caught.value).hint


def test_a_server_that_is_not_there_is_said() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError, match=r"PostgreSQL at 127\.0\.0\.1:1: .* does not answer"):
        SqlStore.open(f"postgresql://rebuttal:{PASSWORD}@127.0.0.1:1/x")


@pytest.mark.postgres
async def test_a_user_without_rights_is_told_so(postgres: Postgres, empty_postgres: str) -> None:
    async with SqlStore.open(empty_postgres) as store:
        await begin(store)
    postgres.say("CREATE ROLE guest LOGIN")
    with pytest.raises(StoreError, match="permission") as caught:
        SqlStore.open(empty_postgres.replace("rebuttal:", "guest:"))
    spoken_well(caught.value)


@pytest.mark.postgres
async def test_a_server_without_free_connections_is_said_and_goes_on(
    postgres: Postgres, empty_postgres: str
) -> None:
    database = empty_postgres.rpartition("/")[2]
    async with SqlStore.open(empty_postgres) as store:
        await begin(store)
    postgres.say("CREATE ROLE member LOGIN")
    postgres.say(f"GRANT rebuttal TO member; ALTER DATABASE {database} CONNECTION LIMIT 1")
    member = empty_postgres.replace("rebuttal:", "member:")
    with psycopg.connect(member), pytest.raises(StoreError, match="too many connections") as caught:
        SqlStore.open(member)
    spoken_well(caught.value)
    async with SqlStore.open(member) as store:
        await goes_on(store, ["t0"])

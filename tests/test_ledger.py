"""What the ledger promises, on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from rebuttal.errors import StoreError
from rebuttal.records import now
from rebuttal.stores import migrations
from rebuttal.stores.base import NOTHING, Cost, DebateStore, Figures, Ledger, Purse
from rebuttal.stores.sql import SqlStore
from rebuttal.stores.sql_database import Database
from tests.stores import ROOT, a_store, begin, open_store

TODAY = date(2026, 11, 20)
MANY = 1000


def purse(scope: str = "app", key: str = "", tokens: int | None = None, **limits: object) -> Purse:
    day = "" if scope == "debate" else TODAY.isoformat()
    return Purse(**{"scope": scope, "key": key, "day": day, "tokens": tokens, **limits})  # type: ignore[arg-type]


async def spent(ledger: Ledger, of: Purse) -> Cost:
    """What a purse without limits, but of the same name, would say is spent."""
    full = Purse(of.scope, of.key, of.day, tokens=-1)
    lack = await ledger.reserve([full], NOTHING)
    assert lack
    return lack.spent


async def test_a_purse_gives_until_it_is_empty_and_says_what_is_spent(store: DebateStore) -> None:
    ledger, mine = store.ledger, purse("visitor", "ann", tokens=100, money=1000)
    assert await ledger.reserve([mine], Cost(60, 600)) is None
    lack = await ledger.reserve([mine], Cost(41, 1))
    assert lack
    assert (lack.purse, lack.spent, lack.need) == (mine, Cost(60, 600), Cost(41, 1))
    assert await ledger.reserve([mine], Cost(1, 401))
    assert await ledger.reserve([mine], Cost(40, 400)) is None
    assert await ledger.reserve([mine], Cost(1, 0))
    assert await ledger.reserve([mine], NOTHING) is None


async def test_room_must_be_there_and_is_not_taken(store: DebateStore) -> None:
    ledger, mine = store.ledger, purse(tokens=100)
    assert await ledger.reserve([mine], Cost(10), room=Cost(91))
    assert await ledger.reserve([mine], Cost(10), room=Cost(90)) is None
    assert await spent(ledger, mine) == Cost(10)


async def test_every_purse_pays_or_none(store: DebateStore) -> None:
    ledger = store.ledger
    rich, poor = purse("visitor", "ann", tokens=1000), purse("app", tokens=10)
    lack = await ledger.reserve([poor, rich], Cost(11))
    assert lack
    assert lack.purse == poor
    assert await spent(ledger, rich) == NOTHING
    assert await ledger.reserve([poor, rich], Cost(10)) is None
    assert await spent(ledger, rich) == await spent(ledger, poor) == Cost(10)


async def test_settling_gives_back_what_was_too_much_and_takes_what_was_too_little(
    store: DebateStore,
) -> None:
    ledger, mine = store.ledger, purse(tokens=100, money=100)
    await ledger.reserve([mine], Cost(90, 90))
    await ledger.settle([mine], Cost(90, 90), Cost(30, 95))
    assert await spent(ledger, mine) == Cost(30, 95)
    await ledger.settle([mine], NOTHING, Cost(100, 0))
    assert await spent(ledger, mine) == Cost(130, 95)


async def grants(stores: list[DebateStore], shared: Purse, cost: Cost) -> int:
    """How many of MANY reservations at once go through, each for a debate of its own."""
    asked = (
        stores[n % len(stores)].ledger.reserve([purse("debate", f"d{n}"), shared], cost)
        for n in range(MANY)
    )
    return (await asyncio.gather(*asked)).count(None)


async def test_of_a_thousand_at_once_exactly_as_many_go_through_as_fit(store_address: str) -> None:
    shared = purse("app", tokens=137 * 290 + 289, money=10**12)
    async with a_store(store_address) as left, a_store(store_address) as right:
        assert await grants([left, right], shared, Cost(290, 10**9)) == 137
        assert await spent(left.ledger, shared) == Cost(137 * 290, 137 * 10**9)


async def test_without_a_limit_all_of_a_thousand_go_through(store: DebateStore) -> None:
    assert await grants([store], purse("app"), Cost(290)) == MANY


RESERVE_AND_WAIT = """
import asyncio, sys
from rebuttal.stores.base import Cost, Purse
from tests.stores import open_store

async def main():
    store = open_store(sys.argv[1])
    purse = Purse("app", "", "2026-11-20", 1000, None)
    assert await store.ledger.reserve([purse], Cost(700)) is None
    print("reserved", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_what_a_killed_process_reserved_stays_spent(store_address: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RESERVE_AND_WAIT, store_address],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "reserved\n"
        process.kill()

    async def look() -> None:
        async with a_store(store_address) as store:
            mine = purse("app", tokens=1000)
            assert await spent(store.ledger, mine) == Cost(700)
            assert await store.ledger.reserve([mine], Cost(301))
            assert await store.ledger.reserve([mine], Cost(300)) is None

    asyncio.run(look())


async def test_a_days_secret_is_one_for_all_and_another_every_day(store_address: str) -> None:
    async with a_store(store_address) as left, a_store(store_address) as right:
        found = await asyncio.gather(
            *(side.ledger.secret(TODAY) for side in (left, right) for _ in range(10))
        )
        assert len(set(found)) == 1
        assert len(found[0]) == 32
        assert await left.ledger.secret(date(2026, 11, 21)) not in found


async def test_old_days_are_purged_and_a_debates_own_sum_is_not(store: DebateStore) -> None:
    ledger = store.ledger
    await begin(store)
    first = await ledger.secret(TODAY)
    mine, debates = purse("visitor", "ann"), purse("debate", "d")
    await ledger.reserve([mine, debates], Cost(5))
    await ledger.secret(date(2026, 11, 21))
    assert await spent(ledger, mine) == Cost(5)
    await ledger.secret(date(2026, 11, 22))
    assert await spent(ledger, mine) == NOTHING
    assert await spent(ledger, debates) == Cost(5)
    assert await ledger.secret(TODAY) != first
    await store.delete(["d"])
    await store.purge(None, now() + timedelta(seconds=1))
    assert await spent(ledger, debates) == NOTHING


async def test_figures_are_sums_and_the_most_of_one(store: DebateStore) -> None:
    ledger = store.ledger
    for key, tokens in {"ann": 5, "bob": 7}.items():
        await ledger.reserve([purse("visitor", key), purse("app")], Cost(tokens, 10 * tokens))
    assert await ledger.figures(TODAY) == {
        "visitor": Figures(2, Cost(12, 120), Cost(7, 70)),
        "app": Figures(1, Cost(12, 120), Cost(12, 120)),
    }
    assert await ledger.figures(date(2026, 11, 19)) == {}


async def test_a_halt_stands_for_all_until_it_is_taken_back(store_address: str) -> None:
    async with a_store(store_address) as left, a_store(store_address) as right:
        assert await right.ledger.halted() is None
        await left.ledger.halt("A bill came.")
        await left.ledger.halt("")
        assert await right.ledger.halted() == ""
        await right.ledger.go_on()
        assert await left.ledger.halted() is None


async def test_after_close_the_ledger_is_closed_too(store_address: str) -> None:
    store = open_store(store_address)
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.ledger.reserve([purse()], Cost(1))


async def test_a_file_of_the_first_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'old.db'}"
    async with SqlStore.open(address) as store:
        await begin(store, turns=2)
    database = Database.open(address)

    def step_back(connection: object) -> None:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(migrations.__path__[0])))
        command.downgrade(config, "0001")

    database.write(step_back)
    database.close()
    async with SqlStore.open(address) as store:
        assert (await store.get_debate("d")).own_keys == ()
        assert len(await store.get_turns("d")) == 3
        assert await store.ledger.reserve([purse(tokens=1)], Cost(1)) is None

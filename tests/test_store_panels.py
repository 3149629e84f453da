"""Panels as every store promises them, and a database of before there were any."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from rebuttal.errors import InvalidInput, StoreError
from rebuttal.records import Panel, Seat
from rebuttal.stores import migrations
from rebuttal.stores.base import DebateStore
from rebuttal.stores.fallback_panels import OWNERS
from rebuttal.stores.fallback_store import FallbackStore
from rebuttal.stores.sql import SqlStore
from tests.redis_server import RedisServer
from tests.stores import NOON, a_store, begin
from tests.test_redis_outages import is_back
from tests.test_store_tokens import a_token

TABLE = Seat(persona="cynic", model="m", stance="against ❤", temperature=0.0, max_tokens=90)


def a_panel(name: str = "three", **fields: object) -> Panel:
    given = {"seats": (TABLE, Seat(persona="poet", model="n")), "chair": TABLE}
    return Panel.model_validate({"name": name, **given, **fields})


async def test_a_panel_comes_back_as_it_was_until_it_is_dropped(store: DebateStore) -> None:
    panel = a_panel(rounds=1000, language="Ελληνικά")
    await store.put_panel("ann", panel)
    assert await store.panels("ann") == (panel,)
    await store.drop_panel("ann", "three")
    await store.drop_panel("ann", "three")
    assert await store.panels("ann") == ()


async def test_a_name_is_one_panel_and_everybody_has_their_own(store: DebateStore) -> None:
    for owner in ("ann", "bob", ""):
        for name in ("b", "a", "a-b", "a.b", "0", "a_b"):
            await store.put_panel(owner, a_panel(name))
    changed = a_panel("a", rounds=7)
    await store.put_panel("ann", changed)
    await store.drop_panel("bob", "a")
    found = await store.panels("ann")
    assert [panel.name for panel in found] == ["0", "a", "a-b", "a.b", "a_b", "b"]
    assert found[1] == changed
    assert "a" not in {panel.name for panel in await store.panels("bob")}
    assert (await store.panels(""))[1] == a_panel("a")
    assert await store.panels("nobody") == ()


@pytest.mark.parametrize("text", ["\ud83d", "a\0"])
async def test_what_cannot_be_kept_is_refused_and_nobody_has_it(
    store: DebateStore, text: str
) -> None:
    with pytest.raises(InvalidInput):
        await store.put_panel(text, a_panel())
    with pytest.raises(InvalidInput):
        await store.put_panel("ann", a_panel().model_copy(update={"language": text}))
    await store.put_panel("", a_panel())
    assert await store.panels(text) == await store.panels("ann") == ()
    await store.drop_panel(text, "three")
    await store.drop_panel("", text)
    assert await store.panels("") == (a_panel(),)


async def test_one_name_at_the_same_moment_is_kept_once(store: DebateStore) -> None:
    await asyncio.gather(*(store.put_panel("ann", a_panel(rounds=n)) for n in range(1, 9)))
    assert len(await store.panels("ann")) == 1


async def test_panels_are_there_after_closing_and_outlive_debates(store_address: str) -> None:
    async with a_store(store_address) as store:
        await begin(store)
        await store.put_panel("ann", a_panel())
    async with a_store(store_address) as store:
        assert await store.purge(NOON + timedelta(days=36500), NOON) == 1
        assert await store.panels("ann") == (a_panel(),)


def step_back(address: str) -> None:
    """To a database as it was before there were programs."""
    engine = sa.create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(migrations.__path__[0])))
        command.downgrade(config, "0003")
    engine.dispose()


async def test_a_database_of_before_programs_keeps_all_and_takes_them(sql_address: str) -> None:
    link, session = a_token("l", kind="link", debate_id="d"), a_token("s")
    program = a_token("p", kind="program", powers=("read",), name="editor")
    async with SqlStore.open(sql_address) as store:
        await begin(store, turns=2)
        for token in (link, session, program):
            await store.add_token(token)
        before = await store.get_debate("d"), await store.get_tree("d")
    step_back(sql_address)
    async with SqlStore.open(sql_address) as store:
        assert (await store.get_debate("d"), await store.get_tree("d")) == before
        kept = [await store.get_token(token.hash) for token in (link, session, program)]
        assert kept == [link, session, None]
        await store.add_token(program)
        await store.put_panel("ann", a_panel())
        assert await store.tokens(None, "program") == (program,)


@pytest.mark.redis
async def test_in_an_outage_panels_that_were_seen_are_there_and_others_are_not_said_to_be_missing(
    frail_redis: RedisServer,
) -> None:
    here, elsewhere = (FallbackStore.open(frail_redis.address(), 168, 400) for _ in range(2))
    for owner in ("ann", "bob"):
        await here.put_panel(owner, a_panel())
    assert await here.panels("ann") == (a_panel(),)
    await here.put_panel("ann", a_panel("before"))
    frail_redis.kill()
    await here.put_panel("ann", a_panel("meanwhile"))
    await here.put_panel("bob", a_panel("meanwhile"))
    await here.drop_panel("ann", "three")
    assert [panel.name for panel in await here.panels("ann")] == ["before", "meanwhile"]
    with pytest.raises(StoreError, match="away"):
        await here.panels("bob")
    frail_redis.start()
    await is_back(here)
    for store in (here, elsewhere):
        assert [panel.name for panel in await store.panels("ann")] == ["before", "meanwhile"]
        assert [panel.name for panel in await store.panels("bob")] == ["meanwhile", "three"]
        await store.close()


@pytest.mark.redis
async def test_a_redis_that_lost_its_data_gets_back_panels_but_never_older_ones(
    frail_redis: RedisServer,
) -> None:
    stores = [FallbackStore.open(frail_redis.address(), 168, 400) for _ in range(3)]
    here, elsewhere, ended = stores
    for name in ("lost", "changed"):
        await ended.put_panel("ann", a_panel(name))
    await ended.close()
    await here.panels("ann")
    await begin(elsewhere)
    frail_redis.say("FLUSHALL")
    await elsewhere.put_panel("ann", a_panel("changed", rounds=7))
    await is_back(elsewhere)
    await begin(here, "e")
    await is_back(here)
    assert await here.panels("ann") == (a_panel("changed", rounds=7), a_panel("lost"))
    for store in (here, elsewhere):
        await store.close()


@pytest.mark.redis
async def test_the_panels_of_many_owners_do_not_fill_memory(frail_redis: RedisServer) -> None:
    async with FallbackStore.open(frail_redis.address(), 168, 400) as store:
        for number in range(OWNERS + 5):
            await store.put_panel(f"o{number}", a_panel())
            await store.panels(f"o{number}")
        frail_redis.kill()
        assert await store.panels(f"o{OWNERS}") == (a_panel(),)
        with pytest.raises(StoreError):
            await store.panels("o0")

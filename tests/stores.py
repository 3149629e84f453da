"""Debates to keep, and empty databases of each kind to keep them in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rebuttal.records import USER, Debate, Debater, Persona, Search, Turn
from rebuttal.stores.base import DebateStore
from rebuttal.stores.fallback_store import FallbackStore
from rebuttal.stores.memory import MemoryStore
from rebuttal.stores.sql import SqlStore

ROOT = Path(__file__).resolve().parent.parent
NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)


KINDS = ("sqlite", *(pytest.param(k, marks=getattr(pytest.mark, k)) for k in ("postgres", "redis")))


@pytest.fixture(params=KINDS)
def store_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, one kind after the other."""
    return _empty(request, tmp_path)


@pytest.fixture(params=KINDS[:2])
def sql_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same of those that speak SQL."""
    return _empty(request, tmp_path)


@pytest.fixture(params=[*KINDS, "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DebateStore]:
    """An empty store of each kind."""
    if request.param == "memory":
        yield MemoryStore()
        return
    async with a_store(_empty(request, tmp_path)) as opened:
        yield opened


def _empty(request: pytest.FixtureRequest, folder: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{folder / 'debates.db'}"
    database: str = request.getfixturevalue(f"empty_{request.param}")
    return database


@asynccontextmanager
async def a_store(address: str) -> AsyncIterator[DebateStore]:
    """The store at that address, which must have had no problem to the end."""
    store = open_store(address)
    try:
        yield store
        assert store.problem == ""
    finally:
        await store.close()


def open_store(address: str) -> DebateStore:
    """The store at that address."""
    if address.startswith("redis"):
        return FallbackStore.open(address, keep_hours=168, keep_turns=400)
    return SqlStore.open(address)


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


async def listed(store: DebateStore, owner: str | None = None, **search: Any) -> list[Debate]:
    """Every debate that is found, in the order of a history."""
    page = await store.search(owner, Search(**search), limit=10_000)
    return [found.debate for found in page.found]


async def ids(store: DebateStore, key: str = "d") -> list[str]:
    return [turn.id for turn in await store.get_turns(key)]

"""Debates that were kept earlier, for pages that show a history."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

from rebuttal.catalog import load_catalog
from rebuttal.records import (
    USER,
    Debate,
    Debater,
    Timings,
    Turn,
    Usage,
    now,
)
from rebuttal.settings import HOME
from rebuttal.stores.sql import SqlStore

TOPICS = (
    "Cities should ban private cars",
    "Can a machine be wise?",
    "Honesty beats kindness",
    "Is progress real?",
    "Homework should be abolished",
    "Should the voting age be lowered to sixteen, and who would be persuaded by it?",
)
SAID = (
    "A garden costs its keeper every morning of the year.",
    "Nobody ever watered anything with a principle.",
    "Rain is what farmers call a holiday, and they take very few of them.",
    "Parliaments were built long before lawyers learned to sell doors.",
)
TABLES = (
    ("philosopher", "cynic"),
    ("rational", "snarky", "historian"),
    ("idealist", "pragmatist"),
    ("scientist",),
)


def kept(number: int, at: datetime, owner: str = "") -> tuple[Debate, tuple[Turn, ...]]:
    """A debate of its own, by its number: topic, table and turns are different ones."""
    personas = load_catalog(HOME / "models.yaml", HOME / "personas").personas
    table = TABLES[number % len(TABLES)]
    debaters = tuple(
        Debater(
            seat=f"seat{place}",
            name=personas[key].name,
            persona=personas[key],
            model=("Quick", "Slow")[(number + place) % 2],
        )
        for place, key in enumerate(table)
    )
    topic = TOPICS[number % len(TOPICS)]
    id_ = f"kept-{number}"
    first = Turn(id=f"{id_}-0", parent_id=None, speaker=USER, text=topic, rounds=2, created_at=at)
    turns = [first, *_speeches(id_, debaters, number, at)]
    debate = Debate(
        id=id_,
        topic=topic,
        debaters=debaters,
        rounds=2,
        tip=turns[-1].id,
        finished=number % 3 > 0,
        owner=owner,
        created_at=at,
    )
    return debate, tuple(turns)


def _speeches(id_: str, debaters: Sequence[Debater], number: int, at: datetime) -> list[Turn]:
    """Two rounds; one less of who speaks last where the debate is not finished."""
    count = 2 * len(debaters) - (number % 3 == 0)
    return [
        Turn(
            id=f"{id_}-{place + 1}",
            parent_id=f"{id_}-{place}",
            speaker=debaters[place % len(debaters)].seat,
            text=SAID[(number + place) % len(SAID)],
            persona=debaters[place % len(debaters)].persona.key,
            model=debaters[place % len(debaters)].model,
            usage=Usage(prompt_tokens=300 + 80 * place, completion_tokens=60),
            timings=Timings(first_token=0.2, total=2.0),
            created_at=at + timedelta(seconds=place),
        )
        for place in range(count)
    ]


def keep(folder: Path, whole: Sequence[tuple[Debate, Sequence[Turn]]]) -> None:
    """Put these into the store of that folder, the first as the oldest."""

    async def put() -> None:
        store = SqlStore.open(f"sqlite:///{folder / 'debates.sqlite'}")
        await store.add_debates(whole)
        await store.close()

    # In a thread: a browser that is open keeps a loop of its own running in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(put())).result()


def keep_some(folder: Path, count: int, owner: str = "") -> None:
    """So many debates, each some hours after the one before; the last one is the newest."""
    began = now()
    keep(folder, [kept(n, began - timedelta(hours=7 * (count - n)), owner) for n in range(count)])

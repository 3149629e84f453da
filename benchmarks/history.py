"""How long does a history take? Searches and lists over many debates, and what they cost a turn.

    python -m benchmarks.history --debates 100000 --times 40

On SQLite, and on a PostgreSQL server of our own where its programs are installed. Nine of ten
debates belong to one owner; a thousand others own the rest. The other side is what one does
without an index: LIKE over topics and turns.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any

import sqlalchemy as sa

from benchmarks.figures import add_json, load, table, write_json
from benchmarks.history_fill import (
    BEGAN,
    MODELS,
    ONE,
    PERSONAS,
    SPAN,
    THOUSAND,
    Vocabulary,
    fill,
    rare,
)
from rebuttal.records import Search, new_id
from rebuttal.stores.sql import SqlStore
from rebuttal.stores.sql_database import Database
from rebuttal.stores.sql_index import Index
from rebuttal.stores.sql_rows import DEBATES, TURNS
from tests.postgres import Postgres, find_programs
from tests.stores import a_debate, a_turn

Seconds = list[float]
Make = Callable[[], Search]
LONG = 200
"""Turns of the long debate that a turn is added to."""
LIKES = 5
"""Searches of the other side: each takes long."""


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """An empty database of each kind there is, by its name."""
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        found = {"SQLite": f"sqlite:///{Path(folder) / 'debates.sqlite'}"}
        programs = find_programs()
        if programs is None:
            yield found
            return
        place = Path(folder) / "server"
        place.mkdir()
        Path(folder).chmod(0o755)
        server = Postgres(programs, place)
        server.start()
        try:
            yield {**found, "PostgreSQL": server.new_database()}
        finally:
            server.stop()


class Kinds:
    """Kinds of searches, each with a way to make one more of its kind."""

    def __init__(self, debates: int) -> None:
        self.random = Random(3)
        self._words = Vocabulary()
        pick = self.random.choice
        model = lambda: {"model": pick(MODELS)}  # noqa: E731
        persona = lambda: {"persona": pick(PERSONAS)}  # noqa: E731
        unfinished = lambda: {"finished": False}  # noqa: E731
        rare_word = lambda: {"text": rare(self.random.randrange(debates))}  # noqa: E731
        self.made: dict[str, Make] = {
            "list": self._of(),
            "model": self._of(model),
            "persona": self._of(persona),
            "two weeks": self._of(self._weeks),
            "unfinished": self._of(unfinished),
            "model, persona, unfinished": self._of(model, persona, unfinished),
            "a rare word": self._of(rare_word),
            "a common word": self._of(self._common(1)),
            "three common words": self._of(self._common(3)),
            "eight common words": self._of(self._common(8)),
            "two words that seldom meet": self._of(self._seldom),
            "a word that is nowhere": self._of(lambda: {"text": "xyzzyplugh"}),
            **{f"{n} letters": self._of(self._letters(n)) for n in (1, 2, 3, 4)},
            "a common word, two weeks": self._of(self._common(1), self._weeks),
            "a common word, unfinished": self._of(self._common(1), unfinished),
            "a common word, all filters": self._of(
                self._common(1), self._weeks, model, persona, unfinished
            ),
        }

    def _of(self, *parts: Callable[[], dict[str, Any]]) -> Make:
        return lambda: Search(**{name: v for part in parts for name, v in part().items()})

    def _common(self, number: int) -> Callable[[], dict[str, Any]]:
        return lambda: {"text": " ".join(self.random.sample(self._words.common, number)) + " a"}

    def _seldom(self) -> dict[str, Any]:
        return {"text": " ".join(self.random.sample(self._words.seldom, 2))}

    def _letters(self, number: int) -> Callable[[], dict[str, Any]]:
        long = [word for word in self._words.common if len(word) >= number]
        return lambda: {"text": self.random.choice(long)[:number]}

    def _weeks(self) -> dict[str, Any]:
        since = BEGAN + SPAN * self.random.random()
        return {"since": since, "until": since + timedelta(days=14)}


async def measured(times: int, call: Callable[[], Awaitable[object]]) -> Seconds:
    """Seconds of so many, one after the other, behind one that warms up."""
    await call()
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        await call()
        seconds.append(time.perf_counter() - began)
    return seconds


async def read(store: SqlStore, debates: int, times: int) -> dict[str, Seconds]:
    """Every kind of search, of the owner of most; some of everybody, of few, and on later pages."""
    kinds = Kinds(debates)
    figures = {}

    def search(make: Make, owner: str | None, later: bool = False) -> Awaitable[object]:
        more = f"0-{kinds.random.randrange(1, debates)}" if later else None
        return store.search(owner, make(), more)

    for name, make in kinds.made.items():
        figures[name] = await measured(times, lambda make=make: search(make, ONE))  # type: ignore[misc]
    for name in ("list", "model", "a common word", "three common words"):
        make = kinds.made[name]
        for who, owner, later in (
            ("a later page", ONE, True),
            ("everybody's", None, False),
            ("of 1,000", THOUSAND, False),
        ):
            figures[f"{name}, {who}"] = await measured(
                times,
                lambda make=make, owner=owner, later=later: search(make, owner, later),  # type: ignore[misc]
            )
    figures["tallies of 1,000"] = await measured(
        times, lambda: store.tallies(THOUSAND, BEGAN, BEGAN + SPAN)
    )
    return figures


def likes(database: Database, debates: int) -> dict[str, Seconds]:
    """The same words looked for without an index."""
    kinds = Kinds(debates)
    figures = {}
    for name in ("a rare word", "a common word", "three common words"):
        seconds = []
        for _ in range(LIKES):
            parts = [f"%{word}%" for word in kinds.made[name]().text.split()]
            said = sa.and_(*(_stands(part) for part in parts))
            query = (
                sa.select(DEBATES.c.id)
                .where(DEBATES.c.owner == ONE, DEBATES.c.deleted_at.is_(None), said)
                .order_by(DEBATES.c.seq.desc())
                .limit(20)
            )
            began = time.perf_counter()
            database.read(lambda at, query=query: at.execute(query).all())  # type: ignore[misc]
            seconds.append(time.perf_counter() - began)
        figures[f"LIKE: {name}"] = seconds
    return figures


def _stands(part: str) -> sa.ColumnElement[bool]:
    turns = TURNS.c.debate_id == DEBATES.c.id, TURNS.c.text.like(part)
    return DEBATES.c.topic.like(part) | sa.exists().where(*turns)


class NoIndex(Index):
    """A store without a search: what a turn costs alone."""

    def newest(self, *_: Any) -> list[int]:
        return []

    def put(self, *_: Any) -> None:
        return None

    def add(self, *_: Any) -> None:
        return None


async def turns(store: SqlStore, times: int) -> dict[str, Seconds]:
    """Adding a turn to a short debate and to a long one, with the index of words and without."""
    words = Vocabulary()
    figures = {}
    for name, index in {"": store._index, ", no index": NoIndex()}.items():
        store._index = index
        for length in (6, LONG):
            key, last = new_id(), "t0"
            await store.add_debate(a_debate(key), a_turn("t0", None))
            for number in range(1, length):
                await store.add_turn(key, a_turn(f"t{number}", last, text=words.text(90)))
                last = f"t{number}"
            seconds = []
            for number in range(length, length + times):
                turn = a_turn(f"t{number}", last, text=words.text(90))
                began = time.perf_counter()
                await store.add_turn(key, turn)
                seconds.append(time.perf_counter() - began)
                last = turn.id
            figures[f"a turn behind {length}{name}"] = seconds
    return figures


async def measure(address: str, debates: int, times: int) -> dict[str, Seconds]:
    """Every figure of one database."""
    database = Database.open(address)
    began = time.perf_counter()
    fill(database, debates)
    print(f"{debates:,} debates in {time.perf_counter() - began:.0f} s", flush=True)
    async with SqlStore(database) as store:
        figures = await read(store, debates, times)
        figures |= await asyncio.to_thread(likes, database, debates)
        return figures | await turns(store, times)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--debates", type=int, default=100_000, help="how many are kept")
    parser.add_argument("--times", type=int, default=40, help="searches of each kind")
    add_json(parser)
    args = parser.parse_args(arguments)
    before = load()
    with databases() as found:
        figures = {
            name: asyncio.run(measure(address, args.debates, args.times))
            for name, address in found.items()
        }
    title = f"{args.debates:,} debates, ms; {before}, then {load()}"
    head = [f"{name} {which}" for name in figures for which in ("p50", "p95")]
    kinds = next(iter(figures.values()))
    rows = [[kind, *_shown([one[kind] for one in figures.values()])] for kind in kinds]
    print(table(title, head, rows))
    write_json(args.json, figures)


def _shown(measured: Sequence[Seconds]) -> Iterator[str]:
    for seconds in measured:
        yield f"{1000 * median(seconds):.1f}"
        yield f"{1000 * quantiles(seconds, n=20, method='inclusive')[-1]:.1f}"


if __name__ == "__main__":
    main()

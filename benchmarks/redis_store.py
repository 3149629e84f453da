"""What does Redis as the store cost beside SQLite, and how long is an outage?

    python -m benchmarks.redis_store --debates 1000 --times 40

All debates belong to one owner, as a search on Redis looks through those of one owner. The server
is our own; it writes to its disk before it answers.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median, quantiles

from benchmarks.figures import add_json, load, table, write_json
from benchmarks.history_fill import WORDS_EACH, Vocabulary, rare
from rebuttal.records import Search
from rebuttal.stores.base import Cost, DebateStore, Purse
from rebuttal.stores.fallback_store import FallbackStore
from rebuttal.stores.sql import SqlStore
from tests.redis_server import RedisServer
from tests.stores import a_debate, a_turn

Seconds = list[float]
OWNER = "c:one"
TURNS = 6
OUTAGES = 5
MEANWHILE = 200
"""Turns that are said in an outage."""


async def fill(store: DebateStore, debates: int) -> None:
    """So many debates, a hundred at a time."""
    words = Vocabulary()
    texts = [words.text(WORDS_EACH) for _ in range(500)]
    for first in range(0, debates, 100):
        whole = []
        for count in range(first, min(first + 100, debates)):
            debate = a_debate(f"d{count}", owner=OWNER, tip=f"t{TURNS}", topic=rare(count))
            said = (texts[(count * 7 + n) % len(texts)] for n in range(TURNS))
            line = [a_turn(f"t{n}", f"t{n - 1}", text=text) for n, text in enumerate(said, 1)]
            whole.append((debate, [a_turn("t0", None, text=debate.topic), *line]))
        await store.add_debates(whole)


async def timed(times: int, call: Callable[[int], Awaitable[object]]) -> Seconds:
    """Seconds of each, behind one that warms up."""
    seconds = []
    for number in range(times + 1):
        began = time.perf_counter()
        await call(number)
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


async def measure(store: DebateStore, debates: int, times: int) -> dict[str, Seconds]:
    """Every figure of one store."""
    await fill(store, debates)
    words = Vocabulary()
    purse = Purse("app", "", "2026-11-20")
    figures: dict[str, Seconds] = {}

    def search(**wanted: object) -> Awaitable[object]:
        return store.search(OWNER, Search.model_validate(wanted))

    async def speak(number: int, key: str = "d0") -> None:
        tip = f"new{number - 1}" if number else f"t{TURNS}"
        await store.add_turn(key, a_turn(f"new{number}", tip, text=words.text(WORDS_EACH)))

    figures["a turn"] = await timed(times, speak)
    figures["a reservation"] = await timed(
        times, lambda _: store.ledger.reserve([purse], Cost(300, 10))
    )
    figures["a debate with its turns"] = await timed(times, lambda n: store.get_tree(f"d{n}"))
    figures["list"] = await timed(times, lambda _: search())
    figures["a common word"] = await timed(
        times, lambda n: search(text=f"{words.common[n % len(words.common)]} a")
    )
    figures["a rare word"] = await timed(times, lambda n: search(text=f"{rare(n)} a"))
    figures["a model that sat nowhere"] = await timed(times, lambda _: search(model="none"))
    return figures


async def outages(server: RedisServer, store: FallbackStore) -> dict[str, Seconds]:
    """From the kill until a turn is kept in memory, and from the start until all is written."""
    served, back = [], []
    for number in range(OUTAGES):
        key = f"outage{number}"
        await store.add_debate(a_debate(key), a_turn("t0", None))
        server.kill()
        began = time.perf_counter()
        await store.add_turn(key, a_turn("t1", "t0"))
        served.append(time.perf_counter() - began)
        for turn in range(2, MEANWHILE):
            await store.add_turn(key, a_turn(f"t{turn}", f"t{turn - 1}"))
        server.start()
        began = time.perf_counter()
        while store.problem:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.005)
        back.append(time.perf_counter() - began)
    return {"from the kill to the next turn": served, "from the start until all is written": back}


async def measure_all(folder: Path, debates: int, times: int) -> dict[str, dict[str, Seconds]]:
    """Both stores, by name; the outages are Redis's alone."""
    program = shutil.which("redis-server")
    if program is None:
        sys.exit("redis-server is missing: apt-get install redis-server")
    async with SqlStore.open(f"sqlite:///{folder / 'debates.sqlite'}") as sqlite:
        figures = {"SQLite": await measure(sqlite, debates, times)}
    server = RedisServer(program, folder)
    server.start()
    try:
        async with FallbackStore.open(server.address(), keep_hours=1, keep_turns=400) as redis:
            figures["Redis"] = await measure(redis, debates, times)
            figures["Redis"] |= await outages(server, redis)
    finally:
        server.kill()
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--debates", type=int, default=1000, help="how many are kept")
    parser.add_argument("--times", type=int, default=40, help="calls of each kind")
    add_json(parser)
    args = parser.parse_args(arguments)
    before = load()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure_all(Path(folder), args.debates, args.times))
    title = f"{args.debates:,} debates, ms; {before}, then {load()}"
    head = [f"{name} {which}" for name in figures for which in ("p50", "p95")]
    rows = [
        [kind, *(part for of in figures.values() for part in _shown(of.get(kind)))]
        for kind in figures["Redis"]
    ]
    print(table(title, head, rows))
    write_json(args.json, figures)


def _shown(seconds: Seconds | None) -> tuple[str, str]:
    if seconds is None:
        return "", ""
    p95 = quantiles(seconds, n=20)[-1]
    return f"{1000 * median(seconds):.1f}", f"{1000 * p95:.1f}"


if __name__ == "__main__":
    main()

"""How soon does another process go on when one is killed, and what does it cost to be heard?

    python -m benchmarks.takeover --kills 12

Real processes on a real PostgreSQL and a real Redis, all on this machine. Their model says the time
at which it says each word, so that a watcher of either process knows how old a word is when it
comes; updates are merged, as for everybody, which is part of that.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median, quantiles

from benchmarks.figures import add_json, table, write_json
from benchmarks.figures import load as machine
from rebuttal.events import DebateFinished, TurnDelta
from rebuttal.records import Turn
from tests.neighbour import Neighbour, neighbour
from tests.postgres import Postgres, find_programs
from tests.redis_server import RedisServer

ON_ITS_WAY = 1.0
"""Seconds for which words of a killed process may still arrive."""
WORDS = 40
ROUNDS = 2
SECONDS = 20
"""For which the processor's time is measured."""
TOGETHER = 8
PROCESSES = ("its own process", "another")


async def kills(folder: Path, addresses: Mapping[str, str], count: int) -> list[float]:
    """Seconds from each kill to the next word; raises where a turn is lost or said twice."""
    seconds = []
    async with AsyncExitStack() as stack:

        async def begin(number: int) -> Neighbour:
            process = neighbour(folder / str(number), addresses, WORDS, UNWATCHED_AFTER="600")
            return await stack.enter_async_context(process)

        one, other = await begin(0), await begin(1)
        for number in range(count):
            debate_id = await one.start(ROUNDS)
            await other.watch(debate_id)
            await other.hears(debate_id, TurnDelta)
            await asyncio.sleep(random.uniform(0, 5))
            kept = await one.transcript(debate_id)
            killed = await one.kill()
            heard = await other.hears(debate_id, TurnDelta, 20, after=killed + ON_ITS_WAY)
            seconds.append(heard - killed)
            one, other = other, await begin(number + 2)
            await one.hears(debate_id, DebateFinished, 60)
            check(kept, await one.transcript(debate_id))
    return seconds


def check(kept: Sequence[Turn], turns: Sequence[Turn]) -> None:
    """Raises unless everything kept is there and every owed turn once."""
    spoken = [turn.speaker for turn in turns if not turn.from_user]
    if list(turns[: len(kept)]) != list(kept) or spoken != ["seat1", "seat2"] * ROUNDS:
        raise SystemExit(f"a kill did harm: {spoken}")


async def ages(folder: Path, addresses: Mapping[str, str]) -> dict[str, list[float]]:
    """Milliseconds that each word is old when a watcher at each process has it."""
    async with two(folder, addresses) as (one, other):
        debate_id = await one.start(5)
        for watcher in (one, other):
            await watcher.watch(debate_id)
        for watcher in (one, other):
            await watcher.hears(debate_id, DebateFinished, 60)
        return dict(zip(PROCESSES, (_ages(one), _ages(other)), strict=True))


def _ages(watcher: Neighbour) -> list[float]:
    (news,) = watcher.news.values()
    return [
        at * 1000 - int(word.partition("-")[2].strip(".")) / 1000
        for at, event in news
        if isinstance(event, TurnDelta)
        for word in event.text.split()
    ]


async def load(folder: Path, addresses: Mapping[str, str]) -> float:
    """Share of a core that a process takes for TOGETHER debates, twenty words a second each."""
    async with AsyncExitStack() as stack:
        process = neighbour(folder, addresses, 400, UNWATCHED_AFTER="600")
        one = await stack.enter_async_context(process)
        for _ in range(TOGETHER):
            await one.start(2)
        await asyncio.sleep(2)
        before = await one.ask("cpu")
        await asyncio.sleep(SECONDS)
        used: float = await one.ask("cpu") - before
        return used / SECONDS


@asynccontextmanager
async def two(
    folder: Path, addresses: Mapping[str, str]
) -> AsyncIterator[tuple[Neighbour, Neighbour]]:
    async with (
        neighbour(folder / "one", addresses, WORDS) as one,
        neighbour(folder / "other", addresses, WORDS) as other,
    ):
        yield one, other


@contextmanager
def servers() -> Iterator[tuple[Postgres, RedisServer]]:
    """PostgreSQL and Redis."""
    programs, redis = find_programs(), shutil.which("redis-server")
    if programs is None or redis is None:
        raise SystemExit("needs PostgreSQL's and Redis's server programs")
    with (
        tempfile.TemporaryDirectory(prefix="pg") as one,
        tempfile.TemporaryDirectory(prefix="redis") as other,
    ):
        postgres, server = Postgres(programs, Path(one)), RedisServer(redis, Path(other))
        postgres.start()
        server.start()
        try:
            yield postgres, server
        finally:
            server.kill()
            postgres.stop()


async def measure(folder: Path, addresses: Mapping[str, str], count: int) -> dict[str, list[float]]:
    """All of it, by what it is."""
    told = {**addresses, "redis": ""}
    return {
        "takeovers": await kills(folder / "kills", addresses, count),
        **await ages(folder / "ages", addresses),
        "load": [await load(folder / "bus", addresses), await load(folder / "alone", told)],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=12)
    add_json(parser)
    args = parser.parse_args(arguments)
    before = machine()
    with servers() as (postgres, redis), tempfile.TemporaryDirectory() as folder:
        addresses = {"database": postgres.new_database(), "redis": redis.new_database()}
        found = asyncio.run(measure(Path(folder), addresses, args.kills))
    print(f"{before}, then {machine()}")
    taken = [f"{pick(found['takeovers']):.1f} s" for pick in (min, median, max)]
    head = ("least", "median", "most")
    print(table(f"{args.kills} kills, to the next word", head, [("taken over", *taken)]))
    rows = [(f"watched at {name}", *_shown(found[name])) for name in PROCESSES]
    print(table("How old a word is when a watcher has it", ("p50", "p95"), rows))
    bus, alone = found["load"]
    cost = f"{(bus - alone) / TOGETHER * 100:.2f} %"
    row = ("", f"{bus * 100:.1f} %", f"{alone * 100:.1f} %", cost)
    print(table(f"{TOGETHER} debates, of a core", ("with Redis", "without", "each"), [row]))
    write_json(args.json, found)


def _shown(milliseconds: Sequence[float]) -> tuple[str, str]:
    cuts = quantiles(milliseconds, n=20)
    return f"{median(milliseconds):.0f} ms", f"{cuts[-1]:.0f} ms"


if __name__ == "__main__":
    main()

"""How long do whole histories take, out and in, and how much memory?

    python -m benchmarks.import_ --debates 1000 10000

Each debate has 20 turns of about 400 signs on three branches, and its words are drawn from a
thousand. Import and export each run in a process of their own, with a new SQLite file. ``stall`` is
the longest time for which nothing else could be done meanwhile: a task that wants to wake every
10 ms measures it.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from zipfile import ZipFile

from benchmarks.figures import add_json, load, table, write_json
from rebuttal.app import DebateApp
from rebuttal.export.history import HistoryZip
from rebuttal.records import USER, Debate, Debater, Persona, Timings, Turn, Usage
from rebuttal.settings import load_settings

TURNS = 20
WORDS = 60
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Took:
    """Seconds, the longest stall of the event loop in seconds, peak memory in MiB."""

    seconds: float
    stall: float
    memory: float
    before: float
    """Memory in MiB when it began."""


def a_debate(number: int, chance: random.Random) -> tuple[Debate, list[Turn]]:
    """The debate of that number, with its tree."""
    words = [f"w{index}" for index in range(1000)]

    def text() -> str:
        return " ".join(chance.choices(words, k=WORDS)).capitalize() + "."

    moment = START + timedelta(minutes=number)
    turns = [
        Turn(id="t0", parent_id=None, speaker=USER, text=text(), rounds=9, created_at=moment),
        *(
            Turn(
                id=f"t{at}",
                # Two answers were asked for again: the line goes on behind the second.
                parent_id=f"t{at - 2 if at in (8, 15) else at - 1}",
                speaker="ab"[at % 2],
                text=text(),
                model="SmolLM2 | built in",
                persona="cynic",
                usage=Usage(prompt_tokens=500, completion_tokens=90),
                timings=Timings(first_token=0.2, total=2.0),
                created_at=moment + timedelta(seconds=at),
            )
            for at in range(1, TURNS)
        ),
    ]
    persona = Persona(key="cynic", name="Cynic", instructions="Doubt. " * 20)
    seats = tuple(
        Debater(seat=seat, name=f"Cynic {seat}", persona=persona, model="SmolLM2 | built in")
        for seat in "ab"
    )
    debate = Debate(
        id=f"d{number}",
        topic=turns[0].text,
        debaters=seats,
        rounds=9,
        tip=turns[-1].id,
        created_at=moment,
    )
    return debate, turns


def write_history(file: Path, debates: int) -> int:
    """A zip of so many debates; the bytes that an import unpacks of it."""
    chance, zipped = random.Random(7), HistoryZip()
    with file.open("wb") as out:
        for number in range(debates):
            out.write(zipped.add(*a_debate(number, chance)))
        out.write(zipped.close())
    with ZipFile(file) as archive:
        return sum(e.file_size for e in archive.infolist() if e.filename.endswith(".json"))


@asynccontextmanager
async def stalls() -> AsyncIterator[list[float]]:
    """The longest time between two wakings beyond 10 ms, as the one item of the list."""
    longest = [0.0]

    async def tick() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.01)
            longest[0] = max(longest[0], time.perf_counter() - began - 0.01)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    yield longest
    ticking.cancel()


async def _measured(folder: Path, work: Callable[[DebateApp], Awaitable[object]]) -> Took:
    settings = load_settings(data=folder, cache=folder, offline=True, max_import_kib=1_048_576)
    async with DebateApp(settings) as app:
        await app.debates(1)  # the store is open
        before = _memory()
        async with stalls() as longest:
            began = time.perf_counter()
            await work(app)
            seconds = time.perf_counter() - began
    return Took(seconds, longest[0], _memory(), before)


def _memory() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def take_in(folder: Path, file: Path) -> Took:
    """Import it."""
    return asyncio.run(_measured(folder, lambda app: app.files.import_(file)))


def write_out(folder: Path, file: Path) -> Took:
    """Export everything."""

    async def export(app: DebateApp) -> None:
        with file.open("wb") as out:
            async for piece in app.files.export_all():
                out.write(piece)

    return asyncio.run(_measured(folder, export))


def alone(work: Callable[[Path, Path], Took], folder: Path, file: Path) -> Took:
    """The work in a process of its own, so that its memory is only its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(work, folder, file).result()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--debates", type=int, nargs="+", default=(1000, 10_000))
    add_json(parser)
    args = parser.parse_args(arguments)
    before, rows, figures = load(), [], {}
    for debates in args.debates:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            unpacked = write_history(folder / "in.zip", debates)
            sizes = f"{(folder / 'in.zip').stat().st_size / 2**20:.1f}", f"{unpacked / 2**20:.0f}"
            took = {
                "import": alone(take_in, folder / "data", folder / "in.zip"),
                "export": alone(write_out, folder / "data", folder / "out.zip"),
            }
        figures[debates] = {way: asdict(one) for way, one in took.items()}
        rows += [
            (
                f"{way} {debates:,}",
                *sizes,
                f"{one.seconds:.1f}",
                f"{one.stall * 1000:.0f}",
                f"{one.before:.0f}",
                f"{one.memory:.0f}",
            )
            for way, one in took.items()
        ]
    head = ("zip, MiB", "JSON, MiB", "seconds", "stall, ms", "MiB before", "MiB at most")
    print(table(f"Histories of {TURNS} turns a debate; {before}, then {load()}", head, rows))
    write_json(args.json, figures)


if __name__ == "__main__":
    main()

"""What does counting cost? Reserve and settle of one turn, and a thousand starts at once.

    python -m benchmarks.budget --turns 300 --starts 1000

On SQLite, and on a PostgreSQL server of our own where its programs are installed. A visitor's turn
pays out of four purses: the debate's, the visitor's, the network's and everybody's.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.figures import add_json, load, table, write_json
from rebuttal.app import DebateApp
from rebuttal.budget import Budget
from rebuttal.errors import BudgetSpent, Busy
from rebuttal.providers.scripted import Line, ScriptedModel
from rebuttal.records import Seat, Visitor
from rebuttal.settings import BY_PROFILE, Settings
from rebuttal.stores.base import Cost
from rebuttal.stores.sql import SqlStore
from tests.postgres import Postgres, find_programs

COST, SETTLED = Cost(900, 1_500_000), Cost(300, 500_000)
FITTING = 137
"""How many of the parallel reservations the budget is large enough for."""


def visitor(number: int) -> Visitor:
    return Visitor(owner=f"c:{number}", network=f"203.0.113.{number}")


async def turns(address: str, count: int) -> list[float]:
    """Seconds of reserve and settle, one turn after the other."""
    measured = []
    async with SqlStore.open(address) as store:
        budget = Budget(_settings(), lambda: store.ledger)
        for _ in range(count + 1):
            began = time.perf_counter()
            held = await budget.reserve(visitor(0), "debate", COST)
            await budget.settle(held, SETTLED)
            measured.append(time.perf_counter() - began)
    return measured[1:]  # the first asks for the day's secret


async def reservations(address: str, count: int) -> tuple[float, int]:
    """Seconds for all of them at once, and how many went through."""

    async def reserve(budget: Budget, number: int) -> bool:
        try:
            await budget.reserve(visitor(number), f"debate{number}", COST)
        except BudgetSpent:
            return False
        return True

    async with SqlStore.open(address) as store:
        settings = _settings(tokens_per_day=FITTING * COST.tokens + COST.tokens - 1)
        budget = Budget(settings, lambda: store.ledger)
        began = time.perf_counter()
        granted = await asyncio.gather(*(reserve(budget, number) for number in range(count)))
        return time.perf_counter() - began, sum(granted)


async def starts(address: str, count: int, **places: int) -> tuple[float, float, int]:
    """Seconds for all at once, of the slowest refusal, and how many began."""
    refusals = []

    async def start(app: DebateApp, number: int) -> bool:
        began = time.perf_counter()
        try:
            seat = Seat(persona="cynic", model="Silent")
            await app.start("Is tea better than coffee?", [seat], visitor=visitor(number))
        except Busy:
            refusals.append(time.perf_counter() - began)
            return False
        return True

    settings = _settings(database=address, **places)
    silent = ScriptedModel([Line("word", next="silence")], repeat=True)
    async with DebateApp(settings, chat_models={"Silent": silent}) as app:
        await app.debates()
        began = time.perf_counter()
        begun = await asyncio.gather(*(start(app, number) for number in range(count)))
        return time.perf_counter() - began, max(refusals, default=0.0), sum(begun)


def _settings(**chosen: object) -> Settings:
    """Every budget there is, too large to matter but for those given."""
    wide = {name: 10**9 for name in BY_PROFILE if name.startswith(("money_", "tokens_"))}
    return Settings.model_validate({"profile": "public", **wide, **chosen})


@contextmanager
def databases() -> Iterator[dict[str, list[str]]]:
    """Four empty databases of each kind there is, by its name."""
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        found = {"SQLite": [f"sqlite:///{Path(folder) / f'{n}.sqlite'}" for n in range(4)]}
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
            yield {**found, "PostgreSQL": [server.new_database() for _ in range(4)]}
        finally:
            server.stop()


async def measure(addresses: Sequence[str], count: int, many: int) -> dict[str, object]:
    """Every figure of one database."""
    flood, granted = await reservations(addresses[1], many)
    some, slowest, begun = await starts(addresses[2], many)
    everyone, _, _ = await starts(addresses[3], many, running=many)
    return {
        "turn": await turns(addresses[0], count),
        "reservations": flood,
        "granted": granted,
        "starts": some,
        "slowest refusal": slowest,
        "begun": begun,
        "starts without caps": everyone,
    }


def _row(name: str, figures: dict[str, object]) -> list[str]:
    turn = figures["turn"]
    assert isinstance(turn, list)
    return [
        name,
        f"{1000 * median(turn):.1f}",
        f"{1000 * max(turn):.1f}",
        f"{figures['reservations']:.2f} ({figures['granted']})",
        f"{figures['starts']:.2f} ({figures['begun']})",
        f"{figures['slowest refusal']:.2f}",
        f"{figures['starts without caps']:.2f}",
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--turns", type=int, default=300, help="turns, one after the other")
    parser.add_argument("--starts", type=int, default=1000, help="starts at once")
    add_json(parser)
    args = parser.parse_args(arguments)
    before = load()
    with databases() as found:
        figures = {
            name: asyncio.run(measure(addresses, args.turns, args.starts))
            for name, addresses in found.items()
        }
    title = f"Counting: a turn in ms, {args.starts} at once in s; {before}, then {load()}"
    head = ("turn", "worst", "reservations", "starts", "slowest refusal", "starts, no caps")
    print(table(title, head, [_row(name, one) for name, one in figures.items()]))
    write_json(args.json, figures)


if __name__ == "__main__":
    main()

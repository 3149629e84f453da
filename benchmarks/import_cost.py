"""What the packages cost that the page imports: until it is served, and after, to first words.

    python -m benchmarks.import_cost --runs 3        (about 40 seconds)

``python -X importtime`` of ``debate_app.py`` and of a bare Gradio page, with Python's bytecode
written before. The time of each module without those that it imports, summed by package: who is
imported first by another is no dearer for it. ``-X importtime`` itself slows imports down a little.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import IO

from benchmarks.figures import add_json, load, table, write_json
from benchmarks.started import (
    bare_page,
    environment,
    free_port,
    our_page,
    seconds_to_words,
    served,
)

LINE = re.compile(rb"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", re.MULTILINE)
"""Microseconds of the module itself, of it with all it imports, and its name."""
SHOWN = 16
STANDARD = "Python's own"


@dataclass
class Cost:
    """Milliseconds of one package, a figure for each run, and its modules in the last."""

    served: list[float]
    """Until our page is served."""
    words: list[float]
    """From then until the first words of a debate."""
    bare: list[float]
    """Until a bare page is served."""
    modules: int = 0

    @property
    def ours(self) -> float:
        """Until our first words."""
        return median(self.served) + median(self.words)


def packages(told: bytes) -> tuple[dict[str, float], Counter[str]]:
    """Milliseconds and modules by package, from what -X importtime wrote."""
    cost: dict[str, float] = defaultdict(float)
    modules: Counter[str] = Counter()
    for microseconds, name in LINE.findall(told):
        package = name.decode().split(".")[0]
        package = STANDARD if package in sys.stdlib_module_names else package
        cost[package] += int(microseconds) / 1000
        modules[package] += 1
    return cost, modules


def measure(folder: Path, runs: int) -> dict[str, Cost]:
    """By package, the dearest first; one more run, which writes the bytecode, does not count."""
    env = environment(folder, "warm")
    runs_told = [_run(folder, env) for _ in range(runs + 1)][1:]
    parted = [[packages(part) for part in told] for told in runs_told]
    names = {name for run in parted for cost, _ in run for name in cost}
    costs = {}
    for name in names:
        until, later, bare = ([run[part][0].get(name, 0.0) for run in parted] for part in range(3))
        modules = sum(counted[name] for _, counted in parted[-1][:2])
        costs[name] = Cost(until, later, bare, modules)
    return dict(sorted(costs.items(), key=lambda item: -item[1].ours))


def _run(folder: Path, env: dict[str, str]) -> tuple[bytes, bytes, bytes]:
    """What was written until the page was served, then until words came, and by the bare page."""
    port, told = free_port(), ("-X", "importtime")
    with (
        tempfile.TemporaryFile() as said,
        served((*told, *our_page(folder, port)), port, env, said),
    ):
        until_served = _read(said)
        seconds_to_words(port)
        later = _read(said)[len(until_served) :]
    port = free_port()
    with (
        tempfile.TemporaryFile() as said,
        served((*told, *bare_page(folder, port)), port, env, said),
    ):
        return until_served, later, _read(said)


def _read(said: IO[bytes]) -> bytes:
    """All of it, without moving where the program writes, which shares the place in the file."""
    return os.pread(said.fileno(), os.fstat(said.fileno()).st_size, 0)


def rows(costs: dict[str, Cost]) -> list[tuple[str, ...]]:
    """The dearest packages, all others in one line, and the sum."""
    everything = [*costs.items()]
    shown = [(name, [cost]) for name, cost in everything[:SHOWN]]
    shown.append((f"{len(everything[SHOWN:])} others", [cost for _, cost in everything[SHOWN:]]))
    shown.append(("all", [*costs.values()]))
    return [
        (
            name,
            f"{sum(median(cost.served) for cost in some):.0f}",
            f"{sum(median(cost.bare) for cost in some):.0f}",
            f"{sum(median(cost.words) for cost in some):.0f}",
            f"{sum(cost.modules for cost in some)}",
        )
        for name, some in shown
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=3, help="starts of each side")
    add_json(parser)
    args = parser.parse_args(arguments)
    before = load()
    with tempfile.TemporaryDirectory() as folder:
        costs = measure(Path(folder), args.runs)
    title = f"Milliseconds of imports, medians of {args.runs}; {before}, then {load()}"
    head = ("until served", "bare page", "to first words", "modules")
    print(table(title, head, rows(costs)))
    write_json(args.json, {name: asdict(cost) for name, cost in costs.items()})


if __name__ == "__main__":
    main()

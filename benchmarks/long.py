"""A debate of 200 turns, and an hour under a crowd with an endpoint that fails.

    python -m benchmarks.long --turns 200 --minutes 60

**Turns.** Two seats speak 100 rounds in the real app, a process of its own, behind a scripted
endpoint that answers at once with three sentences: what is measured is ours. Of each turn: the time
from the end of the one before it to its own end, the size of its view, and how much of the view is
new, behind the longest beginning that it shares with an earlier view of its seat (which a server
with a prompt cache need not read again), in characters. Of the first and the last ten turns also
what it takes to read the debate over HTTP.

**Minutes.** Two apps for so long at once, both with eight or so visitors who begin, hear, stop,
pause, branch, edit and delete debates, listeners that come, sleep and go, sockets and a program;
the second one has tabs of the page as well. Their endpoints fail a quarter of all answers, in 36
ways and by a seed, and are gone now and then. Every ten seconds it is counted what each process
holds; ``--rests`` times all visitors leave for ``--rest`` seconds, after which only what was left
behind is there. Slopes are least squares, after the first tenth.

It takes the minutes, and one or two more for the turns. The log goes to stderr as it runs.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import add_json, load, table, write_json
from benchmarks.long_debate import Spoken, debate
from benchmarks.long_run import CROWDS, HELD, Watched, run, slope

WARM = 0.1
"""The share of a run in which caches fill and pools grow."""
UNITS = {"memory": "memory, MiB", "blocks": "blocks of Python's, thousands"}


def turn_rows(spoken: Spoken) -> list[tuple[str, ...]]:
    """A row for each figure, a column for each tenth of the debate that is shown."""
    parts = spoken.parts()
    names = ("ms a turn", "view, characters", "new in it", "ms to read it", "KiB read")
    return [(name, *(f"{part[name]:,.1f}" for part in parts)) for name in names]


def held_rows(app: Watched, minutes: float) -> list[tuple[str, ...]]:
    """A row for each thing that a process holds."""
    warm = [one for one in app.samples if one["minute"] >= WARM * minutes] or app.samples
    rested = app.rests
    rows: list[tuple[str, ...]] = []
    for name in HELD:
        scale = 1000 if name == "blocks" else 1
        values = [one[name] / scale for one in warm]
        rests = [one[name] / scale for one in rested]
        digits = 1 if name == "memory" else 0
        figures = (values[0], values[-1], max(values), slope(warm, name) / scale)
        told = [f"{value:.{digits}f}" for value in figures]
        at_rest = [f"{value:.{digits}f}" for value in (rests[0], rests[-1])]
        rows.append((UNITS.get(name, name), *told, *at_rest, f"{slope(rested, name) / scale:+.1f}"))
    return rows


def figures_of(app: Watched) -> dict[str, Any]:
    """What is kept of it."""
    return {
        "samples": app.samples,
        "rests": app.rests,
        "tasks": [kinds["tasks"] for kinds in app.kinds],
        "done": dict(app.crowd.done.most_common()),
        "log": app.log.read_text("utf-8").splitlines()[-40:],
    }


async def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Both halves, printed as they end."""
    figures: dict[str, Any] = {}
    if args.turns:
        spoken = await debate(folder, args.turns)
        title = f"A debate of {len(spoken.turns)} turns; {load()}"
        parts = [part["turns"] for part in spoken.parts()]
        print(table(title, parts, turn_rows(spoken)), end="\n\n", flush=True)
        figures["debate"] = spoken.figures()
    if args.minutes:
        before = load()
        apps = await run(folder, args.apps, args.minutes, args.rests, args.rest, args.seed)
        head = ("first", "last", "most", "an hour", "at rest: first", "last", "an hour")
        for app in apps:
            asked = sum(app.crowd.done.values())
            title = f"{app.name}: {args.minutes:g} minutes, {asked} requests; {before}, {load()}"
            print(table(title, head, held_rows(app, args.minutes)), end="\n\n")
        figures["run"] = {app.name: figures_of(app) for app in apps}
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--turns", type=int, default=200, help="0: no long debate")
    parser.add_argument("--minutes", type=float, default=60, help="0: no run")
    parser.add_argument("--apps", nargs="+", choices=CROWDS, default=[*CROWDS])
    parser.add_argument("--rests", type=int, default=12)
    parser.add_argument("--rest", type=float, default=20, help="seconds")
    parser.add_argument("--seed", type=int, default=7)
    add_json(parser)
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(args, Path(folder)))
    write_json(args.json, figures)


if __name__ == "__main__":
    main()

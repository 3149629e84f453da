"""How many debates the page can show at once, and how old a word is when a watcher has it.

    python -m benchmarks.crowd --counts 1 10 50 100 200 --seconds 20

Each debate has two seats that speak in turn, 200 tokens a turn at 50 a second, from an endpoint
that is a process of its own and keeps its pace whoever listens. Each seventh token says when it
was sent. The watchers, again a process of their own, read what a browser would: Gradio's queue with
both listeners of the page (``page``), or the server-sent events of the interface for programs
(``events``). ``default`` and ``tuned`` are a bare Gradio page with a debate of the same kind
(benchmarks.crowd_bare). Then a thousand watch one debate over server-sent events.

Rebuttal is started as a user starts it; settings only lift the number of debates, tabs and
connections, and the rounds of one debate. *Delivered* are tokens that watchers got within the
window, of those that the endpoint sends in that time where nothing keeps it waiting: what a debate
takes between two turns counts as missing. Updates come some sixteen times a second, so that lag is
about 30 ms at the median and 60 ms at p95 where nothing else adds to it.

Takes, for each count and way, the seconds of the window and about 25 more: with five counts
16 minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.crowd_watchers import PACE
from benchmarks.crowd_ways import LABEL, Way
from benchmarks.figures import add_json, load, table, write_json
from benchmarks.paced import MODEL
from rebuttal.settings import HOME

WARM = 5.0
"""Seconds that everything runs before it counts."""
COMING = 12.0
"""Seconds over which the watchers come, each with a debate of its own: three turns."""
ONE_DEBATE = "one debate"
CATALOG = """\
endpoints:
  Stage: {{address: "{address}", needs_key: false, lists_models: false}}
models:
  {label}: {{endpoint: Stage, model: {model}, context: 8192, max_tokens: {turn}}}
"""
WAYS: dict[str, Way] = {"page": "page", "events": "events", "tuned": "bare", "default": "bare"}


@dataclass(frozen=True)
class Scene:
    """What is measured, and for how long."""

    way: str
    debates: int
    watchers: int
    seconds: float
    warm: float = WARM
    coming: float = COMING
    turn: int = 200


def measure(scene: Scene) -> dict[str, Any]:
    """One line of the table."""
    with (
        tempfile.TemporaryDirectory() as folder,
        _process("benchmarks.beat", str(PACE), str(scene.turn)) as endpoint,
        _served(scene, endpoint[0], Path(folder)) as app,
    ):
        task = {
            "way": WAYS[scene.way],
            "server": app[0],
            "watchers": scene.watchers,
            "same": scene.debates < scene.watchers,
            "every": scene.coming / scene.watchers,
            "warm": scene.warm,
            "seconds": scene.seconds,
            "processes": {"app": app[1], "endpoint": endpoint[1]},
        }
        words = [sys.executable, "-m", "benchmarks.crowd_watchers", json.dumps(task)]
        done = subprocess.run(words, cwd=HOME, stdout=subprocess.PIPE, text=True, check=True)
    return {"debates": scene.debates, "watchers": scene.watchers, **json.loads(done.stdout)}


@contextmanager
def _served(scene: Scene, endpoint: str, folder: Path) -> Iterator[tuple[str, int]]:
    if WAYS[scene.way] == "bare":
        places = [str(scene.debates)] if scene.way == "tuned" else []
        with _process("benchmarks.crowd_bare", endpoint, *places) as served:
            yield served
        return
    models = folder / "models.yaml"
    catalog = CATALOG.format(address=endpoint, label=LABEL, model=MODEL, turn=scene.turn)
    models.write_text(catalog, "utf-8")
    lifted = {
        "REBUTTAL_RUNNING": str(scene.debates),
        "REBUTTAL_MAX_ROUNDS": "100",
        "REBUTTAL_SESSIONS_PER_NETWORK": "none",
        "REBUTTAL_CONNECTIONS_PER_NETWORK": "none",
        "REBUTTAL_STREAMS": "1500",
        "REBUTTAL_OFFLINE": "true",
    }
    words = ["--models", str(models), "--data", str(folder / "data")]
    with _process("debate_app", *words, **lifted) as (said, pid):
        yield said.split("at ")[1].split()[0].rstrip("/"), pid


@contextmanager
def _process(module: str, *words: str, **env: str) -> Iterator[tuple[str, int]]:
    """Run a module; its first line and its process id."""
    command = [sys.executable, "-m", module, *words]
    with subprocess.Popen(
        command, cwd=HOME, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.terminate()


def rows(figures: dict[str, list[dict[str, Any]]]) -> list[tuple[str, ...]]:
    """A line for each way and number of debates."""
    lines = []
    for way, measured in figures.items():
        for one in measured:
            cores = one["cores"]
            each = (one["memory"] - one["before"]) / one["watchers"]
            lines.append(
                (
                    way,
                    str(one["debates"]),
                    str(one["watchers"]),
                    f"{one['delivered']:.1%}",
                    f"{one['worst']:.1%}",
                    str(one["left"]),
                    *("-" if one[name] is None else f"{one[name]:.0f}" for name in ("p50", "p95")),
                    *(f"{cores[name]:.0%}" for name in ("app", "endpoint", "watchers")),
                    f"{one['memory']:.0f}",
                    f"{each:.2f}",
                )
            )
    return lines


HEAD = (
    "debates",
    "watchers",
    "delivered",
    "least",
    "open",
    "lag p50, ms",
    "p95",
    "core: app",
    "endpoint",
    "watchers",
    "MiB",
    "a watcher",
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--counts", type=int, nargs="*", default=[1, 10, 50, 100, 200])
    parser.add_argument("--seconds", type=float, default=20.0, help="what counts of each")
    parser.add_argument("--warm", type=float, default=WARM, help="what does not")
    parser.add_argument("--coming", type=float, default=COMING, help="until all have come")
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS))
    parser.add_argument("--audience", type=int, default=1000, help="watchers of one debate, or 0")
    add_json(parser)
    args = parser.parse_args(arguments)
    before = load()
    times = (args.seconds, args.warm, args.coming)
    figures: dict[str, list[dict[str, Any]]] = {}
    for way in args.ways:
        scenes = [Scene(way, count, count, *times) for count in args.counts]
        figures[way] = [measure(scene) for scene in scenes]
    if args.audience:
        scene = Scene("events", 1, args.audience, *times)
        figures[ONE_DEBATE] = [measure(scene)]
    title = f"{PACE} tokens a second each, {args.seconds:g} s; {before}, then {load()}"
    print(table(title, HEAD, rows(figures)))
    write_json(args.json, figures)


if __name__ == "__main__":
    main()

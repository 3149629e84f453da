"""What Rebuttal adds to a debate: prompt tokens beyond the least possible, and wall time.

    python -m benchmarks.overhead --model SmolLM2 --pairs 5

**Prompt tokens.** The debate is played through DebateApp and every request is written down. What
the server evaluated (its ``prompt_n``) is held against the least possible: each token of a seat's
view once. A token is new where the view leaves the longest beginning that it shares with any
earlier view of that seat; a whole history therefore counts as its last view, and a short one
(``history: last``) as its first view and what each later one has behind the shared beginning.
The stricter line also takes a seat's own answers as known, which it generated rather than read.

**Wall time.** ``rebuttal debate --json`` as a process of its own, in turn with the same requests
sent by a bare ``openai`` client in a loop to a fresh llama.cpp server of the same settings. Each
request may take as many tokens as it took in the debate. Both are measured from the first token of
the first turn, when everything has started, until the last turn is there: the app's as a line of
JSON. ``with loading`` begins earlier, when the first turn is announced and the model loads. On a
machine that is not quiet, the fastest of each side says more than the median of the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bare_client import ask_all, serving, tokens_of
from benchmarks.figures import add_json, load, ratio, table, write_json
from benchmarks.recording import (
    PERSONAS,
    SEED,
    TOPIC,
    Request,
    catalog_settings,
    record,
)
from rebuttal.catalog import Catalog, load_catalog
from rebuttal.providers.base import Message
from rebuttal.settings import HOME, Settings, load_settings

Tokenize = Callable[[Sequence[Message], str], Awaitable[list[int]]]
"""The tokens of a prompt and what was answered to it so far."""


@dataclass(frozen=True)
class Tokens:
    """Tokens of all requests: generated, evaluated, and the least that could have been."""

    requests: int
    generated: int
    evaluated: int
    least: int
    least_answers_known: int


@dataclass(frozen=True)
class Wall:
    """Seconds of one debate: from the first token, with loading, and of the whole process."""

    after_start: float
    with_loading: float
    whole: float
    texts: tuple[str, ...]
    tokens: int | None = None
    """Generated, where every request is seen; the app's lines tell only of finished turns."""


async def count_tokens(requests: Sequence[Request], tokenize: Tokenize) -> Tokens:
    """Hold what was evaluated against the least possible, seat by seat."""
    views: dict[str, list[list[int]]] = defaultdict(list)
    answered: dict[str, list[list[int]]] = defaultdict(list)
    least = least_answers_known = 0
    for request in requests:
        view = await tokenize(request.messages, "")
        least += _new(view, views[request.seat])
        least_answers_known += _new(view, answered[request.seat])
        views[request.seat].append(view)
        answered[request.seat].append(await tokenize(request.messages, request.text))
    evaluated = sum(request.usage.evaluated_tokens or 0 for request in requests)
    generated = sum(request.usage.completion_tokens or 0 for request in requests)
    return Tokens(len(requests), generated, evaluated, least, least_answers_known)


def _new(view: Sequence[int], known: Sequence[Sequence[int]]) -> int:
    """Tokens behind the longest beginning shared with one of ``known``; at least the last one."""
    shared = max((_shared(view, other) for other in known), default=0)
    return len(view) - min(shared, len(view) - 1)


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return min(len(one), len(other))


def app_wall(settings: Settings, label: str, rounds: int) -> Wall:
    """Play the debate with ``rebuttal debate --json`` as a process."""
    seats = [word for persona in PERSONAS for word in ("--seat", f"{persona}:{label}")]
    with tempfile.TemporaryDirectory() as data:
        words = ["debate", TOPIC, *seats, "--rounds", str(rounds), "--seed", str(SEED), "--json"]
        words += ["--models", str(settings.models), "--data", data]
        began = time.time()
        with subprocess.Popen(
            [sys.executable, "-m", "rebuttal", *words], cwd=HOME, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout
            lines = [(time.time(), json.loads(line)) for line in process.stdout]
        if process.returncode:
            raise RuntimeError(f"the debate ended with code {process.returncode}")
        whole = time.time() - began
    turns = [(at, line) for at, line in lines if line["kind"] == "turn_finished" and line["model"]]
    announced = next(at for at, line in lines if line["kind"] == "turn_started")
    ended = turns[-1][0]
    return Wall(
        after_start=ended - _first_token_at(turns[0][1]),
        with_loading=ended - announced,
        whole=whole,
        texts=tuple(line["text"] for _, line in turns),
    )


def _first_token_at(turn: dict[str, Any]) -> float:
    """When the turn's first token came, by the clock."""
    spoke = turn["timings"]["total"] - turn["timings"]["first_token"]
    return datetime.fromisoformat(turn["created_at"]).timestamp() - float(spoke)


async def bare_wall(
    settings: Settings, catalog: Catalog, label: str, requests: Sequence[Request]
) -> Wall:
    """The same requests by a bare client."""
    model = catalog.model(label)
    began = time.time()
    async with serving(settings, model) as server:
        spoken = await asyncio.to_thread(ask_all, server, catalog, model, requests)
    return Wall(
        after_start=spoken.ended_at - spoken.first_token_at,
        with_loading=spoken.ended_at - began,
        whole=time.time() - began,
        texts=spoken.texts,
        tokens=spoken.tokens,
    )


async def measure(args: argparse.Namespace, data: Path) -> tuple[Tokens, list[Wall], list[Wall]]:
    """Both halves: the prompt tokens, and the pairs of wall times, the app's first."""
    settings = load_settings(data=data, **catalog_settings(args.models))
    catalog = load_catalog(settings.models, settings.personas)
    requests, turns = await record(settings, args.model, args.rounds)
    async with serving(settings, catalog.model(args.model)) as server:
        tokens = await count_tokens(requests, partial(tokens_of, server))
    app: list[Wall] = []
    bare: list[Wall] = []
    for number in range(2 * args.pairs):
        # Ours, bare, bare, ours, ...: what drifts on the machine falls on both.
        if number % 4 in (0, 3):
            app.append(await asyncio.to_thread(app_wall, settings, args.model, args.rounds))
        else:
            bare.append(await bare_wall(settings, catalog, args.model, requests))
    if any(wall.texts != tuple(turn.text for turn in turns) for wall in app):
        print("The debates said different things; their wall times cannot be compared.")
    return tokens, app, bare


def prompt_rows(tokens: Tokens) -> list[tuple[str, ...]]:
    """A row for each least."""
    leasts = {
        "each token of a seat's view once": tokens.least,
        "the same, own answers known": tokens.least_answers_known,
    }
    return [
        (name, str(tokens.evaluated), str(least), f"{tokens.evaluated / least:.3f}")
        for name, least in leasts.items()
    ]


def wall_rows(app: Sequence[Wall], bare: Sequence[Wall], generated: int) -> list[tuple[str, ...]]:
    """A row for each stretch of time, and one for the tokens that both generated."""
    rows = []
    for name, stretch in (
        ("first token to last turn", "after_start"),
        ("with loading the model", "with_loading"),
    ):
        ours = [getattr(wall, stretch) for wall in app]
        theirs = [getattr(wall, stretch) for wall in bare]
        rows.append(_row(name, median(ours), median(theirs), ratio(ours, theirs)))
        rows.append(_row("  fastest of each side", min(ours), min(theirs)))
    rows.append(("whole process", f"{median(wall.whole for wall in app):.2f}", "-", "-"))
    by_bare = ", ".join(sorted({str(wall.tokens) for wall in bare}))
    return [*rows, ("tokens generated", str(generated), by_bare, "-")]


def _row(name: str, ours: float, theirs: float, ratio: float | None = None) -> tuple[str, ...]:
    return name, f"{ours:.2f}", f"{theirs:.2f}", f"{ratio or ours / theirs:.3f}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="SmolLM2", help="an embedded model of models.yaml")
    parser.add_argument("--models", type=Path, help="another models.yaml")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each of the two seats")
    parser.add_argument("--pairs", type=int, default=5, help="debates of each side; 0: no times")
    add_json(parser)
    args = parser.parse_args(arguments)
    before = load()
    with tempfile.TemporaryDirectory() as data:
        tokens, app, bare = asyncio.run(measure(args, Path(data)))
    debate = f"{2 * args.rounds} turns of 2 seats on {args.model}, {tokens.requests} requests"
    print(table(f"Prompt tokens, {debate}", ("evaluated", "least", "ratio"), prompt_rows(tokens)))
    if args.pairs:
        title = f"\nSeconds, medians of {args.pairs} pairs; {before}, then {load()}"
        rows = wall_rows(app, bare, tokens.generated)
        print(table(title, ("rebuttal debate", "bare client", "ratio"), rows))
    sides = {"app": [asdict(wall) for wall in app], "bare": [asdict(wall) for wall in bare]}
    write_json(args.json, {"tokens": asdict(tokens), **sides})


if __name__ == "__main__":
    main()

"""A long transcript in Chromium while the next turn is spoken at 200 tokens a second.

    python -m benchmarks.browser

The real app and the scripted endpoint (``benchmarks.paced``) are processes; a debate of which so
many turns but the last have been said is opened in Chromium and resumed. Beside it, in turn and in
the same run, a bare Gradio page (``benchmarks.bare_page``) with as many messages in one chatbot.

*Ends* is from the moment at which the server-sent events of the same debate told that it was over
until the page did, with the last word in the document; for the bare page, which has no such events,
from the endpoint's last token. *Lag* is the age of a word when it first stands in the document,
counted from its token's sending. *Busy* is the share of the streaming that the main thread spent in
tasks, *processor* that in which it also had a processor, *longest* the longest task. *Phone* is 390
pixels wide with the processor slowed down four times. Three minutes for three runs; ``--runs 1
--seconds 2`` takes one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import httpx
from httpx_sse import aconnect_sse

from benchmarks.asked import LABEL, Place
from benchmarks.figures import add_json, load, table, write_json
from benchmarks.paced import words_of
from benchmarks.process import chromium, running
from benchmarks.surfaces import staged
from benchmarks.watched import Seen, Shape, opened, watch
from rebuttal.app import DebateApp
from rebuttal.document import json_of
from rebuttal.records import USER, Debate, Debater, Turn, new_id, now
from rebuttal.settings import load_settings

RATE = 200
"""Tokens a second."""
FIRST = 0.5
"""Seconds until the first one."""
OURS = Shape(
    "Resume",
    ".live .speaking .words",
    ".live .words, .settled .last .words",
    (".status-line", "is over."),
)
QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
BARE = Shape("Go on", "[data-testid=bot]")


@dataclass(frozen=True)
class Case:
    """One page with one transcript. ``every``: seconds between updates of the bare page."""

    name: str
    turns: int
    every: float | None = None
    phone: bool = False


CASES = (
    Case("20 turns", 20),
    Case("100 turns", 100),
    Case("200 turns", 200),
    Case("100 turns, phone", 100, phone=True),
    Case("bare, 100 messages, merged to 10/s", 100, every=0.1),
    Case("bare, 100 messages, every token", 100, every=0.0),
)


@dataclass(frozen=True)
class Sample:
    """One answer, as it was sent and as it was seen."""

    sent: list[float]
    told: float
    """When the server told that it was over."""
    seen: Seen

    def lags(self, letters: Sequence[int]) -> list[float]:
        """Of every token, ``letters`` being how long the answer is with it."""
        found, known = [], 0
        for at, length in self.seen.shown:
            there = bisect_left(letters, length + 1)
            found += [at - sent for sent in self.sent[known:there]]
            known = max(known, there)
        return found


def speech(random: Random) -> str:
    """A turn of about 80 words in four sentences, unlike any other."""
    words = sorted({word.strip(".").lower() for word in words_of(45)})
    sentences = (" ".join(random.choices(words, k=20)).capitalize() for _ in range(4))
    return ". ".join(sentences) + "."


def unfinished(app: DebateApp, turns: int) -> tuple[Debate, list[Turn]]:
    """A debate of two that has so many turns with the one that is still owed."""
    random = Random(turns)
    personas = [app.catalog.personas[key] for key in ("rational", "cynic")]
    seats = [
        Debater(seat=f"seat{number}", name=persona.name, persona=persona, model=LABEL)
        for number, persona in enumerate(personas, 1)
    ]
    topic = "Is tea better than coffee?"
    tree = [_turn(None, USER, topic, rounds=turns // 2)]
    for number in range(turns - 1):
        seat = seats[number % 2]
        tree.append(_turn(tree[-1].id, seat.seat, speech(random)))
    debate = Debate(
        id=new_id(),
        topic=topic,
        debaters=tuple(seats),
        rounds=turns // 2,
        tip=tree[-1].id,
        created_at=now(),
    )
    return debate, tree


def _turn(parent: str | None, speaker: str, text: str, rounds: int = 0) -> Turn:
    made = now()
    return Turn(
        id=new_id(), parent_id=parent, speaker=speaker, text=text, rounds=rounds, created_at=made
    )


async def keep(folder: Path, cases: Sequence[Case], runs: int) -> dict[str, list[str]]:
    """Ids of unfinished debates, a new one for every run of a case of ours."""
    settings = load_settings(data=folder / "data", offline=True)
    kept: dict[str, list[str]] = {}
    file = folder / "debate.json"
    async with DebateApp(settings) as app:
        for case in cases:
            for _ in range(runs if case.every is None else 0):
                file.write_text(json_of(*unfinished(app, case.turns)), "utf-8")
                kept.setdefault(case.name, []).extend(await app.files.import_(file))
        most = unfinished(app, max(case.turns for case in cases))[1][1:]
    roles = ("user", "assistant")
    messages = [{"role": roles[at % 2], "content": turn.text} for at, turn in enumerate(most)]
    (folder / "messages.json").write_text(json.dumps(messages), "utf-8")
    return kept


@asynccontextmanager
async def heard(server: str, debate_id: str) -> AsyncIterator[asyncio.Task[float]]:
    """When a watcher over server-sent events is told that the debate is over."""

    async def listen() -> float:
        path = f"{server}/api/v1/debates/{debate_id}/events"
        while True:
            with suppress(httpx.HTTPError):
                async with (
                    httpx.AsyncClient(timeout=60) as client,
                    aconnect_sse(client, "GET", path) as source,
                ):
                    async for event in source.aiter_sse():
                        if event.event == "debate_finished":
                            return time.monotonic()
            await asyncio.sleep(0.1)  # nobody speaks yet

    listening = asyncio.create_task(listen())
    try:
        yield listening
    finally:
        listening.cancel()


class Room:
    """Everything that runs, and one sample of a case after the other."""

    def __init__(self, browser: Any, place: Place, bare: str, tokens: int) -> None:
        self._browser = browser
        self._place = place
        self._bare = bare
        answer = accumulate(len(word) + 1 for word in words_of(tokens))
        self.letters = [length - 1 for length in answer]

    async def sample(self, case: Case, debate_id: str) -> Sample:
        """Open the page, press the button, look on."""
        if case.every is not None:
            address = f"{self._bare}/?turns={case.turns - 1}&every={case.every}"
            seen = await self._watched(address, BARE, case)
            sent = await self._sent()
            return Sample(sent, sent[-1], seen)
        address = f"{self._place.server}/?debate={debate_id}"
        async with heard(self._place.server, debate_id) as told:
            seen = await self._watched(address, OURS, case)
            return Sample(await self._sent(), await told, seen)

    async def _watched(self, address: str, shape: Shape, case: Case) -> Seen:
        async with opened(self._browser, address, case.phone) as (tab, session):
            letters = self.letters[-1]
            return await watch(self._browser, tab, session, shape, letters, phone=case.phone)

    async def _sent(self) -> list[float]:
        async with httpx.AsyncClient() as client:
            sent: list[float] = (await client.get(f"{self._place.endpoint}/sent")).json()
        return sent


async def measure(cases: Sequence[Case], runs: int, seconds: float) -> dict[str, list[Any]]:
    """Every case so many times, in turn: each sample with the lag of all its tokens."""
    found: dict[str, list[Any]] = {case.name: [] for case in cases}
    tokens = int(RATE * seconds)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kept = await keep(folder, cases, runs)
        async with AsyncExitStack() as stack:
            pace = (str(FIRST), str(1 / RATE), "--tokens", str(tokens))
            place = stack.enter_context(staged(folder, *pace))
            bare = ""
            if any(case.every is not None for case in cases):
                words = ("benchmarks.bare_page", place.endpoint, str(folder / "messages.json"))
                bare = stack.enter_context(running(*words, **QUIET)).rstrip("/")
            room = Room(await chromium(stack), place, bare, tokens)
            for run in range(runs):
                for case in cases:
                    debate_id = kept.get(case.name, [""] * runs)[run]
                    sample = await room.sample(case, debate_id)
                    found[case.name].append(_figures(sample, room.letters))
    return found


def _figures(sample: Sample, letters: Sequence[int]) -> dict[str, Any]:
    """What is kept of a sample."""
    seen, last = sample.seen, sample.sent[-1]
    lags = sorted(sample.lags(letters))
    gaps = [after - before for (before, _), (after, _) in pairwise(seen.shown)]
    figures = asdict(seen)
    del figures["shown"]
    return {
        **figures,
        "ended": seen.ended - sample.told,
        "ended_after_last_token": seen.ended - last,
        "painted": seen.painted - sample.told,
        "server_ended": sample.told - last,
        "lag_p50": median(lags),
        "lag_p95": lags[int(0.95 * (len(lags) - 1))],
        "updates": len(seen.shown),
        "longest_gap": max(gaps, default=0.0),
        "speed": (len(sample.sent) - 1) / (last - sample.sent[0]),
    }


def rows(found: dict[str, list[Any]]) -> list[tuple[str, ...]]:
    """A line a case, medians over its samples."""

    def line(name: str, samples: list[Any]) -> tuple[str, ...]:
        of = {key: median(sample[key] for sample in samples) for key in samples[0]}
        return (
            name,
            *(f"{1000 * of[key]:.0f}" for key in ("ended", "ended_after_last_token")),
            *(f"{1000 * of[key]:.0f}" for key in ("lag_p50", "lag_p95")),
            *(f"{of[key]:.0%}" for key in ("busy", "processor", "script", "layout")),
            f"{of['longest_ms']:.0f}",
            f"{of['dropped']:.0f} of {of['frames'] + of['dropped']:.0f}",
            f"{of['heap_mib']:.0f}",
        )

    return [line(name, samples) for name, samples in found.items()]


HEAD = (
    *("ends, ms", "after last token", "lag: p50", "p95", "busy", "processor", "script", "layout"),
    *("longest, ms", "frames dropped", "heap, MiB"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=3, help="answers of each line")
    parser.add_argument("--seconds", type=float, default=4.0, help="of speaking, each time")
    names = [case.name for case in CASES]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="LINE")
    add_json(parser)
    args = parser.parse_args(arguments)
    before = load()
    cases = [case for case in CASES if case.name in args.only]
    found = asyncio.run(measure(cases, args.runs, args.seconds))
    speed = median(sample["speed"] for samples in found.values() for sample in samples)
    title = f"{args.seconds:g} s at {speed:.0f} tokens/s, {args.runs} times each"
    title += f"; {before}, then {load()}"
    print(table(title, HEAD, rows(found)))
    write_json(args.json, found)


if __name__ == "__main__":
    main()

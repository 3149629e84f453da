"""What Rebuttal adds to a debate: time to the first words and between turns, prompt tokens.

    python -m benchmarks.overhead --pairs 5        (about 3 minutes; 50 s more for each pair)

The same debate, word for word, on the same embedded model, in each way that Rebuttal has, beside a
bare ``openai`` client that sends the same requests in a loop to a llama.cpp server of the same
settings; each may take as many tokens as it took in the debate. So that the words are the same
without a seed, which the page does not ask for, the two personas speak at temperature 0. Every
debate finds the model freshly loaded: nobody has the beginnings of prompts from the one before.

*First* is from asking (a click, a request, the start of the process) to the first words, *gap* the
silence between two turns, *talk* from the first words to the end of the last turn. The terminal is
a process of its own each time, which loads the model, too; for the others it is loaded before. The
page is measured in Chromium by its own clock; it takes the first model of ``--models`` and is left
out where Chromium is missing. All in turn, in one run.

**Prompt tokens.** What the server evaluated (its ``prompt_n``) is held against the least possible:
each token of a seat's view once. A token is new where the view leaves the longest beginning that
it shares with any earlier view of that seat; a whole history therefore counts as its last view, and
a short one (``history: last``) as its first view and what each later one has behind the shared
beginning. The stricter line also takes a seat's own answers as known, which it generated.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import httpx

from benchmarks.bare_client import serving as serving_bare
from benchmarks.bare_client import tokens_of
from benchmarks.figures import add_json, load, ratio, table, write_json
from benchmarks.heard import Heard
from benchmarks.least import Tokens, count_tokens
from benchmarks.process import chromium, serving
from benchmarks.recording import PERSONAS, Request, catalog_settings, record
from benchmarks.ways import ANSWER_WITHIN, Place, Way, bare, page, server_events, terminal
from rebuttal.catalog import load_catalog
from rebuttal.settings import HOME, Settings, load_settings

BARE = "bare openai client"
TERMINAL = "terminal, a new process"


@dataclass(frozen=True)
class Measured:
    """The prompt tokens of the debate, what was said in it, and each way's debates."""

    tokens: Tokens
    texts: tuple[str, ...]
    ways: dict[str, list[Heard]]


def greedy_personas(folder: Path) -> Path:
    """The two who debate, at temperature 0."""
    folder.mkdir()
    for persona in PERSONAS:
        text = (HOME / "personas" / f"{persona}.yaml").read_text("utf-8")
        greedy, found = re.subn(r"(?m)^temperature: .*$", "temperature: 0", text)
        assert found, f"{persona} has no temperature"
        (folder / f"{persona}.yaml").write_text(greedy, "utf-8")
    return folder


@asynccontextmanager
async def all_ways(
    place: Place, requests: Sequence[Request], with_page: bool
) -> AsyncIterator[dict[str, Way]]:
    """Those there are, by name."""
    data = place.settings.data
    files = ["--models", str(place.settings.models), "--personas", str(place.settings.personas)]
    async with AsyncExitStack() as stack:
        server = stack.enter_context(serving(*files, "--data", str(data / "server")))
        place = Place(place.settings, place.label, place.rounds, server)
        client = httpx.AsyncClient(base_url=f"{server}/api/v1/", timeout=ANSWER_WITHIN)
        await stack.enter_async_context(client)
        found = {
            BARE: bare(place, requests),
            "HTTP: server-sent events": server_events(place, client),
            TERMINAL: terminal(place, data / "terminal"),
        }
        if with_page:
            found["page, in Chromium"] = page(place, await chromium(stack), client)
        yield found


async def measure(args: argparse.Namespace, folder: Path) -> Measured:
    """First the debate and its prompt tokens, then ``args.pairs`` debates in each way."""
    personas = greedy_personas(folder / "personas")
    files = {"personas": personas, **catalog_settings(args.models)}
    settings: Settings = load_settings(data=folder / "data", **files)
    catalog = load_catalog(settings.models, settings.personas)
    requests, turns = await record(settings, args.model, args.rounds)
    async with serving_bare(settings, catalog.model(args.model)) as server:
        tokens = await count_tokens(requests, partial(tokens_of, server))
    texts = tuple(turn.text for turn in turns)
    place, with_page = Place(settings, args.model, args.rounds), not args.no_page
    ways: dict[str, list[Heard]] = {}
    if args.pairs:
        with_page = with_page and find_spec("playwright") is not None
        async with all_ways(place, requests, with_page) as found:
            for number in range(args.pairs):
                # There and back: what drifts on the machine falls on all.
                for name in [*found] if number % 2 == 0 else [*reversed(found)]:
                    heard = await _with_words(found[name], None if name == BARE else texts)
                    ways.setdefault(name, []).append(heard)
    return Measured(tokens, texts, ways)


async def _with_words(way: Way, texts: tuple[str, ...] | None) -> Heard:
    """A debate of these words; one of others, as when a slot was not free in time, once more."""
    heard = await way()
    for _ in range(2):
        if texts is None or heard.texts == texts:
            break
        heard = await way()
    return heard


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


def way_rows(ways: Mapping[str, Sequence[Heard]]) -> list[tuple[str, ...]]:
    """A row for each way: seconds, medians, and the ratio of the talk to the bare client's."""
    plain = [heard.talk for heard in ways[BARE]]
    rows: list[tuple[str, ...]] = []
    for name, debates in ways.items():
        gaps = sorted(gap for heard in debates for gap in heard.gaps)
        talk = [heard.talk for heard in debates]
        rows.append(
            (
                name,
                f"{median(heard.first for heard in debates):.2f}",
                f"{1000 * median(gaps):.0f}",
                f"{1000 * gaps[int(0.95 * (len(gaps) - 1))]:.0f}",
                f"{median(talk):.2f}",
                f"{ratio(talk, plain):.3f}",
                f"{median(heard.whole for heard in debates):.2f}",
                _all([heard.evaluated for heard in debates]),
                _all([heard.generated for heard in debates]),
            )
        )
    return rows


def _all(numbers: Sequence[int]) -> str:
    """The number that all have, or the least and the most."""
    return " to ".join(str(number) for number in sorted({min(numbers), max(numbers)}))


def figures(measured: Measured) -> dict[str, object]:
    """What is kept: everything but the words."""
    ways = {
        name: [
            {
                "first": heard.first,
                "gaps": heard.gaps,
                "talk": heard.talk,
                "whole": heard.whole,
                "evaluated": heard.evaluated,
                "generated": heard.generated,
            }
            for heard in debates
        ]
        for name, debates in measured.ways.items()
    }
    return {"tokens": asdict(measured.tokens), "ways": ways}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="SmolLM2", help="an embedded model of models.yaml")
    parser.add_argument("--models", type=Path, help="another models.yaml")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each of the two seats")
    parser.add_argument("--pairs", type=int, default=5, help="debates in each way; 0: no times")
    parser.add_argument("--no-page", action="store_true", help="leave Chromium out")
    add_json(parser)
    args = parser.parse_args(arguments)
    before = load()
    with tempfile.TemporaryDirectory() as folder:
        measured = asyncio.run(measure(args, Path(folder)))
    tokens = measured.tokens
    debate = f"{2 * args.rounds} turns of 2 seats on {args.model}, {tokens.requests} requests"
    print(table(f"Prompt tokens, {debate}", ("evaluated", "least", "ratio"), prompt_rows(tokens)))
    if measured.ways:
        title = f"\nThe same debate {args.pairs} times in each way; {before}, then {load()}"
        head = ("first, s", "gap, ms", "p95", "talk, s", "ratio", "whole, s", "evaluated", "said")
        print(table(title, head, way_rows(measured.ways)))
    for name, debates in measured.ways.items():
        if name != BARE and any(heard.texts != measured.texts for heard in debates):
            print(f"{name}: other words were said; its times cannot be compared.")
    write_json(args.json, figures(measured))


if __name__ == "__main__":
    main()

"""What each surface adds to the time to the first token, and to the whole answer.

    python -m benchmarks.surfaces --runs 20

One seat answers one question: the least that every surface can do. Behind all of them stands the
same endpoint at a known pace (``benchmarks.paced``: the first token after 250 ms, then 50 a
second), in a process of its own. All are measured in one run, in turn, against a bare ``openai``
client. *First* is from asking until the first words are there, *whole* until the answer is known to
be over. *Delivery* leaves out what comes before the model is asked: from the moment at which the
endpoint sent its first token until the surface shows it.

The page is measured in Chromium by its own clock, from the click until the words stand in the
document, and is left out where Chromium is missing; so is MCP without its package. The terminal is
a new process for each answer, so what it adds is mostly Python's start.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import httpx
import openai
from websockets.asyncio.client import connect

from benchmarks.asked import (
    LABEL,
    Place,
    Sample,
    Surface,
    completions,
    debates,
    mcp_tools,
    page,
    server_events,
    terminal,
    websocket,
)
from benchmarks.figures import add_json, load, table, write_json
from benchmarks.paced import MODEL
from benchmarks.process import chromium, running, serving
from rebuttal.app import DebateApp
from rebuttal.remote import RemoteApp
from rebuttal.settings import load_settings

CATALOG = """\
endpoints:
  Stage: {{address: "{address}", needs_key: false, lists_models: false}}
models:
  Paced: {{endpoint: Stage, model: {model}, context: 8192}}
"""
BARE = "bare openai client"


@asynccontextmanager
async def surfaces(place: Place, with_page: bool) -> AsyncIterator[dict[str, Surface]]:
    """All there are, by name, ready to be asked."""
    async with AsyncExitStack() as stack:
        settings = load_settings(models=place.models, data=place.data / "own", offline=True)
        app = await stack.enter_async_context(DebateApp(settings))
        remote = await stack.enter_async_context(RemoteApp(place.server))
        client = httpx.AsyncClient(base_url=f"{place.server}/api/v1/", timeout=30)
        await stack.enter_async_context(client)
        address = place.server.replace("http", "ws", 1)
        socket = await stack.enter_async_context(connect(f"{address}/api/v1/live"))
        plain, ours = (
            openai.AsyncOpenAI(api_key="none", base_url=base, max_retries=0)
            for base in (place.endpoint, f"{place.server}/v1")
        )
        await stack.enter_async_context(plain)
        await stack.enter_async_context(ours)
        found: dict[str, Surface] = {
            BARE: completions(plain, MODEL),
            "Python: DebateApp": debates(app),
            "HTTP: server-sent events": server_events(client),
            "HTTP: WebSocket": websocket(socket),
            "HTTP: RemoteApp (--server)": debates(remote),
            "/v1/chat/completions": completions(ours, LABEL),
        }
        if find_spec("mcp"):
            from mcp import Client

            tools = await stack.enter_async_context(Client(f"{place.server}/mcp"))
            found["MCP over HTTP"] = mcp_tools(tools)
        if with_page:
            found["page, in Chromium"] = page(await chromium(stack), place)
        found["terminal, a new process"] = terminal(place)
        yield found


@contextmanager
def staged(folder: Path, *pace: str) -> Iterator[Place]:
    """The endpoint and a whole Rebuttal, each as a process."""
    with running("benchmarks.paced", *pace) as endpoint:
        models = folder / "models.yaml"
        models.write_text(CATALOG.format(address=endpoint, model=MODEL), "utf-8")
        words = ["--models", str(models), "--data", str(folder / "data")]
        with serving(*words, REBUTTAL_MCP="true") as server:
            yield Place(endpoint, server, models, folder / "terminal")


async def measure(place: Place, runs: int, with_page: bool) -> dict[str, list[Sample]]:
    """Every surface ``runs`` times, in turn, after one that does not count."""
    samples: dict[str, list[Sample]] = {}
    times = f"{place.endpoint}/times"
    async with surfaces(place, with_page) as found, httpx.AsyncClient() as client:
        for run in range(runs + 1):
            names = [*found] if run % 2 else [*reversed(found)]
            for name in names:
                sample = await found[name]()
                sample.endpoint = tuple((await client.get(times)).json()[-1])
                if run:
                    samples.setdefault(name, []).append(sample)
    return {name: samples[name] for name in found}


def rows(samples: dict[str, list[Sample]]) -> list[tuple[str, ...]]:
    """A line for each surface, in ms, with what it adds to the bare client."""
    plain = samples[BARE]
    lines: list[tuple[str, ...]] = []
    for name, measured in samples.items():
        first = [s.first - s.asked for s in measured if s.first]
        whole = [s.ended - s.asked for s in measured]
        base = [(s.first - s.asked, s.ended - s.asked) for s in plain]
        delivery = [s.first - s.endpoint[1] for s in measured if s.first]
        added = [one - other for one, (other, _) in zip(first, base, strict=False)]
        ratio = median(one / other for one, (_, other) in zip(whole, base, strict=True))
        lines.append(
            (
                name,
                *_two(first),
                f"{1000 * median(added):+.0f}" if added else "-",
                f"{1000 * median(delivery):.0f}" if delivery else "-",
                *_two(whole),
                f"{ratio:.3f}",
            )
        )
    return lines


def _two(seconds: Sequence[float]) -> tuple[str, str]:
    """Median and 95th percentile in ms."""
    if not seconds:
        return "-", "-"
    ordered = sorted(seconds)
    return f"{1000 * median(ordered):.0f}", f"{1000 * ordered[int(0.95 * (len(ordered) - 1))]:.0f}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=20, help="answers of each surface")
    parser.add_argument("--pace", default="0.25 0.02", help="seconds to the first token, and on")
    parser.add_argument("--no-page", action="store_true", help="leave Chromium out")
    add_json(parser)
    args = parser.parse_args(arguments)
    before = load()
    with (
        tempfile.TemporaryDirectory() as folder,
        staged(Path(folder), *args.pace.split()) as place,
    ):
        with_page = not args.no_page and find_spec("playwright") is not None
        samples = asyncio.run(measure(place, args.runs, with_page))
    title = f"Milliseconds, {args.runs} answers each at {args.pace}; {before}, then {load()}"
    head = ("first: p50", "p95", "added", "delivery", "whole: p50", "p95", "ratio")
    print(table(title, head, rows(samples)))
    write_json(args.json, {name: [asdict(one) for one in all_] for name, all_ in samples.items()})


if __name__ == "__main__":
    main()

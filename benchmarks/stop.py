"""How soon does Stop close the connection to the model? Through DebateApp, on real sockets.

    python -m benchmarks.stop --stops 50

The fault server of the tests plays the model's server and sees when the connection is gone, within
2 ms. While the embedded model loads there is no connection yet: there, what counts is when Stop
has returned and the debate is at rest. Each Stop comes a little later into the turn than the last.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.figures import add_json, load, table, write_json
from rebuttal.app import DebateApp
from rebuttal.events import DebateEvent, TurnDelta, TurnWaiting
from rebuttal.records import Seat
from rebuttal.settings import load_settings
from tests.fault_server import FaultServer

FAULTS = {
    "loading: accepts, says nothing": "accept_then_silence",
    "silent: headers, then nothing": "headers_then_silence",
    "silent: one token, then nothing": "one_token_then_silence",
    "in mid-stream, 50 tokens a second": "slow_for_ever",
}
EMBEDDED = "loading: the embedded model"
SPREAD = 0.1
"""Seconds over which the stops are spread, from the moment there is something to stop."""

CATALOG = """\
endpoints:
  Fault: {{address: "{address}", needs_key: false, lists_models: false}}
models:
  Fault: {{endpoint: Fault, model: fault}}
"""


async def closings(fault: str, stops: int, folder: Path) -> dict[str, list[float]]:
    """Seconds from Stop until the upstream connection is closed, and until Stop returned."""
    measured: dict[str, list[float]] = {"closed": [], "returned": []}
    async with FaultServer(fault) as server:
        models = folder / f"{fault}.yaml"
        models.write_text(CATALOG.format(address=server.address), "utf-8")
        async with _app(folder, models=models) as app:
            for nth in range(stops):
                debate_id = await _start(app, "Fault")
                if fault in ("accept_then_silence", "headers_then_silence"):
                    await server.until(partial(_was_asked, nth + 1), 10)
                else:
                    await _heard(app, debate_id, TurnDelta)
                await asyncio.sleep(SPREAD * nth / stops)
                closing = asyncio.create_task(server.until_closed(10))
                measured["returned"].append(await _stop(app, debate_id))
                measured["closed"].append(await closing)
    return measured


def _was_asked(times: int, server: FaultServer) -> bool:
    return len(server.requests) >= times


async def embedded_stops(label: str, stops: int, folder: Path) -> dict[str, list[float]]:
    """Seconds from Stop, while the model loads, until the debate is at rest."""
    measured: list[float] = []
    async with _app(folder) as app:
        async for _ in app.pull(label):
            pass
        for nth in range(stops):
            debate_id = await _start(app, label)
            await _heard(app, debate_id, TurnWaiting)
            await asyncio.sleep(SPREAD * nth / stops)
            measured.append(await _stop(app, debate_id))
            await app.unload(label)
    return {"returned": measured}


@asynccontextmanager
async def _app(folder: Path, **settings: object) -> AsyncIterator[DebateApp]:
    async with DebateApp(load_settings(data=folder, **settings)) as app:
        yield app


async def _start(app: DebateApp, label: str) -> str:
    return await app.start("Is tea better than coffee?", [Seat(persona="cynic", model=label)])


async def _stop(app: DebateApp, debate_id: str) -> float:
    clock = asyncio.get_running_loop().time
    began = clock()
    await app.stop(debate_id)
    seconds = clock() - began
    state = await app.state(debate_id)
    if state != "paused":
        raise RuntimeError(f"a debate is {state} after Stop")
    return seconds


async def _heard(app: DebateApp, debate_id: str, kind: type[DebateEvent]) -> None:
    """Wait until the debate has said something of that kind."""
    async with asyncio.timeout(30), aclosing(app.watch(debate_id)) as batches:
        async for batch in batches:
            if any(isinstance(event, kind) for event in batch):
                return


async def measure(stops: int, embedded: str | None) -> dict[str, dict[str, list[float]]]:
    """Every case by its name."""
    with tempfile.TemporaryDirectory() as data:
        folder = Path(data)
        measured = {name: await closings(fault, stops, folder) for name, fault in FAULTS.items()}
        if embedded:
            measured[EMBEDDED] = await embedded_stops(embedded, stops, folder)
        return measured


def shown(measured: dict[str, dict[str, list[float]]]) -> list[list[str]]:
    """A row for each case: median and worst of both, in ms; a dash where there is none."""
    rows = []
    for name, figures in measured.items():
        row = [name]
        for seconds in (figures.get("closed"), figures.get("returned")):
            row += [f"{1000 * pick(seconds):.0f}" if seconds else "-" for pick in (median, max)]
        rows.append(row)
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--stops", type=int, default=50, help="stops of each kind")
    parser.add_argument("--embedded", default="SmolLM2", metavar="LABEL", help="the one that loads")
    parser.add_argument("--no-embedded", action="store_true", help="leave that one out")
    add_json(parser)
    args = parser.parse_args(arguments)
    before = load()
    measured = asyncio.run(measure(args.stops, None if args.no_embedded else args.embedded))
    title = f"Stop, in ms, {args.stops} times each; {before}, then {load()}"
    head = ("closed: median", "worst", "returned: median", "worst")
    print(table(title, head, shown(measured)))
    write_json(args.json, measured)


if __name__ == "__main__":
    main()

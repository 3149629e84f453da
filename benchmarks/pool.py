"""What several endpoints add to a model's first token, and what the death of one costs a turn.

    python -m benchmarks.pool --times 200

The tests' fault server answers at once, on real sockets. Each time the same request goes to the
model itself, to it where its endpoint is shared with another model, to a pool of two, and to a
pool of two whose first endpoint refuses connections: once before that is known (the move) and once
while it rests. Figures are milliseconds until the first token; the ratio is to the first line, each
pair measured in one go.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from contextlib import aclosing
from functools import partial
from statistics import median

from benchmarks.figures import add_json, load, ratio, table, write_json
from rebuttal.catalog import Endpoint, Model
from rebuttal.providers.base import ChatModel, Limits, Message, Options
from rebuttal.providers.breaker import Breaker
from rebuttal.providers.openai_compatible import OpenAICompatible
from rebuttal.providers.pool import Counted, Pool
from rebuttal.providers.station import Member, Station
from tests.fault_server import FaultServer

ALONE = "the model itself"
SHARED = "at an endpoint that others share"
POOL = "a pool of two"
MOVE = "a pool of two, the first refuses"
RESTING = "a pool of two, the first rests"
SAID = (Message("system", "You are a cynic. " * 20), Message("user", "Is tea better than coffee?"))


async def first_token(model: ChatModel) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    async with aclosing(model.stream(SAID, Options())) as chunks:
        async for chunk in chunks:
            if chunk.text:
                break
    return 1000 * (time.perf_counter() - began)


async def measure(times: int) -> dict[str, list[float]]:
    """All of them in turn, again and again."""
    figures: dict[str, list[float]] = {name: [] for name in (ALONE, SHARED, POOL, MOVE, RESTING)}
    async with FaultServer() as one, FaultServer() as other, FaultServer("refuse") as dead:
        alone = _model(one)
        pool = _pool(one, other)
        resting = _pool(dead, other)
        await first_token(resting)
        for chat in (alone, pool):
            await first_token(chat)
        for turn in range(times):
            chats: dict[str, ChatModel] = {
                ALONE: alone,
                SHARED: Counted(_member(one)),
                POOL: pool,
                MOVE: _pool(dead, other),
                RESTING: resting,
            }
            # Each is the first as often as the others: what went before leaves work behind.
            names = [*chats]
            for at in range(len(names)):
                name = names[(turn + at) % len(names)]
                figures[name].append(await first_token(chats[name]))
    return figures


def _pool(*servers: FaultServer) -> Pool:
    return Pool([_member(server) for server in servers], Limits())


def _member(server: FaultServer) -> Member:
    # A rest that no run outlives, so that none is probed.
    clock = partial(float, 0)
    return Member(Station(str(server.port), Breaker(clock)), _model(server), Breaker(clock))


def _model(server: FaultServer) -> OpenAICompatible:
    place = Endpoint(name=str(server.port), address=server.address, needs_key=False)
    model = Model(label="M", endpoint=place.name, model="m")
    return OpenAICompatible(place, model, None, Limits(retries=0))


def main(words: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--times", type=int, default=200)
    add_json(parser)
    asked = parser.parse_args(words)
    figures = asyncio.run(measure(asked.times))
    rows = [
        (
            name,
            f"{median(taken):.2f}",
            f"{sorted(taken)[int(0.95 * len(taken))]:.2f}",
            f"{ratio(taken, figures[ALONE]):.2f}",
        )
        for name, taken in figures.items()
    ]
    title = f"First token, ms, {asked.times} times, {load()}"
    print(table(title, ("median", "p95", "ratio"), rows))
    write_json(asked.json, figures)


if __name__ == "__main__":
    main()

"""One debate of hundreds of turns through the real app: what each turn costs, early and late."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Coroutine
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from httpx_sse import aconnect_sse

from benchmarks.long_endpoint import WORDS
from benchmarks.long_run import CATALOG, app_process
from tests.fault_reply import Reply
from tests.fault_server import FAULTS, FaultServer

PART = 10
"""Turns that are taken together in the table."""


@dataclass
class Spoken:
    """The turns in their order, and what reading the debate took behind each tenth."""

    turns: list[dict[str, float]] = field(default_factory=list)
    readings: list[dict[str, float]] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    stored: int = 0
    """Bytes of the database, once it was closed."""

    def parts(self) -> list[dict[str, Any]]:
        """The first, second, middle and last ten turns."""
        count = len(self.turns)
        starts = sorted({0, min(PART, count - 1), count // 2, max(count - PART, 0)})
        return [self._part(start) for start in starts]

    def _part(self, start: int) -> dict[str, Any]:
        turns = self.turns[start : start + PART]
        reading = self.readings[min((start + len(turns) - 1) // PART, len(self.readings) - 1)]
        return {
            "turns": f"{start + 1} to {start + len(turns)}",
            "ms a turn": 1000 * median(turn["seconds"] for turn in turns),
            "view, characters": median(turn["view"] for turn in turns),
            "new in it": sum(turn["new"] for turn in turns) / len(turns),
            "ms to read it": 1000 * reading["seconds"],
            "KiB read": reading["bytes"] / 1024,
        }

    def figures(self) -> dict[str, Any]:
        """For the file."""
        return asdict(self)


@dataclass
class Attentive(FaultServer):
    """Answers at once with three sentences of its own, and measures what it was asked."""

    views: list[dict[str, float]] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    _known: dict[str, list[str]] = field(default_factory=dict)

    def play(self, reply: Reply) -> Coroutine[None, None, None]:
        """See FaultServer."""
        self.requests.clear()
        if reply.request.path.endswith("/models"):
            return FAULTS["good"](reply)
        return self._speak(reply)

    async def _speak(self, reply: Reply) -> None:
        messages = reply.request.body["messages"]
        view = json.dumps(messages, ensure_ascii=False)
        known = self._known.setdefault(messages[0]["content"], [])
        shared = max((_shared(view, other) for other in known), default=0)
        known[:] = [*known[-1:], view]
        self.views.append({"view": len(view), "new": len(view) - shared})
        await reply.head()
        for _ in range(3):
            said = " ".join(self.chance.choices(WORDS, k=12)).capitalize()
            await reply.token(f"{said}. ")
        await reply.finish()


def _shared(one: str, other: str) -> int:
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return min(len(one), len(other))


async def debate(folder: Path, turns: int) -> Spoken:
    """Have it, in an app of its own."""
    spoken = Spoken()
    async with Attentive() as server:
        models = folder / "long.yaml"
        models.write_text(CATALOG.format(one=server.address, two=server.address), "utf-8")
        environment = {"REBUTTAL_MAX_ROUNDS": "1000", "REBUTTAL_MAX_TURNS": "100000"}
        with app_process("long", folder, models, environment) as there:
            address, process, _ = there
            async with httpx.AsyncClient(base_url=f"{address}/api/v1/", timeout=60) as web:
                await _follow(web, turns, spoken, process)
        for turn, view in zip(spoken.turns, server.views, strict=False):
            turn |= view
    database = folder / "long" / "debates.sqlite"
    spoken.stored = database.stat().st_size
    return spoken


async def _follow(web: httpx.AsyncClient, turns: int, spoken: Spoken, process: Any) -> None:
    wish = {
        "topic": "Tea or coffee?",
        "seats": [{"persona": one, "model": "Solo"} for one in ("cynic", "rational")],
        "rounds": turns // 2,
    }
    begun = (await web.post("debates", json=wish)).raise_for_status().json()["id"]
    at = time.monotonic()
    path = f"debates/{begun}/events?to_rest=true"
    async with aconnect_sse(web, "GET", path) as source:
        async for event in source.aiter_sse():
            if event.event != "turn_finished" or not event.json()["turn"]["model"]:
                continue
            now = time.monotonic()
            spoken.turns.append({"seconds": now - at})
            at = now
            if len(spoken.turns) % PART == 0 or len(spoken.turns) == turns:
                # Another connection, while the debate goes on: as somebody would who comes now.
                spoken.readings.append(await _read(web, begun))
                spoken.memory.append(process.memory_info().rss / 2**20)
    assert len(spoken.turns) == turns // 2 * 2, f"it ended after {len(spoken.turns)} turns"


async def _read(web: httpx.AsyncClient, debate_id: str) -> dict[str, float]:
    """The fastest of three: the debate goes on meanwhile."""
    taken = []
    for _ in range(3):
        began = time.monotonic()
        answer = await web.get(f"debates/{debate_id}/turns")
        taken.append(time.monotonic() - began)
        await asyncio.sleep(0)
    return {"seconds": min(taken), "bytes": len(answer.content)}

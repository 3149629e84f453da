"""A program that uses the interface as any would: requests, and events that it can go on with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
from httpx_sse import EventSource

from rebuttal.app import DebateApp
from rebuttal.records import OPERATOR, Power, Visitor
from rebuttal.settings import load_settings
from tests.served import Served, serving

API = "api/v1"
SEATS = [{"persona": "cynic", "model": "Quick"}, {"persona": "rational", "model": "Quick"}]
ANN = Visitor(owner="c:AAAAAAAAAAAAAAAAAAAAAA")
BOB = Visitor(owner="c:BBBBBBBBBBBBBBBBBBBBBB")


@dataclass
class Program:
    """One program, with or without a token."""

    address: str
    token: str = ""

    def __post_init__(self) -> None:
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        self.web = httpx.Client(base_url=f"{self.address}{API}", headers=headers, timeout=20)

    def get(self, path: str, **query: Any) -> Any:
        """What stands there."""
        answer = self.web.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: object = None, status: int = 200, **headers: str) -> Any:
        """What comes back, with that status."""
        answer = self.web.post(path, json={} if body is None else body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def begin(self, model: str = "Quick", rounds: int = 1, **more: object) -> str:
        """A new debate of two seats."""
        seats = [{**seat, "model": model} for seat in SEATS]
        wish = {"topic": "Should cats vote?", "seats": seats, "rounds": rounds, **more}
        debate_id: str = self.post("/debates", wish, 201)["id"]
        return debate_id

    def turns(self, debate_id: str) -> list[dict[str, Any]]:
        """Its main line."""
        items: list[dict[str, Any]] = self.get(f"/debates/{debate_id}/turns")["items"]
        return items

    def close(self) -> None:
        """Hang up."""
        self.web.close()


@dataclass
class Listener:
    """What somebody has heard of a debate, over as many connections as it took."""

    debate_id: str
    last: str = ""
    heard: list[dict[str, Any]] = field(default_factory=list)

    def listen(
        self, program: Program, until: str = "", within: float = 10.0, **query: str
    ) -> list[dict[str, Any]]:
        """What comes until an event of that kind, or until nothing came for so long."""
        headers = {"last-event-id": self.last} if self.last else {}
        path = f"/debates/{self.debate_id}/events"
        before = len(self.heard)
        try:
            with program.web.stream(
                "GET", path, headers=headers, params=query, timeout=within
            ) as answer:
                assert answer.status_code == 200, answer.read()
                for event in EventSource(answer).iter_sse():
                    if not event.data:
                        continue
                    self.last = event.id
                    self.heard.append(json.loads(event.data))
                    assert event.event == self.heard[-1].get("kind", "error")
                    if until in (event.event, "any"):
                        break
        except httpx.ReadTimeout:
            assert not until, f"no {until} in {kinds(self.heard)}"
        return self.heard[before:]


def kinds(events: list[dict[str, Any]]) -> list[str]:
    """What kinds of events these are, deltas left out."""
    return [event["kind"] for event in events if event.get("kind") != "turn_delta"]


@contextmanager
def served(folder: Path, *words: str, program: str = "tests.api_app") -> Iterator[Served]:
    """The interfaces with scripted models, and these settings."""
    with serving(folder, "-m", program, str(folder), *words) as there:
        yield there


@contextmanager
def calling(there: Served, token: str = "") -> Iterator[Program]:
    """A program that calls there."""
    program = Program(there.address, token)
    try:
        yield program
    finally:
        program.close()


def token(
    folder: Path,
    visitor: Visitor = OPERATOR,
    *powers: Power,
    profile: Literal["local", "lan", "public"] = "public",
) -> str:
    """A token for whoever that is, made beside the server."""

    async def make() -> str:
        settings = load_settings(profile=profile, data=folder, cache=folder, offline=True)
        async with DebateApp(settings) as app:
            wished: tuple[Power, ...] = powers or ("read", "debate", "models")
            return await app.tokens.make("test", wished, visitor=visitor)

    return asyncio.run(make())

"""One question asked through each surface of Rebuttal, and when its answer came."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import openai
from httpx_sse import aconnect_sse

from rebuttal.cli.house import House
from rebuttal.events import DebateFinished, TurnDelta
from rebuttal.records import Seat
from rebuttal.settings import HOME

LABEL = "Paced"
TOPIC = "Is tea better than coffee?"
SEAT = Seat(persona="rational", model=LABEL)
WISH = {
    "topic": TOPIC,
    "seats": [{"persona": SEAT.persona, "model": SEAT.model}],
    "rounds": 1,
}


@dataclass
class Sample:
    """Seconds by the monotonic clock; ``first`` is 0 where a surface gives only whole answers."""

    asked: float = field(default_factory=time.monotonic)
    first: float = 0.0
    ended: float = 0.0
    endpoint: tuple[float, ...] = ()
    """When the endpoint was asked, and sent its first token and its last."""

    def hear(self) -> None:
        """The first words are there."""
        self.first = self.first or time.monotonic()

    def end(self) -> Sample:
        """The answer is over."""
        self.ended = time.monotonic()
        return self


@dataclass(frozen=True)
class Place:
    """Where everything is."""

    endpoint: str
    server: str
    models: Path
    data: Path


Surface = Callable[[], Awaitable[Sample]]


def completions(client: openai.AsyncOpenAI, model: str) -> Surface:
    """A program that speaks to OpenAI, with a connection that it keeps."""

    async def ask() -> Sample:
        sample = Sample()
        chunks = await client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": TOPIC}], stream=True
        )
        async for chunk in chunks:
            if chunk.choices and chunk.choices[0].delta.content:
                sample.hear()
        return sample.end()

    return ask


def debates(house: House) -> Surface:
    """DebateApp here, or RemoteApp at the server."""

    async def ask() -> Sample:
        sample = Sample()
        debate_id = await house.start(TOPIC, [SEAT], rounds=1)
        async with aclosing(house.watch(debate_id)) as batches:
            async for batch in batches:
                for event in batch:
                    if isinstance(event, TurnDelta):
                        sample.hear()
                    elif isinstance(event, DebateFinished):
                        return sample.end()
        raise RuntimeError("the debate did not finish")

    return ask


def server_events(client: httpx.AsyncClient) -> Surface:
    """HTTP and server-sent events, as any program would."""

    async def ask() -> Sample:
        sample = Sample()
        begun = await client.post("debates", json=WISH)
        path = f"debates/{begun.raise_for_status().json()['id']}/events"
        async with aconnect_sse(client, "GET", path) as source:
            async for event in source.aiter_sse():
                if event.event == "turn_delta":
                    sample.hear()
                elif event.event == "debate_finished":
                    return sample.end()
        raise RuntimeError("the debate did not finish")

    return ask


def websocket(socket: Any) -> Surface:
    """One connection for all debates."""

    async def ask() -> Sample:
        sample = Sample()
        await socket.send(json.dumps({"do": "start", **WISH}))
        async for message in socket:
            told = json.loads(message)
            if "error" in told:
                raise RuntimeError(told["error"])
            kind = told.get("event", {}).get("kind")
            if kind == "turn_delta":
                sample.hear()
            elif kind == "debate_finished":
                await socket.send(json.dumps({"do": "unwatch", "debate": told["debate"]}))
                return sample.end()
        raise RuntimeError("the socket was closed")

    return ask


def terminal(place: Place) -> Surface:
    """``rebuttal debate --json`` in a pipe, Python's start included."""
    seat = f"{SEAT.persona}:{SEAT.model}"
    words = ["debate", TOPIC, "--seat", seat, "--rounds", "1", "--json"]
    words += ["--models", str(place.models), "--data", str(place.data)]

    async def ask() -> Sample:
        sample = Sample()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "rebuttal", *words), cwd=HOME, stdout=subprocess.PIPE
        )
        assert process.stdout
        async for line in process.stdout:
            if b'"turn_delta"' in line:
                sample.hear()
            elif b'"debate_finished"' in line:
                sample.end()
        if await process.wait():
            raise RuntimeError("the terminal failed")
        return sample

    return ask


def mcp_tools(client: Any) -> Surface:
    """Two tools of MCP over HTTP; the answer comes as a whole."""

    async def ask() -> Sample:
        sample = Sample()
        begun = await client.call_tool("start_debate", {**WISH, "language": "English"})
        about = {"debate_id": begun.structured_content["debate_id"]}
        heard = await client.call_tool("wait_for_debate", about)
        if heard.is_error:
            raise RuntimeError(heard.content)
        return sample.end()

    return ask


WATCHING = """
() => {
  window.seen = {};
  document.addEventListener('click', () => { window.seen.asked ??= performance.now(); }, true);
  new MutationObserver(() => {
    const live = document.querySelector('.live .words:not(:has(.silence))')?.textContent.trim();
    if (live || document.querySelector('.settled .words')) window.seen.first ??= performance.now();
    const status = document.querySelector('.status-line')?.textContent || '';
    if (status.includes('Done.')) window.seen.ended ??= performance.now();
  }).observe(document.body, {subtree: true, childList: true, characterData: true});
}
"""


def page(browser: Any, place: Place) -> Surface:
    """The chat tab, in a page that is loaded already."""

    async def ask() -> Sample:
        context = await browser.new_context()
        tab = await context.new_page()
        await tab.goto(place.server)
        await tab.get_by_role("tab", name="Chat").click()
        await tab.get_by_label("What would you ask?").fill(TOPIC)
        await tab.wait_for_timeout(500)
        await tab.evaluate(WATCHING)
        sample = Sample()
        await tab.get_by_role("button", name="Ask", exact=True).click()
        await tab.wait_for_function("() => window.seen.ended")
        seen = await tab.evaluate("() => [window.seen, performance.now()]")
        here = time.monotonic() - seen[1] / 1000
        sample.asked, sample.first, sample.ended = (
            here + seen[0][name] / 1000 for name in ("asked", "first", "ended")
        )
        await context.close()
        return sample

    return ask

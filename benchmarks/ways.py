"""The same debate held in each way that Rebuttal has, on a freshly loaded built-in model."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from httpx_sse import aconnect_sse

from benchmarks.bare_client import ask_all, serving
from benchmarks.heard import Heard, Said
from benchmarks.recording import PERSONAS, TOPIC, Request
from rebuttal.catalog import load_catalog
from rebuttal.settings import HOME, Settings

Way = Callable[[], Awaitable[Heard]]

ANSWER_WITHIN = 300
"""Seconds that one debate may take."""


@dataclass(frozen=True)
class Place:
    """What is debated where; ``server`` is the address of a Rebuttal with the same files."""

    settings: Settings
    label: str
    rounds: int
    server: str = ""


def bare(place: Place, requests: Sequence[Request]) -> Way:
    """Those requests by the ``openai`` client in a loop. The model is loaded before the clock."""
    catalog = load_catalog(place.settings.models, place.settings.personas)
    model = catalog.model(place.label)

    async def hold() -> Heard:
        async with serving(place.settings, model) as server:
            return await asyncio.to_thread(ask_all, server, catalog, model, requests)

    return hold


def terminal(place: Place, data: Path) -> Way:
    """``rebuttal debate --json`` in a pipe: Python's start and loading the model included."""
    seats = [word for persona in PERSONAS for word in ("--seat", f"{persona}:{place.label}")]
    words = ["debate", TOPIC, *seats, "--rounds", str(place.rounds), "--json"]
    words += ["--models", str(place.settings.models), "--personas", str(place.settings.personas)]

    async def hold() -> Heard:
        heard = Heard()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "rebuttal", *words, "--data", str(data)),
            cwd=HOME,
            stdout=subprocess.PIPE,
        )
        assert process.stdout
        async for line in process.stdout:
            event = json.loads(line)
            heard.take(event["kind"], event)
        if await process.wait():
            raise RuntimeError("the terminal failed")
        return heard

    return hold


def server_events(place: Place, client: httpx.AsyncClient) -> Way:
    """HTTP and server-sent events, as any program would. The model is loaded before the clock."""
    wish = {
        "topic": TOPIC,
        "seats": [{"persona": persona, "model": place.label} for persona in PERSONAS],
        "rounds": place.rounds,
    }

    async def hold() -> Heard:
        await _load_anew(client, place.label)
        heard = Heard()
        begun = await client.post("debates", json=wish)
        path = f"debates/{begun.raise_for_status().json()['id']}/events"
        async with aconnect_sse(client, "GET", path) as source:
            async for event in source.aiter_sse():
                if event.event == "debate_finished":
                    return heard
                heard.take(event.event, event.json() if event.data else {})
        raise RuntimeError("the debate did not finish")

    return hold


async def _load_anew(client: httpx.AsyncClient, label: str) -> None:
    """A server that has nothing of an earlier debate in its memory."""
    for order in ("unload-model", "load-model"):
        (await client.post(order, json={"model": label})).raise_for_status()


WATCHING = """
() => {
  const seen = window.seen = {first: {}, ended: {}};
  let turn = 0;
  document.addEventListener('click', () => { seen.asked ??= performance.now(); }, true);
  new MutationObserver(() => {
    const now = performance.now();
    // Odd and even turns differ in a class; before its first words a turn shows an ellipsis.
    const live = document.querySelector('.live article.speaking');
    if (live?.classList.contains(turn % 2 ? 'even' : 'odd')) turn++;
    if (live?.querySelector('.words:not(:has(.silence))')) seen.first[turn] ??= now;
    const settled = document.querySelectorAll('.settled article.turn').length;
    for (let over = 1; over <= settled; over++) {
      seen.first[over] ??= now;
      seen.ended[over] ??= now;
    }
  }).observe(document.body, {subtree: true, childList: true, characterData: true});
}
"""
OVER = "turns => window.seen.ended[turns]"


def page(place: Place, browser: Any, client: httpx.AsyncClient) -> Way:
    """The page in Chromium by its own clock, open before; the model is loaded before it, too."""
    turns = len(PERSONAS) * place.rounds

    async def hold() -> Heard:
        await _load_anew(client, place.label)
        context = await browser.new_context()
        tab = await context.new_page()
        tab.set_default_timeout(1000 * ANSWER_WITHIN)
        await tab.goto(place.server)
        await tab.get_by_label("What shall they argue about?").fill(TOPIC)
        await tab.get_by_role("spinbutton", name="Rounds").fill(str(place.rounds))
        await tab.keyboard.press("Tab")
        await tab.wait_for_timeout(1000)
        await tab.evaluate(WATCHING)
        await tab.get_by_role("button", name="Start the debate").click()
        await tab.wait_for_function(OVER, arg=turns)
        seen = await tab.evaluate("window.seen")
        await context.close()
        said = [
            Said(seen["first"][str(turn)] / 1000, seen["ended"][str(turn)] / 1000)
            for turn in range(1, turns + 1)
        ]
        return await _counted(Heard(seen["asked"] / 1000, said), client)

    return hold


async def _counted(heard: Heard, client: httpx.AsyncClient) -> Heard:
    """With the words and the numbers of the newest debate."""
    newest = (await client.get("debates")).raise_for_status().json()["items"][0]["debate"]["id"]
    turns = (await client.get(f"debates/{newest}/turns")).raise_for_status().json()["items"]
    for said, turn in zip(heard.turns, (turn for turn in turns if turn["model"]), strict=True):
        said.count(turn)
    return heard

"""What Chromium goes through while an answer streams into a page: words, main thread, frames."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

PHONE = {"width": 390, "height": 844}
SLOWED = 4
"""How many times slower a phone's processor is: what DevTools calls a mid-tier mobile."""
TRACED = ["disabled-by-default-devtools.timeline", "disabled-by-default-devtools.timeline.frame"]

WATCH = """
([speaking, settled, over, letters]) => {
  const seen = (window.seen = { shown: [] });
  const length = (found) => found.at(-1)?.textContent.trim().length ?? 0;
  const all = (selector) => [...document.querySelectorAll(selector)];
  let longest = 1; // a lone sign stands for silence
  seen.begun = new Promise((begun) => {
    seen.over = new Promise((done) => {
      new MutationObserver((_, observer) => {
        const at = performance.now();
        const now = length(all(speaking)) || (longest > 1 ? length(all(settled)) : 0);
        if (now > longest) {
          longest = now;
          seen.shown.push([at, now]);
          begun();
        }
        if (longest < letters) return;
        if (over && !document.querySelector(over[0])?.textContent.includes(over[1])) return;
        seen.ended = at;
        observer.disconnect();
        requestAnimationFrame(() =>
          setTimeout(() => {
            seen.painted = performance.now();
            done();
          }),
        );
      }).observe(document.body, { subtree: true, childList: true, characterData: true });
    });
  });
}
"""


@dataclass(frozen=True)
class Shape:
    """How a page is built: where its words stand, and what tells that all is over."""

    button: str
    speaking: str
    settled: str = ".nothing"
    over: tuple[str, str] | None = None


@dataclass(frozen=True)
class Seen:
    """Moments are seconds of the machine's monotonic clock."""

    shown: list[tuple[float, int]]
    """When how many letters of the answer first stood in the document."""
    ended: float
    """When the last word did, and the page said that it was over."""
    painted: float
    busy: float
    """Share of the time between the first word and the end that the main thread had tasks."""
    processor: float
    """Share in which it worked: without the time in which others had the processor."""
    script: float
    layout: float
    longest_ms: float
    frames: int
    dropped: int
    heap_mib: float


@asynccontextmanager
async def opened(browser: Any, address: str, phone: bool) -> AsyncIterator[tuple[Any, Any]]:
    """A page of its own context, and a session of Chromium's own protocol with it."""
    size = {"viewport": PHONE, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
    context = await browser.new_context(**(size if phone else {}))
    try:
        tab = await context.new_page()
        session = await context.new_cdp_session(tab)
        await session.send("Performance.enable")
        await tab.goto(address)
        yield tab, session
    finally:
        await context.close()


async def watch(
    browser: Any, tab: Any, session: Any, shape: Shape, letters: int, *, phone: bool
) -> Seen:
    """Press the button and look on until an answer of so many letters is there."""
    button = tab.get_by_role("button", name=shape.button, exact=True)
    await button.wait_for()
    await tab.wait_for_timeout(1000)
    if phone:
        await session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
    over = list(shape.over) if shape.over else None
    await tab.evaluate(WATCH, [shape.speaking, shape.settled, over, letters])
    await browser.start_tracing(page=tab, categories=TRACED)
    await button.click()
    await tab.evaluate("() => window.seen.begun")
    before = await _metrics(session)
    await tab.evaluate("() => window.seen.over")
    after = await _metrics(session)
    trace = json.loads(await browser.stop_tracing())["traceEvents"]
    here = await _offset(tab)
    seen = await tab.evaluate("() => window.seen")
    wall = after["Timestamp"] - before["Timestamp"]
    shares = {name: (after[name] - before[name]) / wall for name in after}
    begun, ended = here + seen["shown"][0][0] / 1000, here + seen["ended"] / 1000
    return Seen(
        shown=[(here + at / 1000, letters) for at, letters in seen["shown"]],
        ended=ended,
        painted=here + seen["painted"] / 1000,
        heap_mib=after["JSHeapUsedSize"] / 2**20,
        script=shares["ScriptDuration"],
        layout=shares["LayoutDuration"] + shares["RecalcStyleDuration"],
        **_traced(trace, begun, ended),
    )


async def _metrics(session: Any) -> dict[str, float]:
    told = await session.send("Performance.getMetrics")
    return {metric["name"]: metric["value"] for metric in told["metrics"]}


async def _offset(tab: Any) -> float:
    """What makes seconds of the machine's clock of the page's, by the quickest answer of ten."""
    found: list[tuple[float, float]] = []
    for _ in range(10):
        asked = time.monotonic()
        there: float = await tab.evaluate("() => performance.now()")
        took = time.monotonic() - asked
        found.append((took, asked + took / 2 - there / 1000))
    return min(found)[1]


def _traced(events: list[dict[str, Any]], begun: float, ended: float) -> dict[str, Any]:
    """Tasks of the main thread and frames between two moments; a trace has the machine's clock."""
    mains = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    meanwhile = [event for event in events if begun <= event.get("ts", 0) / 1e6 <= ended]
    tasks = [
        (event["dur"] / 1e6, event.get("tdur", 0) / 1e6)
        for event in meanwhile
        if event["name"] == "RunTask" and (event["pid"], event["tid"]) in mains
    ]
    kinds = [event["name"] for event in meanwhile]
    return {
        "busy": sum(took for took, _ in tasks) / (ended - begun),
        "processor": sum(worked for _, worked in tasks) / (ended - begun),
        "longest_ms": 1000 * max((took for took, _ in tasks), default=0.0),
        "frames": kinds.count("DrawFrame"),
        "dropped": kinds.count("DroppedFrame"),
    }

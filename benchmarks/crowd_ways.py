"""How a watcher comes to a debate: by Rebuttal's page, by its events, by a bare Gradio page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx

from benchmarks.crowd_ears import Ears

Way = Literal["page", "events", "bare"]
LABEL = "Paced"
TOPIC = "Is tea better than coffee?"
WISH = {
    "topic": TOPIC,
    "seats": [{"persona": persona, "model": LABEL} for persona in ("idealist", "cynic")],
    "rounds": 100,
}


class Entrance:
    """Lets watchers in, each to a debate of its own or all to the same."""

    def __init__(self, web: httpx.AsyncClient, *, same: bool) -> None:
        self._web = web
        self._same = asyncio.ensure_future(self._begin()) if same else None
        self._listeners: asyncio.Future[list[dict[str, Any]]] | None = None

    async def by(self, way: Way, number: int) -> Ears:
        """One more watcher, who listens from now on."""
        return await _WAYS[way](self, number)

    async def by_events(self, number: int) -> Ears:
        """The interface for programs."""
        return await self._open(f"/api/v1/debates/{await self._debate()}/events")

    async def by_page(self, number: int) -> Ears:
        """As a tab does: one stream for what is settled and what is being said."""
        events = await self._events()
        speaker = [one for one in events if one["queue"] and len(one["inputs"]) == 2][-1]
        ticket = speaker["inputs"][:1]
        settler = next(one for one in events if one["queue"] and one["inputs"] == ticket)
        order, tab = f"{await self._debate()} mark", f"tab{number:08}"
        await self._join(settler["id"], [order], tab)
        return await self._open(*_stream(tab, await self._join(speaker["id"], [order, True], tab)))

    async def by_bare_page(self, number: int) -> Ears:
        """The one event of that page."""
        tab = f"tab{number:08}"
        event = (await self._events())[0]["id"]
        return await self._open(*_stream(tab, await self._join(event, [TOPIC], tab)))

    async def _debate(self) -> str:
        return await (self._same or self._begin())

    async def _begin(self) -> str:
        answer = await self._web.post("/api/v1/debates", json=WISH)
        answer.raise_for_status()
        found: str = answer.json()["id"]
        return found

    async def _events(self) -> list[dict[str, Any]]:
        """What the page can be asked for, read once."""
        if self._listeners is None:
            self._listeners = asyncio.ensure_future(self._config())
        return await self._listeners

    async def _config(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self._web.get("/config")).json()["dependencies"]
        return found

    async def _join(self, fn_index: int, data: list[Any], tab: str) -> str:
        asked = {"fn_index": fn_index, "data": data, "session_hash": tab}
        answer = await self._web.post("/gradio_api/queue/join", json=asked)
        answer.raise_for_status()
        event: str = answer.json()["event_id"]
        return event

    async def _open(self, path: str, mark: bytes = b"") -> Ears:
        server = urlsplit(str(self._web.base_url))
        ears = Ears(server.netloc, path, mark)
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: ears, server.hostname or "", server.port or 0)
        return ears


def _stream(tab: str, event: str) -> tuple[str, bytes]:
    return f"/gradio_api/queue/data?session_hash={tab}", event.encode()


_WAYS: dict[Way, Callable[[Entrance, int], Awaitable[Ears]]] = {
    "page": Entrance.by_page,
    "events": Entrance.by_events,
    "bare": Entrance.by_bare_page,
}

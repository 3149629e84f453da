"""Those who come and go for an hour: debates over HTTP, watchers, programs, tabs of the page."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
from websockets.asyncio.client import connect

from rebuttal.records import new_id
from tests.strangers import Stranger

TOPICS = ("Tea or coffee?", "Should cats vote?", "Is it ever right to lie?", "Mars, now?")
PERSONAS = ("cynic", "rational", "snarky", "polite")
MODELS = ("Solo", "Pooled")
DEEDS = (
    *("listen",) * 4,
    *("stop", "pause", "resume", "say", "note", "regenerate", "branch", "edit", "choose"),
    *("prune", "read", "export", "find", "rename", "rerun"),
)


class Crowd:
    """Visitors of one app; ``debates`` at once, beside those who watch, ask and look."""

    def __init__(self, address: str, chance: random.Random, debates: int, tabs: int) -> None:
        self._address = address
        self._chance = chance
        self._size = {self._debate: debates, self._watch: 3, self._socket: 2, self._ask: 1}
        self._size[self._look] = tabs
        self._ids: deque[str] = deque(maxlen=40)
        self._tasks: list[asyncio.Task[None]] = []
        self.done: Counter[str] = Counter()
        """What was answered, by deed and status."""

    def come(self) -> None:
        """Everybody begins."""
        for deed, size in self._size.items():
            self._tasks += [asyncio.create_task(self._again(deed)) for _ in range(size)]

    async def leave(self) -> None:
        """Everybody goes, in the middle of whatever they do."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _again(self, deed: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await deed()
            except Exception as error:
                # The boundary of a visitor: whatever they met is counted, and the next one comes.
                self.done[f"{deed.__name__.strip('_')}: {repr(error)[:200]}"] += 1
            await asyncio.sleep(self._chance.uniform(0.0, 0.5))

    def _web(self) -> httpx.AsyncClient:
        # The server closes what idles for 5 s; who asks just then would count as cut off.
        limits = httpx.Limits(keepalive_expiry=2)
        return httpx.AsyncClient(base_url=f"{self._address}/api/v1/", timeout=60, limits=limits)

    async def _debate(self) -> None:
        """Begin one, do some things with it, and delete it or leave it to itself."""
        chance = self._chance
        async with self._web() as web:
            begun = await self._ask_for(web, "start", "POST", "debates", self._wish())
            if "id" not in begun:
                return
            debate_id = str(begun["id"])
            self._ids.append(debate_id)
            for _ in range(chance.randint(2, 6)):
                deed = chance.choice(DEEDS)
                if deed == "listen":
                    await self._listen(web, debate_id, chance.uniform(0.2, 4.0))
                else:
                    await self._do(web, deed, debate_id)
            if chance.random() < 0.6:
                await self._ask_for(web, "delete", "DELETE", f"debates/{debate_id}")

    def _wish(self) -> dict[str, Any]:
        chance = self._chance
        personas = chance.sample(
            ("cynic", "rational", "snarky", "polite"), chance.choice((1, 2, 3))
        )
        return {
            "topic": chance.choice(TOPICS),
            "seats": [{"persona": one, "model": chance.choice(MODELS)} for one in personas],
            "rounds": chance.randint(1, 4),
        }

    async def _do(self, web: httpx.AsyncClient, deed: str, debate_id: str) -> None:
        here, chance = f"debates/{debate_id}", self._chance
        if deed in ("stop", "pause", "resume"):
            await self._ask_for(web, deed, "POST", f"{here}/{deed}")
        elif deed in ("say", "note"):
            wish: dict[str, Any] = {"text": "And dogs?", "rounds": int(deed == "say")}
            await self._ask_for(web, deed, "POST", f"{here}/say", wish)
        elif deed == "rerun":
            await self._ask_for(web, deed, "POST", f"{here}/rerun", {"rounds": 1})
        elif deed == "rename":
            await self._ask_for(web, deed, "PATCH", here, {"title": "Tea", "pinned": False})
        elif deed == "read":
            await self._ask_for(web, deed, "GET", chance.choice((here, f"{here}/tree")))
        elif deed == "export":
            await self._ask_for(web, deed, "GET", f"{here}/export?format=html")
        elif deed == "find":
            await self._ask_for(web, deed, "GET", f"debates?text={chance.choice(('bre', 'tea'))}")
        else:
            await self._do_with_a_turn(web, deed, here)

    async def _do_with_a_turn(self, web: httpx.AsyncClient, deed: str, here: str) -> None:
        """What is done in an older place; a debate has to rest for it."""
        tree = await self._ask_for(web, "tree", "GET", f"{here}/tree")
        turns = [str(turn["id"]) for turn in tree.get("items", [])]
        if not turns:
            return
        await self._ask_for(web, "stop", "POST", f"{here}/stop")
        turn = self._chance.choice(turns)
        if deed == "prune":
            await self._ask_for(web, deed, "DELETE", f"{here}/turns/{turn}")
            return
        wishes: dict[str, Any] = {
            "regenerate": {"turn_id": turn},
            "branch": {"after": turn, "rounds": 1},
            "edit": {"turn_id": turn, "text": "What was meant was tea."},
            "choose": {"turn_id": turn},
        }
        await self._ask_for(web, deed, "POST", f"{here}/{deed}", wishes[deed])

    async def _ask_for(
        self, web: httpx.AsyncClient, deed: str, method: str, path: str, wish: Any = None
    ) -> dict[str, Any]:
        """The answer; of a refusal only that it was one is kept."""
        try:
            answer = await web.request(method, path, json=wish)
        except httpx.TransportError as error:
            self.done[f"{deed}: {error!r}"] += 1
            return {}
        self.done[f"{deed}: {answer.status_code}"] += 1
        if (
            answer.is_success
            and answer.content
            and "json" in answer.headers.get("content-type", "")
        ):
            told: dict[str, Any] = answer.json()
            return told
        return {}

    async def _listen(self, web: httpx.AsyncClient, debate_id: str, seconds: float) -> None:
        """Hear it for so long, then be gone without a word."""
        with suppress(TimeoutError):
            async with (
                asyncio.timeout(seconds),
                web.stream("GET", f"debates/{debate_id}/events") as answer,
            ):
                self.done[f"listen: {answer.status_code}"] += 1
                async for _ in answer.aiter_bytes():
                    pass

    async def _watch(self) -> None:
        """One more watcher of any debate; one in five falls asleep and reads nothing."""
        if not self._ids:
            return
        async with self._web() as web:
            debate_id, seconds = self._chance.choice(self._ids), self._chance.uniform(0.1, 6.0)
            if self._chance.random() < 0.8:
                await self._listen(web, debate_id, seconds)
                return
            async with web.stream("GET", f"debates/{debate_id}/events") as answer:
                self.done[f"sleep: {answer.status_code}"] += 1
                await asyncio.sleep(3 * seconds)

    async def _socket(self) -> None:
        """A line over which several debates are heard, and one begun."""
        address = self._address.replace("http", "ws", 1)
        async with connect(f"{address}/api/v1/live") as line:
            await line.send(json.dumps({"do": "start", **self._wish()}))
            for debate_id in self._chance.sample([*self._ids], min(len(self._ids), 4)):
                await line.send(json.dumps({"do": "watch", "debate": debate_id}))
            self.done["socket: open"] += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(self._chance.uniform(0.5, 6.0)):
                    async for _ in line:
                        pass
            if self._chance.random() < 0.3:
                line.transport.abort()

    async def _ask(self) -> None:
        """A program that speaks to OpenAI, and does not always wait for the end."""
        wish = {
            "model": self._chance.choice(MODELS),
            "messages": [{"role": "user", "content": self._chance.choice(TOPICS)}],
            "stream": True,
        }
        with suppress(TimeoutError):
            async with (
                asyncio.timeout(self._chance.uniform(0.2, 4.0)),
                httpx.AsyncClient(base_url=self._address, timeout=60) as web,
                web.stream("POST", "/v1/chat/completions", json=wish) as answer,
            ):
                self.done[f"ask: {answer.status_code}"] += 1
                async for _ in answer.aiter_bytes():
                    pass

    async def _look(self) -> None:
        """A tab of the page: begin a debate there, watch it, and be gone."""
        seconds, models = self._chance.uniform(0.5, 4.0), self._chance.choices(MODELS, k=2)
        await asyncio.to_thread(self._visit, seconds, models)

    def _visit(self, seconds: float, models: list[str]) -> None:
        httpx.get(self._address, timeout=60).raise_for_status()
        tab = Stranger(self._address, new_id())
        try:
            debate_id = tab.begin(*models)
            self._ids.append(debate_id)
            watches = [
                e for e in tab.config["dependencies"] if len(e["inputs"]) == 2 and e["queue"]
            ]
            heard = tab.listen(watches[-1]["id"], [f"{debate_id} mark", True], seconds)
            self.done[f"tab: {'heard' if 'process_generating' in heard else 'nothing yet'}"] += 1
        finally:
            tab.close()

"""Somebody who comes by HTTP as the page in a browser does: with a cookie, through any proxy."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from rebuttal.records import new_id
from tests.strangers import Stranger


@dataclass
class Visit(Stranger):
    """``source`` is the address of this machine to come from, ``headers`` what else is said."""

    name: str | None = None
    source: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.name = new_id()  # a tab of its own
        transport = httpx.HTTPTransport(local_address=self.source, verify=False)
        self._web = httpx.Client(base_url=self.address, headers=self.headers, transport=transport)
        self._web.timeout = httpx.Timeout(60)
        self.greet(self._web)
        page = self.get("/")
        assert page.status_code == 200, page.text
        # By hand: a jar holds back a cookie that is for https, which may end at a proxy.
        self.cookie: str = page.headers["set-cookie"]
        self._web.headers["cookie"] = self.cookie.partition(";")[0]
        self._web.cookies.clear()
        self.config: dict[str, Any] = self.get("/config").json()
        self.parts = {part["id"]: part for part in self.config["components"]}

    def greet(self, client: httpx.Client) -> None:
        """What has to be settled before the first request."""

    def get(self, path: str) -> httpx.Response:
        """One answer."""
        return self._web.get(path)

    def watch(self, debate_id: str, seconds: float = 60) -> list[tuple[float, str]]:
        """What is streamed of a debate's words, and the second at which it came, to their end."""
        events = [e for e in self.config["dependencies"] if len(e["inputs"]) == 2 and e["queue"]]
        tab = new_id()
        asked = {"fn_index": events[-1]["id"], "data": [f"{debate_id} mark", True]}
        joined = self._web.post("/gradio_api/queue/join", json={**asked, "session_hash": tab})
        assert joined.status_code == 200, joined.text
        heard: list[tuple[float, str]] = []
        began = time.monotonic()
        query = {"session_hash": tab}
        with self._web.stream("GET", "/gradio_api/queue/data", params=query) as stream:
            for line in stream.iter_lines():
                passed = time.monotonic() - began
                heard.append((passed, line))
                if '"process_completed"' in line or passed > seconds:
                    break
        return heard

    def exported(self, debate_id: str) -> str:
        """The debate as JSON, as it is offered for download."""
        return self.event(self.presses("JSON")["id"], [f"{debate_id} mark"]).text

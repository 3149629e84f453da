"""The page as strangers get it, with models of its own: python -m tests.strangers FOLDER [PROFILE].

In place of the guard stands a doorkeeper who believes a header, so that a test may be anybody.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
from starlette.middleware import Middleware

from rebuttal.app import DebateApp
from rebuttal.records import Visitor
from rebuttal.settings import load_settings
from rebuttal.ui.page import build_ui, launch_options
from rebuttal.ui.raw import RawBlocks
from tests.page_app import CATALOG, chat_models
from tests.running import Running, start

WHO = "x-who"
FORM = ("topic", "seats", "endpoint", "key", "rounds", "language", "request")
"""What the start of a debate sends before its cards."""


class Doorkeeper:
    """Lets in whoever the header names; without one, nobody was found."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers") or [])
        if owner := headers.get(WHO.encode(), b"").decode():
            kind, _, name = owner.partition(":")
            name = name if kind == "u" else ""
            scope["rebuttal.visitor"] = Visitor(owner=owner, name=name)
        await self._app(scope, receive, send)


@dataclass
class Stranger:
    """One visitor, who may send whatever they like."""

    address: str
    name: str | None

    def __post_init__(self) -> None:
        headers = {WHO: self.name} if self.name else {}
        self._web = httpx.Client(base_url=self.address, headers=headers, timeout=20)
        self.config: dict[str, Any] = self._web.get("config").json()
        self.parts = {part["id"]: part for part in self.config["components"]}

    def event(self, fn_index: int, data: list[Any], query: str = "") -> httpx.Response:
        """An event outside of the queue."""
        body = {"fn_index": fn_index, "data": data, "session_hash": f"tab{self.name}"}
        # The encoder of httpx refuses lone surrogates and infinities; a stranger need not.
        return self._web.post(
            f"gradio_api/run/predict{query}",
            content=json.dumps(body),
            headers={"content-type": "application/json"},
        )

    def listen(self, fn_index: int, data: list[Any], seconds: float = 0.5) -> str:
        """What a queued event says until it is over, or for so long."""
        tab = f"tab{self.name}{fn_index}"
        body = {"fn_index": fn_index, "data": data, "session_hash": tab}
        joined = self._web.post(
            "gradio_api/queue/join",
            content=json.dumps(body),
            headers={"content-type": "application/json"},
        )
        if joined.status_code != 200:
            return f"{joined.status_code} {joined.text}"
        heard, until = [], time.monotonic() + seconds
        address = f"gradio_api/queue/data?session_hash={tab}"
        with suppress(httpx.ReadTimeout), self._web.stream("GET", address, timeout=1) as stream:
            for line in stream.iter_lines():
                heard.append(line)
                if '"process_completed"' in line or time.monotonic() > until:
                    break
        return "\n".join(heard)

    def presses(self, button: str) -> dict[str, Any]:
        """The event of the last button with those words."""
        ids = [i for i, part in self.parts.items() if part["props"].get("value") == button]
        return next(
            event
            for event in self.config["dependencies"]
            if any(tuple(target) == (ids[-1], "click") for target in event["targets"])
        )

    def values(self, event: dict[str, Any]) -> list[Any]:
        """What the page itself would send, before anybody touched it."""
        return [self.parts[i]["props"].get("value") for i in event["inputs"]]

    def start(
        self, *models: str, cards: dict[int, Any] | None = None, **said: Any
    ) -> httpx.Response:
        """Press "Start the debate" with these models, values of the cards by place, and fields."""
        event = self.presses("Start the debate")
        values = self.values(event)
        for field, value in {"topic": "Cats?", "request": "", **said}.items():
            values[FORM.index(field)] = value
        for seat, model in enumerate(models or ("Quick", "Quick")):
            values[len(FORM) + 5 * seat + 1] = model
        for place, value in (cards or {}).items():
            values[len(FORM) + place] = value
        return self.event(event["id"], values)

    def begin(self, *models: str, **said: Any) -> str:
        """The id of a debate that has begun."""
        answer = self.start(*models, **said).text
        found = re.search(r"debate=([\w-]+)", answer)
        assert found, answer
        return found[1]

    def close(self) -> None:
        """Leave."""
        self._web.close()


@dataclass
class House:
    """A running page and what it wrote to its log."""

    address: str
    log: Path
    process: Running
    guests: ExitStack

    def stranger(self, name: str | None = "bob") -> Stranger:
        """Somebody at the door, who leaves when the house closes."""
        guest = Stranger(self.address, name)
        self.guests.callback(guest.close)
        return guest


@contextmanager
def house(folder: Path, profile: str = "public", *words: str, **settings: str) -> Iterator[House]:
    """Start the page with these settings, and wait until it says where it is."""
    given = [f"{name}={value}" for name, value in settings.items()]
    command = ("-m", "tests.strangers", str(folder), profile, *words, *given)
    log = folder / "log.txt"
    with log.open("w") as errors:
        process = start(*command, environment=os.environ, stderr=errors.fileno())
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "http://" in line, log.read_text()
            with ExitStack() as guests:
                yield House(line.split("at ")[1].split()[0], log, process, guests)
        finally:
            process.terminate()
            process.wait(15)
            if process.stdout:
                process.stdout.close()


def main(folder: Path, profile: str, *words: str) -> None:
    """Serve until SIGTERM. ``plain`` among the words leaves out what keeps values raw."""
    models = folder / "models.yaml"
    models.write_text(CATALOG)
    given: dict[str, Any] = dict(word.split("=", 1) for word in words if "=" in word)
    settings = load_settings(
        profile=profile, data=folder, cache=folder, models=models, offline=True, **given
    )
    blocks = gr.Blocks if "plain" in words else RawBlocks
    demo = build_ui(DebateApp(settings, chat_models=chat_models()), blocks)
    _, address, _ = demo.launch(
        server_name="127.0.0.1",
        prevent_thread_lock=True,
        app_kwargs={"middleware": [Middleware(Doorkeeper)]},
        **launch_options(),
    )
    print(f"Strangers are at {address}", flush=True)
    demo.block_thread()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

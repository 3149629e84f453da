"""The page as strangers get it, with everything logged: python -m tests.linked FOLDER.

Links to its debates are made beside it, on the same database, as ``rebuttal link`` makes them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rebuttal.app import DebateApp
from rebuttal.redaction import install
from rebuttal.settings import Settings, load_settings
from rebuttal.ui.server import Page, run_page
from rebuttal.web.auth import SignIn
from rebuttal.web.guard import Guard
from rebuttal.web.visitors import Visitors
from tests.intruder import Intruder, start_debate
from tests.page_app import CATALOG, chat_models
from tests.served import Served, serving

UNLIMITED = (
    *("requests_per_visitor", "requests_per_network", "requests", "new_visitors_per_network"),
    *("tokens_per_visitor", "tokens_per_network", "running_per_visitor", "running_per_network"),
)
"""Limits that many tests from one address would reach."""


@dataclass
class Linked(Served):
    """The running page and its folder."""

    folder: Path

    @property
    def log(self) -> str:
        """Every line that it has logged."""
        return (self.folder / "log.txt").read_text("utf-8")

    @asynccontextmanager
    async def app(self) -> AsyncIterator[DebateApp]:
        """Another process of the operator's, on the same database."""
        async with DebateApp(settings(self.folder)) as app:
            yield app

    async def link(self, debate_id: str) -> str:
        """The secret of a new link."""
        async with self.app() as app:
            return await app.links.make(debate_id)

    @asynccontextmanager
    async def visitor(self, source: str = "127.0.0.1") -> AsyncIterator[Intruder]:
        """Somebody who has opened the page."""
        async with Intruder(self.address, source) as client:
            await client.open()
            yield client

    async def debate(self, client: Intruder, model: str = "Quick") -> tuple[str, str]:
        """A debate of theirs, at its end where it is quick, and the secret of a link to it."""
        debate_id = await start_debate(client, model)
        async with self.app() as app:
            token = await app.links.make(debate_id)
            if model == "Quick":
                await _finished(app, token)
            return debate_id, token


async def _finished(app: DebateApp, token: str) -> None:
    """Until the other process has kept its last turn, as the store tells."""
    guest = await app.links.guest(token)
    async with asyncio.timeout(10):
        while not (await app.links.read(guest))[0].finished:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.1)


@dataclass
class Reading:
    """What a page of a link has been told."""

    pieces: list[dict[str, Any]] = field(default_factory=list)
    events: int = 0

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The pieces of that kind."""
        return [piece for piece in self.pieces if piece["kind"] == kind]


@asynccontextmanager
async def reading(
    client: Intruder, token: str, after: str | None = None
) -> AsyncIterator[AsyncIterator[Reading]]:
    """Read along; each event gives the same Reading, which has grown."""
    reader, writer = await client.connect()
    body = json.dumps({"token": token, "after": after}).encode()
    writer.write(client.request("POST", "/shared/watch", body))
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    assert " 200 " in head.splitlines()[0], head
    assert "text/event-stream" in head

    async def heard() -> AsyncIterator[Reading]:
        told = Reading()
        while line := await reader.readline():
            if line.startswith(b"data: "):
                told.pieces += json.loads(line[6:])
                told.events += 1
                yield told

    try:
        yield heard()
    finally:
        writer.transport.abort()


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linked]:
    """One page for every test about links."""
    folder = tmp_path_factory.mktemp("linked")
    with serving(folder, "-m", "tests.linked", str(folder)) as page:
        yield Linked(page.address, page.process, folder)


def settings(folder: Path) -> Settings:
    """As strangers find it."""
    models = folder / "models.yaml"
    return load_settings(profile="public", data=folder, cache=folder, models=models, offline=True)


class LoggedPage(Page):
    """Logs every request, whatever Gradio asks of the server."""

    def open(self) -> None:
        super().open()
        handler = logging.FileHandler(self.settings.data / "log.txt", encoding="utf-8")
        for name in ("", "uvicorn.access"):  # which hands nothing on
            logging.getLogger(name).addHandler(handler)
            logging.getLogger(name).setLevel(logging.INFO)


def main(folder: Path) -> None:
    """Serve until SIGTERM."""
    install()
    (folder / "models.yaml").write_text(CATALOG)
    os.environ.update({f"REBUTTAL_{name.upper()}": "none" for name in UNLIMITED})
    chosen = settings(folder)
    app = DebateApp(chosen, chat_models=chat_models())
    visitors = Visitors(chosen)
    run_page(LoggedPage(chosen, app, Guard(app, visitors, SignIn(visitors))))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

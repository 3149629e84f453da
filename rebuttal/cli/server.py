"""``--server``: the same commands, at a Rebuttal that runs elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

import typer

from rebuttal.app import DebateApp
from rebuttal.cli.house import House
from rebuttal.cli.terminal import say_problem
from rebuttal.settings import Settings, read_key

OpenApp = Callable[[Settings], DebateApp]

TOKEN = "REBUTTAL_TOKEN"
"""The variable that holds a token: as an option it would stand in everybody's list of processes."""

SERVER = {
    "server": Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="URL",
            help=f"A Rebuttal that runs elsewhere, where it is done; a token for it in {TOKEN}.",
            show_default=False,
        ),
    ]
}
"""The option of every command that works on debates wherever they are."""


@asynccontextmanager
async def at_home(open_app: OpenApp, settings: Settings) -> AsyncIterator[DebateApp]:
    """An app of this process; what is wrong with its storage is said in the end."""
    app = open_app(settings)
    try:
        yield app
    finally:
        if app.storage_problem:
            say_problem(app.storage_problem)
        await app.close()


@asynccontextmanager
async def opened(
    open_app: OpenApp, settings: Settings, server: str | None, *, seats: bool = True
) -> AsyncIterator[House]:
    """An app of this process, or the one at ``server``, with what can be seated there at need."""
    if server is None:
        async with at_home(open_app, settings) as app:
            yield app
        return
    from rebuttal.remote import RemoteApp  # its client takes a while to load

    async with RemoteApp(server, read_key(TOKEN) or "") as remote:
        if remote.warning:
            say_problem(remote.warning)
        if seats:
            await remote.load_catalog()
        yield remote


def where(house: House) -> str:
    """What a further command needs to be done there too, behind its other words."""
    address: str = getattr(house, "address", "")
    return f" --server {address}" if address else ""

"""The interfaces for programs with scripted models, as a process: python -m tests.api_app FOLDER.

Words ``NAME=VALUE`` behind it are settings; ``hold=FILE`` lets the model ``Gated`` wait before its
second sentence until the file is there, ``careless=1`` lets anybody in from anywhere,
``looks=SECONDS`` says how often it is looked whether a caller is one still.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

from rebuttal.__main__ import interfaces
from rebuttal.app import DebateApp
from rebuttal.providers.base import Chunk, Message, Options
from rebuttal.records import OPERATOR, Visitor
from rebuttal.serving import run_served
from rebuttal.settings import load_settings
from rebuttal.web.alone import Alone
from rebuttal.web.guard import Guard
from rebuttal.web.programs import LOOK_EVERY, Programs
from rebuttal.web.request import Request
from rebuttal.web.visitors import Visitors
from tests.page_app import CATALOG, chat_models

MORE = """\
  Gated: {endpoint: Stage, model: gated}
  SmolLM2: {endpoint: Stage, model: small}
"""
FIRST = "Gates are where every quarrel of this village begins. "
SECOND = "Whoever opens one has to say why, and to whom."


class Gated:
    """A ChatModel that stops in the middle of each turn until a file is there."""

    def __init__(self, gate: Path) -> None:
        self._gate = gate

    async def context(self) -> int:
        """Tokens."""
        return 4096

    async def stream(
        self, messages: Sequence[Message], options: Options
    ) -> AsyncGenerator[Chunk, None]:
        """See ChatModel."""
        yield Chunk(text=FIRST)
        while not self._gate.exists():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        yield Chunk(text=SECOND)
        yield Chunk(finish="stop")


class Careless(Programs):
    """Asks nobody where they come from."""

    async def _visitor(self, asked: Request) -> Visitor | None:
        return OPERATOR


def main(folder: Path, *words: str) -> None:
    """Serve until SIGTERM."""
    models = folder / "models.yaml"
    models.write_text(CATALOG + MORE)
    given: dict[str, Any] = dict(word.split("=", 1) for word in words)
    careless = given.pop("careless", "")
    looks = float(given.pop("looks", LOOK_EVERY))
    gate = Path(given.pop("hold", folder / "gate"))
    settings = load_settings(data=folder, cache=folder, models=models, offline=True, **given)
    scripted = chat_models()
    more = {"Gated": Gated(gate), "SmolLM2": scripted["Quick"]}
    app = DebateApp(settings, chat_models={**scripted, **more})
    visitors, makers = Visitors(settings), interfaces(settings)
    guard = Guard(app, visitors, programs=makers)
    shared = (guard._intake, guard._streams, guard._rates)
    kind = Careless if careless else Programs
    guard._programs = kind(app, visitors, *shared, makers, look_every=looks)
    run_served(Alone(settings, app, guard))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

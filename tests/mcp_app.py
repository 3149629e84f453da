"""``rebuttal mcp`` with scripted models: python -m tests.mcp_app mcp --data FOLDER."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Sequence

from rebuttal.__main__ import run, tools
from rebuttal.app import DebateApp
from rebuttal.cli.commands import terminal
from rebuttal.providers.base import Chunk, Message, Options
from rebuttal.providers.scripted import ScriptedModel
from rebuttal.settings import Settings
from tests.terminal_app import COFFEE, TEA, chat_models, serve


class Loud(ScriptedModel):
    """Prints on stdout as it speaks, as libraries do, from Python and below it."""

    async def stream(
        self, messages: Sequence[Message], options: Options
    ) -> AsyncGenerator[Chunk, None]:
        """See ChatModel."""
        print("loading weights", flush=True)
        os.write(1, b"loading more\n")
        async for chunk in super().stream(messages, options):
            yield chunk


def open_app(settings: Settings) -> DebateApp:
    """An app on the scripted models."""
    loud = Loud(["Whoever shouts has run out of reasons long ago."], repeat=True)
    built_in = ScriptedModel([TEA[0], COFFEE[0]], repeat=True)
    models = {**chat_models(), "Loud": loud, "SmolLM2": built_in}
    return DebateApp(settings, chat_models=models)


if __name__ == "__main__":
    run(terminal(serve, open_app, tools=tools), sys.argv[1:], "rebuttal")

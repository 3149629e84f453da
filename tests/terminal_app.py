"""A command line whose models are scripted; also run as a process: python -m tests.terminal_app."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rebuttal.__main__ import run
from rebuttal.app import DebateApp
from rebuttal.cli.commands import terminal
from rebuttal.errors import Unreachable
from rebuttal.providers.base import ChatModel
from rebuttal.providers.scripted import Line, ScriptedModel
from rebuttal.settings import Settings

TEA = (
    "Tea keeps a mind calm, and a calm mind weighs every claim before it speaks a word.",
    "Nobody who was in a hurry has ever written a page that is still read today.",
)
COFFEE = (
    "Coffee wakes the hand that builds, while calm minds sleep beside an empty page.",
    "Your slow pages were all copied out at night, by people who drank something stronger.",
)
HALF = "The half that was said"


def chat_models() -> dict[str, ChatModel]:
    """Every scripted model by its label."""
    away = Unreachable("'Away' at localhost: connection refused.", "Start it with: away serve")
    return {
        "Tea": ScriptedModel(TEA, repeat=True, delay=0.01),
        "Coffee:1b": ScriptedModel(COFFEE, repeat=True),
        "Silent": ScriptedModel(
            # A wait that is over before the next update is not shown.
            [Line(HALF, waiting="loading the model", next="silence")],
            delay=0.15,
        ),
        "Endless": ScriptedModel([Line("and so on ", next="again")], delay=0.01),
        "Away": ScriptedModel([away], repeat=True),
        "Copycat": ScriptedModel([TEA[0]], repeat=True),
        "Cut": ScriptedModel([Line("It broke off", finish="lost", problem=away)], repeat=True),
    }


def open_app(settings: Settings) -> DebateApp:
    """An app on the scripted models; the store is the one that the settings name."""
    return DebateApp(settings, chat_models=chat_models())


def serve(settings: Settings) -> None:
    """Stands where the page would open."""
    print(f"{settings.host} {settings.port} {settings.share}")


def main(arguments: Sequence[str]) -> None:
    """Run one command."""
    run(terminal(serve, open_app), arguments, "rebuttal")


if __name__ == "__main__":
    main(sys.argv[1:])

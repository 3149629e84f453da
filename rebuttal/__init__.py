"""Rebuttal: language models argue.

async with DebateApp(load_settings()) as app:
    seats = [Seat(persona=key, model="SmolLM2") for key in ("philosopher", "cynic")]
    debate = await app.start("Is tea better than coffee?", seats, rounds=1)
    async for events in app.watch(debate):
        print(events)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from rebuttal.version import VERSION

if TYPE_CHECKING:
    from rebuttal.app import DebateApp
    from rebuttal.built_in import BuiltIn
    from rebuttal.errors import RebuttalError
    from rebuttal.records import Debate, Debater, Persona, Seat, Turn
    from rebuttal.settings import Settings, load_settings
    from rebuttal.sync import SyncDebateApp

__version__ = VERSION

__all__ = [
    "BuiltIn",
    "Debate",
    "DebateApp",
    "Debater",
    "Persona",
    "RebuttalError",
    "Seat",
    "Settings",
    "SyncDebateApp",
    "Turn",
    "load_settings",
]

_HOMES = {
    "BuiltIn": "rebuttal.built_in",
    "DebateApp": "rebuttal.app",
    "RebuttalError": "rebuttal.errors",
    "Settings": "rebuttal.settings",
    "SyncDebateApp": "rebuttal.sync",
    "load_settings": "rebuttal.settings",
}


def __getattr__(name: str) -> object:
    """The public names, each loaded when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "rebuttal.records")), name)

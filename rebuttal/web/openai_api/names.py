"""The names under which one asks: models, personas at models, and panels."""

from __future__ import annotations

from dataclasses import dataclass

from rebuttal.app import DebateApp
from rebuttal.records import Panel, Persona, Visitor

PANEL = "panel-"
"""In front of a panel's name. No sign in it means anything to a client, a shell or an address."""
AT = "@"
MOST_VOICES = 300
"""Personas at models that are listed; any other pair can be asked all the same."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A model, by its label, and who speaks through it, if anybody."""

    label: str
    persona: Persona | None = None


async def meant(app: DebateApp, name: str, visitor: Visitor) -> Panel | Voice:
    """Who is asked under that name. Raises NotFound for a panel; a model is not looked for yet."""
    catalog = app.catalog
    if name in catalog.models:
        return Voice(name)
    if name.startswith(PANEL):
        return await app.panels.get(name.removeprefix(PANEL), visitor=visitor)
    key, at, label = name.partition(AT)
    if at and key in catalog.personas:
        return Voice(label, catalog.personas[key])
    return Voice(name)


async def names(app: DebateApp, visitor: Visitor) -> dict[str, str]:
    """Every name that can be asked now, and whose it is: panels, models, personas at models."""
    usable = [state for state in await app.models(visitor=visitor) if state.usable]
    panels = await app.panels.all(visitor=visitor)
    found = {f"{PANEL}{panel.name}": "rebuttal" for panel in panels}
    found |= {state.label: state.endpoint for state in usable}
    listed = [state.label for state in usable if state.label in app.catalog.models]
    voices = [f"{key}{AT}{label}" for label in listed for key in app.catalog.personas]
    return found | dict.fromkeys(voices[:MOST_VOICES], "rebuttal")

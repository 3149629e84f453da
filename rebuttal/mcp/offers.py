"""Tools that say what there is: models and personas to seat, panels to ask."""

from __future__ import annotations

from rebuttal.app import DebateApp
from rebuttal.mcp.answers import Models, Panels, Personas, Seatable, table, tone
from rebuttal.mcp.caller import Call, Caller, check_power


class Offers:
    """What a caller can choose from."""

    def __init__(self, app: DebateApp, caller: Caller) -> None:
        self._app = app
        self._caller = caller

    async def list_models(self, call: Call) -> Models:
        """List the language models that can be seated, and why another cannot be used now."""
        visitor = self._caller(call)
        check_power(visitor, "read")
        states = await self._app.models(visitor=visitor)
        return Models(
            models=tuple(
                Seatable(model=state.label, usable=state.usable, reason=state.reason)
                for state in states
            )
        )

    async def list_personas(self, call: Call) -> Personas:
        """List the personas, the tones in which a model can speak at a seat."""
        check_power(self._caller(call), "read")
        return Personas(personas=tuple(map(tone, self._app.catalog.personas.values())))

    async def list_panels(self, call: Call) -> Panels:
        """List the saved panels that ask_panel can ask."""
        visitor = self._caller(call)
        check_power(visitor, "read")
        there = await self._app.panels.all(visitor=visitor)
        return Panels(panels=tuple(map(table, there)))

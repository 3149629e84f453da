"""The tool that asks a panel."""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated

from pydantic import Field

from rebuttal.app import DebateApp
from rebuttal.events import DebateEvent, DebatePaused, TurnFinished
from rebuttal.mcp.answers import Verdict, problem_of
from rebuttal.mcp.caller import Call, Caller, check_power
from rebuttal.mcp.progress import Progress

PanelName = Annotated[str, Field(description="A name of list_panels.")]
Question = Annotated[str, Field(description="What the panel is to debate and to answer.")]


class PanelTools:
    """A panel debates, its chair answers."""

    def __init__(self, app: DebateApp, caller: Caller) -> None:
        self._app = app
        self._caller = caller

    async def ask_panel(self, call: Call, panel: PanelName, question: Question) -> Verdict:
        """Have a saved panel of models debate a question, and give its chair's synthesis.

        Takes as long as the whole debate, often minutes, and tells its progress meanwhile.
        Cancelling the call stops the debate; what was said is kept.
        """
        visitor = self._caller(call)
        check_power(visitor, "debate")
        asked = await self._app.panels.get(panel, visitor=visitor)
        progress = Progress(call, len(asked.seats) * asked.rounds + 1)
        debate_id, hearing = "", _Hearing()
        async with aclosing(self._app.panels.ask(asked, question, visitor=visitor)) as events:
            async for event in events:
                if isinstance(event, str):
                    debate_id = event
                    progress.meet((await self._app.debate(event, visitor=visitor)).debaters)
                else:
                    hearing.take(event)
                    await progress.tell(event)
        return Verdict(debate_id=debate_id, answer=hearing.answer, problem=hearing.problem)


class _Hearing:
    """Listens for what the chair says."""

    def __init__(self) -> None:
        self.answer = ""
        self.problem = ""
        self._is_chaired = False

    def take(self, event: DebateEvent) -> None:
        if isinstance(event, DebatePaused):
            self.problem = problem_of(event)
        elif isinstance(event, TurnFinished) and event.turn.from_user:
            self._is_chaired = event.turn.debaters is not None
        elif isinstance(event, TurnFinished) and self._is_chaired:
            self.answer = event.turn.text

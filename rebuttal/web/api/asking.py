"""What follows a question to a panel, until its chair has summed up."""

from __future__ import annotations

from contextlib import aclosing

from rebuttal.app import DebateApp
from rebuttal.errors import BudgetSpent, Busy, ModelError, RebuttalError
from rebuttal.events import (
    DebateEvent,
    DebatePaused,
    DebateWaiting,
    TurnDelta,
    TurnDiscarded,
    TurnFinished,
    TurnWaiting,
)
from rebuttal.records import Id, Turn, Usage, Visitor
from rebuttal.web.api.chat_schemas import Delta, Discarded, Waiting
from rebuttal.web.api.pieces import Piece, Pieces
from rebuttal.web.api.schemas import Answer


class Asked(Answer):
    """The debate that the question became: kept, and to be heard like any other."""

    id: Id


class Spoken(Answer):
    """A turn of the debate, whole."""

    turn: Turn


class Answered(Answer):
    """The synthesis, and the turn that it is."""

    id: Id
    answer: str
    turn: Turn
    usage: Usage | None = None
    """Of the synthesis alone."""


async def pieces_of(
    app: DebateApp, name: str, question: str, seed: int | None, visitor: Visitor
) -> Pieces:
    """Raises what Panels.ask raises, and what keeps the panel from an answer."""
    hearing = _Hearing()
    asking = app.panels.ask(name, question, seed=seed, visitor=visitor)
    async with aclosing(asking) as events:
        async for event in events:
            if isinstance(event, str):
                hearing.debate_id = event
                yield "begun", Asked(id=event)
            elif piece := hearing.piece(event):
                yield piece


class _Hearing:
    def __init__(self) -> None:
        self.debate_id = ""
        self._sums_up = False

    def piece(self, event: DebateEvent) -> Piece | None:
        match event:
            case DebateWaiting():
                reason, number = f"waits for a free place, as {event.place}", event.position
                return "waiting", Waiting(reason=reason, position=number, seconds=event.seconds)
            case TurnWaiting():
                return "waiting", Waiting(reason=event.reason, fraction=event.fraction)
            case TurnDelta() if self._sums_up:
                return "delta", Delta(text=event.text, reasoning=event.reasoning)
            case TurnDiscarded() if self._sums_up:
                return "discarded", Discarded(reason=event.reason)
            case TurnFinished():
                return self._spoken(event.turn)
            case DebatePaused():
                raise _why(event)
        return None

    def _spoken(self, turn: Turn) -> Piece:
        if self._sums_up and not turn.from_user:
            said = Answered(id=self.debate_id, answer=turn.text, turn=turn, usage=turn.usage)
            return "done", said
        self._sums_up = self._sums_up or turn.debaters is not None
        return "progress", Spoken(turn=turn)


def _why(paused: DebatePaused) -> RebuttalError:
    words = paused.message or f"The panel gave no answer: {paused.reason}."
    hint = paused.hint or "What was said is kept; ask again, or go on with the debate."
    if paused.reason == "limit":
        return BudgetSpent(words, hint)
    return ModelError(words, hint) if paused.reason == "error" else Busy(words, hint)

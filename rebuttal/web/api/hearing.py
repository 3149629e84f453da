"""What follows a message, from the events of its conversation, until its answer is there."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from rebuttal.errors import BudgetSpent, Busy, ModelError
from rebuttal.events import (
    DebateEvent,
    DebateFinished,
    DebatePaused,
    DebateWaiting,
    TurnDelta,
    TurnDiscarded,
    TurnFinished,
    TurnWaiting,
)
from rebuttal.records import Turn
from rebuttal.web.api.chat_schemas import Delta, Discarded, Listener, Said, Waiting
from rebuttal.web.api.pieces import Piece, Pieces


class Hearing:
    """Makes pieces of the events that follow a message, until its answer is there."""

    def __init__(self, begun: Listener, message: str) -> None:
        self.rests = False
        """Whether there is nothing left to stop."""
        self._begun = begun
        self._message = message
        self._is_said = False
        self._told = ""

    async def pieces(self, batches: AsyncGenerator[list[DebateEvent], None]) -> Pieces:
        """Raises what kept the model from answering."""
        async with aclosing(batches):
            async for batch in batches:
                for event in batch:
                    if rest := self._untold(event):
                        yield "delta", Delta(text=rest)
                    piece = self._piece(event)
                    if piece:
                        yield piece
                    if self.rests:
                        return

    def _untold(self, event: DebateEvent) -> str:
        """What the whole answer has beyond its deltas: the last words of a fast model, or all."""
        if isinstance(event, TurnDiscarded):
            self._told = ""
        elif isinstance(event, TurnDelta) and self._is_said:
            self._told += event.text
        elif isinstance(event, TurnFinished) and self._is_said and not event.turn.from_user:
            whole = event.turn.text
            return whole[len(self._told) :] if whole.startswith(self._told) else ""
        return ""

    def _piece(self, event: DebateEvent) -> Piece | None:
        if isinstance(event, TurnFinished) and event.turn.from_user:
            self._is_said = self._is_said or event.turn.text == self._message
            return None
        if not self._is_said:
            return None
        match event:
            case DebateWaiting():
                reason, number = f"waits for a free place, as {event.place}", event.position
                return "waiting", Waiting(reason=reason, position=number, seconds=event.seconds)
            case TurnWaiting():
                return "waiting", Waiting(reason=event.reason, fraction=event.fraction)
            case TurnDelta():
                return "delta", Delta(text=event.text, reasoning=event.reasoning)
            case TurnDiscarded():
                return "discarded", Discarded(reason=event.reason)
            case TurnFinished():
                self.rests = True
                return "done", self._said(event.turn)
            case DebatePaused() | DebateFinished():
                self.rests = True
                return "done", self._unsaid(event)
        return None

    def _said(self, turn: Turn) -> Said:
        return Said(
            **self._begun.model_dump(),
            text=turn.text,
            finish=turn.finish,
            generation_time=turn.timings.total if turn.timings else None,
            usage=turn.usage,
            turn_id=turn.id,
        )

    def _unsaid(self, event: DebatePaused | DebateFinished) -> Said:
        """Where somebody stopped it before the first word. Raises for every other reason."""
        if isinstance(event, DebateFinished) or event.reason == "stopped":
            return Said(**self._begun.model_dump(), text="", finish="stopped")
        hint = event.hint or "What you said is kept; say it again, or something else."
        words = event.message or f"There was no answer: {event.reason}."
        if event.reason == "error":
            raise ModelError(words, hint)
        if event.reason == "limit":
            raise BudgetSpent(words, hint)
        raise Busy(words, hint)

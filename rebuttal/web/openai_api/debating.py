"""A panel's answer: its debate as what was thought, and the synthesis as what is said."""

from __future__ import annotations

from contextlib import aclosing

from rebuttal.app import DebateApp
from rebuttal.errors import Busy, InvalidInput, RebuttalError, ServerFailed
from rebuttal.events import (
    DebateEvent,
    DebateFinished,
    DebatePaused,
    TurnDelta,
    TurnDiscarded,
    TurnFinished,
    TurnStarted,
)
from rebuttal.line import cast
from rebuttal.material import one_line
from rebuttal.records import Panel, Turn, Visitor
from rebuttal.web.openai_api.pieces import (
    AT_WORK,
    Piece,
    Pieces,
    Reason,
    Tokens,
    reason_of,
    tokens_of,
)
from rebuttal.web.openai_api.wish import Wish

LEAST_TOKENS = 16
STOPPED = "Somebody stopped the debate."


async def debated(app: DebateApp, wish: Wish, panel: Panel, visitor: Visitor) -> Pieces:
    """The last message is the question; raises what Panels.ask raises, and where it pauses."""
    *earlier, question = wish.said
    if question.role != "user" or not question.content.strip():
        raise InvalidInput(
            "A panel is asked with the last message, which has to be the user's.",
            "Put the question there.",
        )
    if wish.most_tokens is not None:
        most = {"max_tokens": max(wish.most_tokens, LEAST_TOKENS)}
        panel = panel.model_copy(update={"chair": panel.chair.model_copy(update=most)})
    asking = app.panels.ask(
        panel, question.content, earlier=earlier, seed=wish.seed, visitor=visitor
    )
    telling = Telling({})
    async with aclosing(asking) as events:
        async for event in events:
            if isinstance(event, str):
                debate = await app.debate(event, visitor=visitor)
                telling = Telling({seat: one.name for seat, one in cast(debate, ()).items()})
                yield AT_WORK
            else:
                yield telling.take(event)


class Telling:
    """Turns the events of a panel into pieces. A turn that was missed is told when it is whole."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names
        self._chaired = False
        self._told = ""
        self._began = False
        self._tokens = Tokens()
        self._finish: Reason = "stop"

    def take(self, event: DebateEvent) -> Piece:
        """Raises where the debate does not go on."""
        match event:
            case TurnStarted():
                self._told = ""
                return self._heading(event)
            case TurnDelta():
                self._told += event.text
                return self._piece(event.text)
            case TurnDiscarded():
                self._told = ""
                return AT_WORK if self._chaired else Piece(reasoning=f"\n\n*({event.reason})*\n\n")
            case TurnFinished():
                return self._finished(event.turn)
            case DebatePaused():
                raise _why(event)
            case DebateFinished():
                return Piece(finish=self._finish, tokens=self._tokens)
        return AT_WORK

    def _heading(self, event: TurnStarted) -> Piece:
        if self._chaired:
            return AT_WORK
        gap, self._began = "\n\n" if self._began else "", True
        name = one_line(self._names.get(event.seat, event.seat), 60)
        return Piece(reasoning=f"{gap}**{name}**, round {event.round} of {event.rounds}\n\n")

    def _piece(self, text: str) -> Piece:
        return Piece(text=text) if self._chaired else Piece(reasoning=text)

    def _finished(self, turn: Turn) -> Piece:
        if turn.from_user:
            self._chaired = self._chaired or turn.debaters is not None
            return AT_WORK
        self._tokens += tokens_of(turn.usage, thought=not self._chaired)
        self._finish = reason_of(turn.finish)
        missed = turn.text[len(self._told) :] if turn.text.startswith(self._told) else ""
        self._told = ""
        return self._piece(missed)


def _why(paused: DebatePaused) -> RebuttalError:
    message = paused.message or STOPPED
    if paused.reason == "limit":
        return Busy(message, paused.hint, 0.0)
    return ServerFailed(message, paused.hint or "Ask again, or go on with it on the page.")

"""What the page of a link is told: pieces of HTML of ours, as the debate goes on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from rebuttal.events import (
    DebateEvent,
    DebateFinished,
    DebatePaused,
    DebateRewound,
    DebateWaiting,
    TurnDelta,
    TurnDiscarded,
    TurnFinished,
    TurnStarted,
    TurnWaiting,
)
from rebuttal.export.page import heading_html, looks, openings, turn_html
from rebuttal.export.reader import rendered
from rebuttal.languages import language_code
from rebuttal.line import cast, seated
from rebuttal.material import one_line
from rebuttal.records import Debate, Turn, now

Piece = dict[str, object]

PAUSES = {
    "stopped": "Stopped by whoever runs it.",
    "paused": "Paused by whoever runs it.",
    "unwatched": "Paused: whoever runs it is not looking.",
    "interrupted": "Interrupted. Whoever runs it can go on with it.",
    "limit": "Paused at a limit.",
    "error": "Paused: a model could not speak.",
}
SILENT = "…"
"""Stands in a turn of which nothing has been said yet."""

# Those who read along ask for the same words at the same moment.
_words_html = lru_cache(maxsize=64)(rendered)

GROWTH = 1.02
"""By how much a turn in progress grows before it is rendered anew: to render it takes as long as it
is, so that ten times a second would be too often in the end."""


class Feed:
    """Turns events of a debate into pieces. A page that got them all shows the debate as it is.

    ``whole`` begins it; ``take`` goes on, and says None where the line has changed, so that it has
    to begin anew.
    """

    def __init__(self, debate: Debate, line: Sequence[Turn]) -> None:
        self._debate = debate
        self._line = list(line)
        self._names = {seat: one.name for seat, one in cast(debate, line).items()}
        self._looks = looks(debate, line)
        self._text = ""
        self._shown = 0

    @property
    def last(self) -> str | None:
        """The turn that the line ends with."""
        return self._line[-1].id if self._line else None

    def whole(self, after: str | None = None) -> list[Piece]:
        """The heading, and all turns behind the one called ``after``, where there is such a one."""
        known = next((n for n, turn in enumerate(self._line, 1) if turn.id == after), 0)
        head = heading_html(seated(self._debate, self._line))
        begin: Piece = {
            "kind": "begin",
            "after": after if known else None,
            "head": head,
            "lang": language_code(self._debate.language),
        }
        opens = openings(self._debate, self._line)
        turns = zip(self._line[known:], opens[known:], strict=True)
        return [begin, *(self._turn(turn, opening) for turn, opening in turns)]

    def take(self, event: DebateEvent) -> list[Piece] | None:
        """What to tell of an event; None: read the debate again."""
        if isinstance(event, TurnFinished):
            return self._finish(event.turn)
        if isinstance(event, DebateRewound):
            return None
        if isinstance(event, TurnDelta):
            return self._say(event.text)
        if isinstance(event, TurnStarted):
            return self._start(event)
        words = self._state(event)
        if isinstance(event, TurnDiscarded):
            return [*self._say("", anew=True), _state(words)]
        if isinstance(event, DebatePaused | DebateFinished):
            return [_live(""), _state(words, rests=True)]
        return [_state(words)] if words else []

    def _finish(self, turn: Turn) -> list[Piece] | None:
        if any(known.id == turn.id for known in self._line):
            return []
        if turn.parent_id != self.last or turn.debaters:
            return None
        self._line.append(turn)
        return [_live(""), self._turn(turn, openings(self._debate, self._line)[-1])]

    def _start(self, event: TurnStarted) -> list[Piece]:
        self._text, self._shown = "", 0
        turn = Turn(
            id="live", parent_id=self.last, speaker=event.seat, text=SILENT, created_at=now()
        )
        opens = openings(self._debate, [*self._line, turn])[-1]
        html = turn_html(self._debate, self._looks, turn, opens=opens)
        said = f"{self._name(event.seat)} is speaking, round {event.round} of {event.rounds}."
        return [_live(html), _state(said)]

    def _say(self, text: str, anew: bool = False) -> list[Piece]:
        self._text = text if anew else self._text + text
        if not anew and len(self._text) < self._shown * GROWTH:
            return []
        self._shown = len(self._text)
        return [{"kind": "words", "html": _words_html(self._text or SILENT)}]

    def _turn(self, turn: Turn, opens: int) -> Piece:
        html = turn_html(self._debate, self._looks, turn, opens=opens)
        return {"kind": "turn", "id": turn.id, "html": html}

    def _state(self, event: DebateEvent) -> str:
        if isinstance(event, DebateWaiting):
            return f"Waits for a free place, as {event.place}."
        if isinstance(event, TurnWaiting):
            return f"{self._name(event.seat)} is about to speak."
        if isinstance(event, TurnDiscarded):
            return f"{self._name(event.seat)} begins again."
        if isinstance(event, DebatePaused):
            return PAUSES[event.reason]
        return "The debate is over." if isinstance(event, DebateFinished) else ""

    def _name(self, seat: str) -> str:
        return one_line(self._names.get(seat, seat), 60)


def _live(html: str) -> Piece:
    return {"kind": "live", "html": html}


def _state(words: str, rests: bool = False) -> Piece:
    return {"kind": "state", "words": words, "rests": rests}

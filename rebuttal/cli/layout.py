"""A debate live on a terminal: turns scroll away as they end, the one in progress stands below."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from rebuttal.cli.layout_colours import styles
from rebuttal.cli.layout_frame import ASCII, LEAST_COLUMNS, LEAST_ROWS, Frame, Signs
from rebuttal.cli.layout_region import Region, reflows
from rebuttal.cli.layout_table import Speech, Table
from rebuttal.events import (
    ContextTrimmed,
    DebateEvent,
    DebateFinished,
    DebatePaused,
    DebateRewound,
    TurnDiscarded,
    TurnFinished,
)
from rebuttal.material import clean, one_line
from rebuttal.records import Debate, Turn

EVERY = 0.1
"""Seconds between two looks at whether something is to be drawn."""
AT_LEAST = 0.5
"""Seconds after which the clocks are drawn anew."""


def can_lay_out(out: Console) -> bool:
    """Whether it is a terminal that can be drawn on, and large enough."""
    drawn_on = out.is_terminal and not out.is_dumb_terminal and not out.legacy_windows
    columns, rows = Region(out).size() if drawn_on else (0, 0)
    return columns >= LEAST_COLUMNS and rows >= LEAST_ROWS


class Layout:
    """Shows the events of one debate, on a terminal for which ``can_lay_out`` holds.

    Use it in a running event loop, by which its clocks go.
    """

    def __init__(self, out: Console) -> None:
        self._out = out
        self._region = Region(out, reflows(os.environ))
        self._signs = Signs() if out.encoding.startswith("utf") else ASCII
        self._table: Table | None = None
        self._frame: Frame | None = None
        self._drawn_at = 0.0
        self._changed = False
        self._ticking: asyncio.TimerHandle | None = None

    def begin(self, debate: Debate) -> None:
        """Name the topic and who sits where, and draw from now on."""
        looks = styles(debate.debaters, os.environ)
        self._table = Table(debate, time.monotonic())
        self._frame = Frame(self._table, looks, self._signs)
        heading = [Text(clean(debate.topic), style="bold")]
        for debater in debate.debaters:
            stance = f"  {one_line(debater.stance)}" if debater.stance else ""
            line = Text("  ").append(one_line(debater.name), style=looks[debater.seat])
            heading.append(line.append(f"  {one_line(debater.model)}", style="dim").append(stance))
        columns, _ = self._region.size()
        self._draw([line for text in heading for line in text.wrap(self._out, columns)])
        self._tick()

    def show(self, event: DebateEvent) -> None:
        """Make the event visible, if there is anything to see of it."""
        if self._table is None or self._frame is None:
            return
        before = self._table.speech
        self._table.follow(event, time.monotonic())
        self._region.size()  # of which the console does not hear by itself
        settled = self._settled(event, self._frame, before)
        self._changed = True
        if isinstance(event, DebateFinished | DebatePaused):
            self._rests(settled)
        elif settled:
            self._draw(settled)

    def end(self) -> None:
        """Leave nothing open, and nothing that is drawn in place."""
        self._rests([])

    def _rests(self, settled: Sequence[Text]) -> None:
        """Nobody speaks any more: nothing stands below."""
        if self._ticking:
            self._ticking.cancel()
        self._frame = None
        self._draw(settled)

    def _settled(self, event: DebateEvent, frame: Frame, before: Speech | None) -> list[Text]:
        """What goes into the terminal's history with this event."""
        match event:
            case TurnFinished() if not event.turn.from_user:
                at = before if before and before.seat == event.turn.speaker else None
                return frame.whole(event.turn, at, self._out.width)
            case TurnFinished() if event.turn.parent_id is not None and event.turn.text:
                return self._note(event.turn, frame)
            case TurnDiscarded():
                return [Text(), frame.note(f"taken back: {event.reason}")]
            case ContextTrimmed():
                return [Text(), frame.note(event.words)]
            case DebateRewound():
                return [Text(), frame.note("somebody took the debate back to an earlier turn")]
            case DebateFinished():
                return [Text(), self._sum()]
            case _:
                return []

    def _note(self, turn: Turn, frame: Frame) -> list[Text]:
        body = frame.body(clean(turn.text), self._out.width - 1, "bold")
        return [Text(), Text("You", style="bold"), *body]

    def _sum(self) -> Text:
        assert self._table is not None
        table, seconds = self._table, time.monotonic() - self._table.began
        facts = [f"{table.turns} turn{'s' if table.turns != 1 else ''}"]
        if table.tokens:
            facts.append(f"{table.tokens} tokens")
        facts.append(f"{seconds:.0f} s")
        return Text(self._signs.dot.join(facts), style="dim")

    def _tick(self) -> None:
        if self._changed or time.monotonic() - self._drawn_at >= AT_LEAST:
            self._draw()
        self._ticking = asyncio.get_running_loop().call_later(EVERY, self._tick)

    def _draw(self, settled: Sequence[Text] = ()) -> None:
        now = time.monotonic()
        columns, rows = self._region.size()
        lines = self._frame.lines(now, columns, rows) if self._frame else []
        self._region.draw(lines, settled)
        self._drawn_at, self._changed = now, False

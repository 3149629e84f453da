"""What stands at the bottom of the terminal: the turn in progress, and a status below it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from rebuttal.cli.layout_table import Place, Speech, Table
from rebuttal.cli.wrap import Wrap
from rebuttal.export import CUTS
from rebuttal.material import clean, one_line
from rebuttal.records import Debater, Turn

LEAST_COLUMNS, LEAST_ROWS = 30, 8
"""On a smaller terminal nothing is drawn in place."""
WIDE = 63
"""Columns from which on models and speeds stand beside the names."""
BAR = 8


@dataclass(frozen=True)
class Signs:
    """What lines are drawn with."""

    margin: str = "│ "
    rule: str = "─"
    full: str = "█"
    empty: str = "░"
    mark: str = "▶"
    dot: str = " · "
    about: str = "~"
    turning: str = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


ASCII = Signs("| ", "-", "#", ".", ">", " | ", "~", "|/-\\")


class Frame:
    """Draws a Table in ``signs``, with each seat in its style."""

    def __init__(self, table: Table, styles: Mapping[str, str], signs: Signs) -> None:
        self._table = table
        self._styles = styles
        self._signs = signs

    def lines(self, now: float, columns: int, rows: int) -> list[Text]:
        """At most ``rows`` - 1 lines, each narrower than the terminal."""
        width = columns - 1
        status = [self._status(now, width)]
        if rows >= LEAST_ROWS + len(self._table.places):
            status += [self._seat(place, width) for place in self._table.places.values()]
        spoken = self._spoken(now, width, rows - 2 - len(status))
        lines = [*spoken, *status]
        for line in lines:
            line.truncate(width, overflow="ellipsis" if self._signs.margin == "│ " else "crop")
        return lines

    # --- the turn ---------------------------------------------------------------------------------

    def _spoken(self, now: float, width: int, room: int) -> list[Text]:
        """The end of what is said, as far as there is room."""
        speech = self._table.speech
        if speech is None or room < 3:
            return [Text()]
        place = self._table.places.get(speech.seat)
        style = self._styles.get(speech.seat, "bold")
        head = self.head(place.debater if place else None, speech, speech.seat)
        body = self.body(speech.text, width, style) if speech.text else []
        if not speech.text or speech.waiting:
            body.append(self._waiting(speech, now, style))
        return [Text(), head, *body[-(room - 3) :], Text()]

    def _waiting(self, speech: Speech, now: float, style: str) -> Text:
        turning = self._signs.turning[int(now * 8) % len(self._signs.turning)]
        share = f" {speech.fraction:.0%}" if speech.fraction is not None else ""
        said = speech.waiting or ("thinks" if speech.thought else "reads")
        since = _clock(now - speech.began)
        line = Text(self._signs.margin, style=style)
        return line.append(f"{turning} {said}{share}  {since}", style="dim not bold default")

    def head(self, debater: Debater | None, at: Speech | None, seat: str) -> Text:
        """Who speaks, and in which round."""
        name = one_line(debater.name if debater else seat, 60)
        emoji = one_line(debater.persona.emoji or "", 8) if debater else ""
        drawn = self._signs.margin == "│ "
        head = Text(f"{emoji} " if emoji and drawn else "")
        head.append(name, style=self._styles.get(seat, "bold"))
        if at and at.rounds > 1:
            head.append(f"  round {at.round} of {at.rounds}", style="dim")
        return head

    def body(self, text: str, width: int, style: str) -> list[Text]:
        """Lines of it behind the margin."""
        wrap = Wrap(width - len(self._signs.margin))
        said = wrap.feed(text) + wrap.flush()
        margin = self._signs.margin
        return [
            Text(margin if line else margin.rstrip(), style=style).append(
                line, style="not bold default"
            )
            for line in said.rstrip("\n").split("\n")
        ]

    def whole(self, turn: Turn, speech: Speech | None, columns: int) -> list[Text]:
        """A turn that has ended, as it was kept."""
        place = self._table.places.get(turn.speaker)
        head = self.head(place.debater if place else None, speech, turn.speaker)
        facts = self._signs.dot.join(_facts(turn))
        if facts and cell_len(head.plain) + 2 + cell_len(facts) < columns:
            head.append(f"  {facts}", style="dim")
        style = self._styles.get(turn.speaker, "bold")
        lines = [Text(), head, *self.body(clean(turn.text), columns - 1, style)]
        if turn.finish != "stop":
            lines.append(self.note(CUTS[turn.finish]))
        return lines

    def note(self, words: str) -> Text:
        """Something beside the turns."""
        return Text(f"  ({one_line(words)})", style="dim")

    # --- the status -------------------------------------------------------------------------------

    def _status(self, now: float, width: int) -> Text:
        table, speech = self._table, self._table.speech
        said = []
        if speech:
            place = table.places.get(speech.seat)
            name = one_line(place.debater.name if place else speech.seat, 24)
            said.append(f"{name} {'speaks' if speech.text else 'is asked'}")
            if speech.rounds > 1:
                word = "round " if width >= WIDE else ""
                said.append(f"{word}{speech.round} of {speech.rounds}")
        elif table.in_line:
            said.append(f"waits, as {table.in_line}")
        else:
            said.append("between two turns" if table.turns else "begins")
        said.append(_clock(now - table.began))
        signs = self._signs
        line = Text(signs.rule * 2, style="dim").append(f" {signs.dot.join(said)} ")
        return line.append(signs.rule * max(width - cell_len(line.plain), 0))

    def _seat(self, place: Place, width: int) -> Text:
        signs, places = self._signs, self._table.places.values()
        speaks = self._table.speech and self._table.speech.seat == place.debater.seat
        names = max(cell_len(one_line(one.debater.name, 20)) for one in places)
        line = Text(f"{signs.mark} " if speaks else "  ", style=self._style(place))
        line.append(_padded(one_line(place.debater.name, 20), min(names, width - 19)))
        if width >= WIDE:
            models = max(cell_len(one_line(one.debater.model, 20)) for one in places)
            model = _padded(one_line(place.debater.model, 20), models)
            line.append(f"  {model}", style="dim not bold default")
            line.append(f"  {self._speed(place):>13}", style="not bold default")
        line.append("  ").append_text(self._meter(place))
        if place.unseen and width >= WIDE:
            line.append(f"  without the oldest {place.unseen}", style="dim not bold default")
        return line

    def _style(self, place: Place) -> str:
        return self._styles.get(place.debater.seat, "bold")

    def _speed(self, place: Place) -> str:
        if place.speed is None:
            return ""
        about = "" if place.counted else self._signs.about
        return f"{about}{place.speed:.0f} tokens/s"

    def _meter(self, place: Place) -> Text:
        """How full the seat's context is."""
        share = place.fullness
        if share is None:
            return Text("")
        filled = round(share * BAR)
        style = "red" if share > 0.9 else "not bold default"
        bar = Text(self._signs.full * filled, style=style)
        bar.append(self._signs.empty * (BAR - filled), style="dim not bold default")
        return bar.append(f" {share:>4.0%}", style="not bold default")


def _facts(turn: Turn) -> list[str]:
    """What it took."""
    facts = []
    if turn.usage and turn.usage.completion_tokens:
        facts.append(f"{turn.usage.completion_tokens} tokens")
    if turn.timings:
        facts.append(f"{turn.timings.total:.1f} s")
    return facts


def _clock(seconds: float) -> str:
    minutes, left = divmod(int(max(seconds, 0.0)), 60)
    return f"{minutes}:{left:02}"


def _padded(text: str, width: int) -> str:
    """In so many columns, cut where it has more."""
    shown = Text(text)
    shown.truncate(width, overflow="ellipsis", pad=True)
    return shown.plain

"""Colours of debaters on a terminal, of which nobody knows for certain whether it is dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rebuttal.colour import contrast, inks, seat_colours
from rebuttal.records import Debater

BLACK, WHITE = "#000000", "#ffffff"
_LIGHT = ("7", "15")
_DARK = ("0", "1", "2", "3", "4", "5", "6", "8")


def styles(debaters: Sequence[Debater], environment: Mapping[str, str]) -> dict[str, str]:
    """How what belongs to each seat is written, no two alike."""
    colours = seat_colours([debater.persona.colour for debater in debaters])
    return {
        debater.seat: f"bold {ink(colour, environment)}"
        for debater, colour in zip(debaters, colours, strict=True)
    }


def ink(colour: str, environment: Mapping[str, str]) -> str:
    """``colour`` as text that can be read on the terminal's paper, or on any if that is unknown."""
    paper = environment.get("COLORFGBG", "").rpartition(";")[2]
    if paper in _LIGHT:
        return inks(colour)[0]
    if paper in _DARK:
        return inks(colour)[1]
    return _between(colour)


def _between(colour: str) -> str:
    """Moved towards black or white until it stands out from both as much as from the other."""
    target = BLACK if contrast(colour, BLACK) > contrast(colour, WHITE) else WHITE
    steps = (_mixed(colour, target, step / 40) for step in range(41))
    return min(steps, key=lambda one: abs(contrast(one, BLACK) - contrast(one, WHITE)))


def _mixed(colour: str, other: str, share: float) -> str:
    pairs = ((int(colour[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(one + (two - one) * share):02x}" for one, two in pairs)

"""Colours for debaters that can be read on both papers, the light and the dark."""

from __future__ import annotations

from collections.abc import Sequence

DAY = "#fbf9f5"
NIGHT = "#181613"
"""The two papers; page.css and the exported page use the same."""
CONTRAST = 4.6
"""A little over the 4.5 to 1 that WCAG AA asks for."""

SPARE = ("#2f6f9f", "#b03a3a", "#2f8a6b", "#7a5aa6", "#8a6d1f", "#a8457d")
"""For debaters whose persona has no colour, or one that another seat wears."""


def seat_colours(wished: Sequence[str | None]) -> list[str]:
    """One colour for each seat, no two alike: the wished one where it is free."""
    colours: list[str] = []
    for wish in wished:
        free = (spare for spare in SPARE if spare not in colours and spare not in wished)
        taken = wish is None or wish.lower() in colours
        colours.append((next(free, SPARE[len(colours) % 6]) if taken else wish or "").lower())
    return colours


def inks(colour: str) -> tuple[str, str]:
    """``colour`` as text on the light and on the dark paper, moved until it can be read."""
    return _readable(colour, DAY, (0, 0, 0)), _readable(colour, NIGHT, (255, 255, 255))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2, from 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _readable(colour: str, paper: str, towards: tuple[int, int, int]) -> str:
    channels = _channels(colour)
    for step in range(21):
        moved = [round(c + (t - c) * step / 20) for c, t in zip(channels, towards, strict=True)]
        ink = "#" + "".join(f"{channel:02x}" for channel in moved)
        if contrast(ink, paper) >= CONTRAST:
            return ink
    return "#" + "".join(f"{channel:02x}" for channel in towards)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255 for channel in _channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

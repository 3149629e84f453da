"""From the start of a process: bars for the page, a bare one, and first words."""

from __future__ import annotations

from statistics import median
from typing import Any

from matplotlib.figure import Figure

BYTECODE = {"warm": "with bytecode", "none": "without", "as-is": "as it is"}
HEIGHT = 0.8


def draw(figures: Any) -> Figure:
    """A group of bars for each thing that is started, a colour for each kind of start."""
    figure = Figure()
    axes = figure.add_subplot()
    names = [*next(iter(figures.values()))]
    each = HEIGHT / len(figures)
    for number, (bytecode, taken) in enumerate(figures.items()):
        middles = [place + (number - (len(figures) - 1) / 2) * each for place in range(len(names))]
        seconds = [median(taken[name]) for name in names]
        bars = axes.barh(middles, seconds, each, label=BYTECODE[bytecode])
        axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("seconds from the start of the process, median")
    axes.legend(loc="lower right")
    return figure

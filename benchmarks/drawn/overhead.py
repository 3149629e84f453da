"""The same debate in each way: first words, silences, and its length beside the bare client's."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from matplotlib.figure import Figure

BARE = "bare openai client"


def draw(figures: Any) -> Figure:
    """Three panels with a bar for each way."""
    figure = Figure(figsize=(8.6, 3.0))
    ways = figures["ways"]
    names = [*ways]
    ratios = [
        median(
            one["talk"] / plain["talk"] for one, plain in zip(ways[name], ways[BARE], strict=True)
        )
        for name in names
    ]
    panels: dict[str, Sequence[float]] = {
        "s to the first words": [median(one["first"] for one in ways[name]) for name in names],
        "ms between two turns": [
            1000 * median(gap for one in ways[name] for gap in one["gaps"]) for name in names
        ],
        "from first to last word, ratio": ratios,
    }
    formats = ("%.2f", "%.0f", "%.3f")
    for number, (title, values) in enumerate(panels.items()):
        axes = figure.add_subplot(1, 3, number + 1)
        colours = [f"C{place}" for place in range(len(names))]
        bars = axes.barh(names, values, 0.6, color=colours)
        axes.bar_label(bars, fmt=formats[number], padding=3)
        axes.set_xlim(0, max(values) * 1.25)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_title(title, fontsize=9)
        if number:
            axes.set_yticklabels([])
    return figure

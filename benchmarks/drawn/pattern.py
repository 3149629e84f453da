"""Bars of the three views, by model: what was read, what it took, what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

SHOWN: tuple[tuple[str, Callable[[Any], float]], ...] = (
    ("prompt tokens read a turn", lambda score: score["cost"]["evaluated"] / score["turns"]),
    ("seconds a turn", lambda score: score["cost"]["seconds"] / score["turns"]),
    ("near copies in 100 turns", lambda score: 100 * score["near_copies"] / score["turns"]),
)


def draw(figures: Any) -> Figure:
    """One plot a figure, one group of bars a model."""
    figure = Figure(figsize=(9.0, 3.2))
    for place, (title, value) in enumerate(SHOWN, 1):
        axes = figure.add_subplot(1, len(SHOWN), place)
        views = list(next(iter(figures.values())))
        width = 0.8 / len(views)
        for number, view in enumerate(views):
            at = [model + number * width for model in range(len(figures))]
            axes.bar(at, [value(scores[view]) for scores in figures.values()], width, label=view)
        axes.set_title(title, fontsize=10)
        axes.set_xticks([model + 0.4 - width / 2 for model in range(len(figures))], [*figures])
        axes.grid(axis="x", visible=False)
        if place == 1:
            axes.legend()
    return figure

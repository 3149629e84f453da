"""What each surface adds to the first words, and how long they are on their way."""

from __future__ import annotations

from statistics import median
from typing import Any

from matplotlib.figure import Figure

BARE = "bare openai client"
LEAST = 0.5


def draw(figures: Any) -> Figure:
    """A bar for each surface that gives words as they come, on a logarithmic scale."""
    figure = Figure()
    axes = figure.add_subplot()
    plain = [one["first"] - one["asked"] for one in figures[BARE]]
    names = [name for name, all_ in figures.items() if name != BARE and all_[0]["first"]]
    added, delivery = [], []
    for name in names:
        own = [one["first"] - one["asked"] for one in figures[name]]
        added.append(
            1000 * median(one - other for one, other in zip(own, plain, strict=True)),
        )
        delivery.append(1000 * median(one["first"] - one["endpoint"][1] for one in figures[name]))
    places = [*range(len(names))]
    for shift, values, label in (
        (-0.2, added, "added to the first words"),
        (0.2, delivery, "delivery"),
    ):
        # A logarithmic scale has no place for what is too little to be told from none.
        shown = [max(value, LEAST) for value in values]
        bars = axes.barh([place + shift for place in places], shown, 0.4, label=label)
        axes.bar_label(bars, fmt="%.0f", padding=3)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("milliseconds, median")
    figure.legend(loc="outside upper center", ncols=2)
    return figure

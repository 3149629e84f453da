"""What imports cost by package: ours until served and until first words, and a bare page."""

from __future__ import annotations

from statistics import median
from typing import Any

from matplotlib.figure import Figure

SHOWN = 14


def draw(figures: Any) -> Figure:
    """Two bars for each of the dearest packages: of our page and of a bare one."""
    figure = Figure(figsize=(7.2, 5.4))
    axes = figure.add_subplot()
    costs = {name: _medians(cost) for name, cost in figures.items()}
    dearest = sorted(costs, key=lambda name: -max(sum(costs[name][:2]), costs[name][2]))
    shown, others = dearest[:SHOWN], [costs[name] for name in dearest[SHOWN:]]
    costs["all others"] = tuple(sum(column) for column in zip(*others, strict=True))
    names = [*shown, "all others"] if others else shown
    served, words, bare = zip(*(costs[name] for name in names), strict=True)
    places = [*range(len(names))]
    axes.barh([p - 0.2 for p in places], served, 0.4, label="until our page is served")
    axes.barh(
        [p - 0.2 for p in places], words, 0.4, left=served, label="from then to the first words"
    )
    axes.barh(
        [p + 0.2 for p in places], bare, 0.4, color="#94a3b8", label="until a bare page is served"
    )
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("milliseconds in the package's own modules, median")
    axes.legend(loc="lower right")
    return figure


def _medians(cost: Any) -> tuple[float, ...]:
    return tuple(median(cost[part]) for part in ("served", "words", "bare"))

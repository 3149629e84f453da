"""How busy the browser is with a streamed turn, and how old the words are, by the page."""

from __future__ import annotations

from statistics import median
from typing import Any

from matplotlib.figure import Figure


def draw(figures: Any) -> Figure:
    """Bars a page, medians over its samples."""
    names = [*figures]
    of = {
        key: [100 * median(one[key] for one in samples) for samples in figures.values()]
        for key in ("busy", "script", "layout")
    }
    lags = [1000 * median(one["lag_p95"] for one in samples) for samples in figures.values()]
    drawing = [busy - a - b for busy, a, b in zip(*of.values(), strict=True)]
    figure = Figure(figsize=(7.2, 0.9 + 0.4 * len(names)))
    left, right = figure.subplots(1, 2, sharey=True)
    start = [0.0] * len(names)
    parts = {"script": of["script"], "style, layout": of["layout"], "drawing, other": drawing}
    for name, widths in parts.items():
        left.barh(names, widths, left=start, label=name)
        start = [one + other for one, other in zip(start, widths, strict=True)]
    left.axvline(50, color="#64748b", linestyle="--")
    left.set(xlabel="main thread busy, %")
    right.barh(names, lags, color="#4f46e5")
    right.set(xlabel="lag of a word, p95, ms")
    if max(lags) > 20 * min(lags):
        right.set(xscale="log")
    left.invert_yaxis()
    for axes in (left, right):
        axes.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=3)
    return figure

"""What is delivered and how late, by the number of debates: the page beside bare Gradio pages."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

NAMES = {
    "page": "Rebuttal's page",
    "events": "Rebuttal, server-sent events",
    "tuned": "bare Gradio page, tuned",
    "default": "bare Gradio page, as it comes",
}


def draw(figures: Any) -> Figure:
    figure = Figure(figsize=(7.2, 3.4))
    share, lag = figure.subplots(1, 2)
    for way, name in NAMES.items():
        measured = figures.get(way, ())
        counts = [one["debates"] for one in measured]
        share.plot(counts, [100 * one["delivered"] for one in measured], "o-", label=name)
        lag.plot(counts, [one["p95"] for one in measured], "o-")
    share.set(xlabel="debates at once", ylabel="tokens delivered, %", ylim=(0, 105))
    lag.set(xlabel="debates at once", ylabel="lag p95 of those delivered, ms", yscale="log")
    figure.legend(loc="outside lower center", ncols=2)
    return figure

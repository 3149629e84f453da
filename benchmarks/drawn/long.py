"""What the two apps held by the minute, and what a turn of the long debate has the server read."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

HELD = (("memory", "memory, MiB"), ("files", "open files"), ("tasks", "tasks"))


def draw(figures: Any) -> Figure:
    """The run above, dots where everybody had left; the debate below."""
    figure = Figure(figsize=(9.0, 5.6))
    (above,), (below,) = figure.subfigures(2, 1, squeeze=False)
    for place, (held, title) in enumerate(HELD, 1):
        axes = above.add_subplot(1, len(HELD), place)
        for number, (name, app) in enumerate(figures["run"].items()):
            samples, rests = app["samples"], app["rests"]
            colour = f"C{number}"
            minutes = [one["minute"] for one in samples]
            axes.plot(minutes, [one[held] for one in samples], lw=1, color=colour, label=name)
            at_rest = [one[held] for one in rests]
            axes.plot([one["minute"] for one in rests], at_rest, "o", ms=4, color=colour)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("minutes")
        axes.set_ylim(bottom=0)
        if place == 1:
            axes.legend(loc="lower right")
    turns = figures["debate"]["turns"]
    axes = below.add_subplot()
    numbers = range(1, len(turns) + 1)
    axes.plot(numbers, [turn["view"] / 1000 for turn in turns], label="the view")
    axes.bar(numbers, [turn["new"] / 1000 for turn in turns], color="C1", label="new in it")
    axes.set_title("a debate of many turns: thousand characters", fontsize=10)
    axes.set_xlabel("turn")
    axes.legend()
    return figure

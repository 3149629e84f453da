"""Stacked bars in plain HTML and CSS, with the numbers as a table beneath.

Gradio's own plots need pandas and a megabyte of script that wants ``unsafe-eval``; SVG loses its
``viewBox`` in Gradio's sanitizer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rebuttal.colour import inks
from rebuttal.markdown import safe_line

LABELS = 7
"""Words beneath the bars, at most."""


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of the bars: a number for each of them."""

    name: str
    colour: str
    values: Sequence[float]

    @property
    def style(self) -> str:
        """Its ink on the light and on the dark paper."""
        return "--day:{};--night:{}".format(*inks(self.colour))


def plot(
    title: str,
    moments: Sequence[str],
    series: Sequence[Series],
    said: Callable[[float], str],
) -> str:
    """The figure. ``moments`` name the bars from the left; ``said`` puts a number into words."""
    sums = [sum(one.values[at] for one in series) for at in range(len(moments))]
    top = ceiling(max(sums, default=0))
    bars = "".join(_bar(moments[at], at, sums[at], series, top, said) for at in range(len(moments)))
    lines = "".join(
        f'<div class="tick" style="--at:{share:.0%}"><span>{said(top * share)}</span></div>'
        for share in (0.5, 1)
    )
    return (
        f'<figure class="plot"><figcaption>{title}</figcaption>{_key(series)}'
        f'<div class="field">{lines}<div class="bars" style="--count:{len(moments)}">{bars}</div>'
        f"{_axis(moments)}</div></figure>"
        f"{table_of(title, moments, series, sums, said)}"
    )


def ceiling(most: float) -> float:
    """The next round number of which half is round, too: 2, 4, 6, 8, 10 or 20, with zeros."""
    if most <= 0:
        return 2.0
    power: float = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (2, 4, 6, 8, 10) if most <= step * power * (1 + 1e-9))


def table_of(
    title: str,
    moments: Sequence[str],
    series: Sequence[Series],
    sums: Sequence[float],
    said: Callable[[float], str],
) -> str:
    """The same as numbers, folded away; moments at which nothing was are left out."""
    top = "".join(f'<th scope="col">{safe_line(one.name)}</th>' for one in series)
    rows = "".join(
        f'<tr><th scope="row">{moment}</th>'
        + "".join(f"<td>{said(one.values[at])}</td>" for one in series)
        + f"<td>{said(sums[at])}</td></tr>"
        for at, moment in reversed([*enumerate(moments)])
        if sums[at]
    )
    return (
        '<details class="numbers"><summary>The same as numbers</summary><div class="shelf">'
        f'<table><caption class="unseen">{title}</caption><thead><tr><th scope="col">When</th>{top}'
        f'<th scope="col">Together</th></tr></thead><tbody>{rows}</tbody></table></div></details>'
    )


def _bar(
    moment: str,
    at: int,
    total: float,
    series: Sequence[Series],
    top: float,
    said: Callable[[float], str],
) -> str:
    parts = "".join(
        f'<i style="--high:{one.values[at] / top:.2%};{one.style}"></i>'
        for one in series
        if one.values[at]
    )
    words = f"{moment}: {said(total)}"
    return f'<div class="bar" title="{words}">{parts}</div>'


def _key(series: Sequence[Series]) -> str:
    """Which colour is whose."""
    names = "".join(f'<li><i style="{one.style}"></i>{safe_line(one.name)}</li>' for one in series)
    return f'<ul class="key">{names}</ul>' if len(series) > 1 else ""


def _axis(moments: Sequence[str]) -> str:
    """Some of the moments, so that they can be read."""
    step = max(1, math.ceil(len(moments) / LABELS))
    words = "".join(
        f'<span style="--from:{at / len(moments):.2%}">{moment}</span>'
        for at, moment in enumerate(moments)
        if at % step == 0
    )
    return f'<div class="axis">{words}</div>'

"""Tallies -> what the Insight tab shows: sums, bars over time, and who said how much."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from rebuttal.colour import seat_colours
from rebuttal.markdown import safe_line
from rebuttal.records import Persona, Tally
from rebuttal.ui.plot import Series, plot

By = Literal["model", "persona"]
Measure = Literal["turns", "tokens", "seconds", "cost", "debates"]
MEASURES: dict[Measure, str] = {
    "turns": "Turns",
    "tokens": "Tokens",
    "seconds": "Time",
    "cost": "Cost",
    "debates": "Debates",
}
MOST_SERIES = 6
"""Names with a colour of their own; the rest share one."""
OTHERS = "Others"
OTHERS_COLOUR = "#8a8178"
WEEKLY = 60
"""Days from which on a bar is a week."""


@dataclass(frozen=True, slots=True)
class Names:
    """How personas are called and coloured now, and what money is called."""

    personas: Mapping[str, Persona]
    currency: str

    def of(self, key: str, by: By) -> str:
        """A name for people."""
        if by == "persona":
            known = self.personas.get(key)
            return known.name if known else key or "Somebody"
        return key or "Unknown"

    def said(self, measure: Measure) -> Callable[[float], str]:
        """How a number of that kind is told."""
        if measure == "seconds":
            return duration
        return money if measure == "cost" else short

    def titled(self, measure: Measure) -> str:
        """What a number of that kind is of."""
        unit = f", {safe_line(self.currency)}" if measure == "cost" else ""
        return f"{MEASURES[measure]}{unit}"


def insight(
    tallies: Sequence[Tally], days: int, today: date, measure: Measure, by: By, names: Names
) -> str:
    """The whole page of numbers; words where there are none."""
    if not tallies:
        return (
            '<p class="empty"><strong>No numbers yet.</strong> What is said from now on is counted '
            "here, by model and persona. Try a longer time, or start a debate.</p>"
        )
    moments, bars = _buckets(days, today)
    told = names.said(measure)
    series = [
        Series(names.of(key, by), colour, _over_time(tallies, key, keys, by, measure, bars))
        for key, colour, keys in _series(tallies, by, measure, names)
    ]
    unit = "a week" if days >= WEEKLY else "a day"
    title = f"{names.titled(measure)} {unit}, by {by}"
    return (
        f'<div class="insight">{_sums(tallies, names)}{plot(title, moments, series, told)}'
        f"{_who('model', tallies, names)}{_who('persona', tallies, names)}</div>"
    )


def amount(tally: Tally, measure: Measure) -> float:
    """That number of a tally; a cost that is not known counts as none."""
    if measure == "tokens":
        return tally.prompt_tokens + tally.completion_tokens
    return float(getattr(tally, measure) or 0)


def short(value: float) -> str:
    """A count in few signs."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= max(size, 1e4):
            return f"{value / size:,.{1 if value < 100 * size else 0}f} {sign}"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def duration(seconds: float) -> str:
    """A time in few signs."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:,.{1 if seconds < 36000 else 0}f} h"


def money(value: float) -> str:
    """An amount with as many decimals as it needs."""
    return f"{value:,.{2 if value >= 1 else 4}f}" if value else "0"


def _sums(tallies: Sequence[Tally], names: Names) -> str:
    cells = "".join(
        f'<div><span class="sum">{_total(tallies, measure, names)}</span> '
        f'<span class="of">{names.titled(measure)}</span></div>'
        for measure in MEASURES
        if measure != "debates"
    )
    return f'<div class="sums">{cells}</div>'


def _total(tallies: Sequence[Tally], measure: Measure, names: Names) -> str:
    if measure == "cost" and all(tally.cost is None for tally in tallies):
        return "—"
    return names.said(measure)(sum(amount(tally, measure) for tally in tallies))


def _who(by: By, tallies: Sequence[Tally], names: Names) -> str:
    """A table of all measures, who said most first."""
    of: dict[str, list[Tally]] = defaultdict(list)
    for tally in tallies:
        of[_key(tally, by)].append(tally)
    ranked = sorted(of, key=lambda key: -sum(amount(tally, "turns") for tally in of[key]))
    top = "".join(f'<th scope="col">{names.titled(kind)}</th>' for kind in MEASURES)
    rows = "".join(
        f'<tr><th scope="row">{safe_line(names.of(key, by))}</th>'
        + "".join(f"<td>{_total(of[key], measure, names)}</td>" for measure in MEASURES)
        + "</tr>"
        for key in ranked
    )
    return (
        f'<div class="shelf"><table><caption>By {by}</caption><thead><tr><th scope="col">'
        f"{by.capitalize()}</th>{top}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _series(
    tallies: Sequence[Tally], by: By, measure: Measure, names: Names
) -> list[tuple[str, str, frozenset[str]]]:
    """Name, colour and keys of each, the largest first; the small ones are one."""
    sums: Counter[str] = Counter()
    for tally in tallies:
        sums[_key(tally, by)] += amount(tally, measure)  # type: ignore[assignment]
    ranked = [key for key, _ in sorted(sums.items(), key=lambda item: (-item[1], item[0]))]
    shown, rest = ranked, ranked[:0]
    if len(ranked) > MOST_SERIES:
        shown, rest = ranked[: MOST_SERIES - 1], ranked[MOST_SERIES - 1 :]
    series = [
        (key, colour, frozenset({key}))
        for key, colour in zip(shown, _colours(shown, by, names), strict=True)
    ]
    return [*series, (OTHERS, OTHERS_COLOUR, frozenset(rest))] if rest else series


def _colours(keys: Sequence[str], by: By, names: Names) -> list[str]:
    known = [names.personas.get(key) if by == "persona" else None for key in keys]
    return seat_colours([persona.colour if persona else None for persona in known])


def _over_time(
    tallies: Sequence[Tally],
    key: str,
    keys: frozenset[str],
    by: By,
    measure: Measure,
    bars: Mapping[date, int],
) -> list[float]:
    values = [0.0] * (max(bars.values()) + 1)
    for tally in tallies:
        if _key(tally, by) in keys and tally.day in bars:
            values[bars[tally.day]] += amount(tally, measure)
    return values


def _buckets(days: int, today: date) -> tuple[list[str], dict[date, int]]:
    """The name of each bar, and the bar of each day."""
    wide = 7 if days >= WEEKLY else 1
    count = -(-days // wide)
    first = today - timedelta(days=count * wide - 1)
    bars = {first + timedelta(days=n): n // wide for n in range(count * wide)}
    begins = [first + timedelta(days=n * wide) for n in range(count)]
    return [f"{day.day} {day:%b}" for day in begins], bars


def _key(tally: Tally, by: By) -> str:
    return tally.model if by == "model" else tally.persona

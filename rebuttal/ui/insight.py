"""Tallies -> what the Insight tab shows: sums, bars over time, and who said how much."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, get_args

from rebuttal.colour import seat_colours
from rebuttal.markdown import safe_line
from rebuttal.records import Persona, Tally
from rebuttal.ui.plot import Series, plot

By = Literal["model", "persona"]
Measure = Literal["turns", "tokens", "seconds", "cost", "seats"]
MEASURES: dict[Measure, str] = {
    "turns": "Turns",
    "tokens": "Tokens",
    "seconds": "Time",
    "cost": "Cost",
    "seats": "Seats",
}
"""``seats``: places at a table; who speaks in a debate on two days has taken two."""
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


@dataclass(frozen=True, slots=True)
class Period:
    """What was said on these last days, and how many debates began, in words."""

    tallies: Sequence[Tally]
    days: int
    today: date
    begun: str

    @property
    def priced(self) -> bool:
        """Whether anything is known of what it cost."""
        return any(tally.cost is not None for tally in self.tallies)

    @property
    def measures(self) -> list[Measure]:
        """What is worth a column."""
        return [measure for measure in MEASURES if measure != "cost" or self.priced]


def insight(period: Period, measure: Measure, by: By, names: Names) -> str:
    """The whole page of numbers; words where there are none."""
    tallies = period.tallies
    if not tallies:
        return (
            '<p class="empty"><strong>No numbers yet.</strong> What is said from now on is counted '
            "here, by model and persona. Try a longer time, or start a debate.</p>"
        )
    figure = _figure(period, measure, by, names)
    if measure == "cost" and not period.priced:
        figure = (
            '<p class="empty"><strong>Nothing is known of its cost.</strong> No model that spoke '
            "has a price in models.yaml.</p>"
        )
    who = "".join(_who(kind, period, names) for kind in get_args(By))
    return f'<div class="insight">{_sums(period, names)}{figure}{who}</div>'


def _figure(period: Period, measure: Measure, by: By, names: Names) -> str:
    """The bars."""
    moments, bars = _buckets(period.days, period.today)
    series = [
        Series(names.of(key, by), colour, _over_time(period.tallies, keys, by, measure, bars))
        for key, colour, keys in _series(period.tallies, by, measure, names)
    ]
    unit = "a week" if period.days >= WEEKLY else "a day"
    title = f"{names.titled(measure)} {unit}, by {by}"
    return plot(title, moments, series, names.said(measure))


def amount(tally: Tally, measure: Measure) -> float:
    """That number of a tally; a cost that is not known counts as none."""
    if measure == "tokens":
        return tally.prompt_tokens + tally.completion_tokens
    if measure == "seats":
        return tally.debates
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


def _sums(period: Period, names: Names) -> str:
    sums = [("Debates begun", period.begun)]
    sums += [
        (names.titled(measure), _total(period.tallies, measure, names))
        for measure in period.measures
        if measure != "seats"
    ]
    cells = "".join(
        f'<div><span class="sum">{said}</span> <span class="of">{name}</span></div>'
        for name, said in sums
    )
    return f'<div class="sums">{cells}</div>'


def _total(tallies: Sequence[Tally], measure: Measure, names: Names) -> str:
    if measure == "cost" and all(tally.cost is None for tally in tallies):
        return "—"
    return names.said(measure)(sum(amount(tally, measure) for tally in tallies))


def _who(by: By, period: Period, names: Names) -> str:
    """A table of all measures, who said most first."""
    of: dict[str, list[Tally]] = defaultdict(list)
    for tally in period.tallies:
        of[_key(tally, by)].append(tally)
    ranked = sorted(of, key=lambda key: -sum(amount(tally, "turns") for tally in of[key]))
    top = "".join(f'<th scope="col">{names.titled(kind)}</th>' for kind in period.measures)
    rows = "".join(
        f'<tr><th scope="row">{safe_line(names.of(key, by))}</th>'
        + "".join(f"<td>{_total(of[key], measure, names)}</td>" for measure in period.measures)
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

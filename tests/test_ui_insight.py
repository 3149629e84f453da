"""One's own numbers: sums, bars and tables, without a browser."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from rebuttal.catalog import load_catalog
from rebuttal.errors import InvalidInput
from rebuttal.records import Tally
from rebuttal.settings import HOME, load_settings
from rebuttal.ui.entries import House
from rebuttal.ui.history_entries import Count
from rebuttal.ui.insight import By, Measure, Names, Period, duration, insight, money, short
from rebuttal.ui.plot import Series, ceiling, plot
from tests.hostile import sayings
from tests.test_ui_history import words

CATALOG = load_catalog(HOME / "models.yaml", HOME / "personas")
NAMES = Names(CATALOG.personas, "USD")
TODAY = date(2026, 11, 20)


def tally(
    ago: int, model: str = "Quick", persona: str = "cynic", turns: int = 3, cost: float | None = 0.5
) -> Tally:
    return Tally(
        day=TODAY - timedelta(days=ago),
        model=model,
        persona=persona,
        debates=1,
        turns=turns,
        prompt_tokens=100,
        completion_tokens=20,
        seconds=30,
        cost=cost,
    )


def shown(*tallies: Tally, days: int = 7, measure: Measure = "turns", by: By = "model") -> str:
    return insight(Period(tallies, days, TODAY, "2"), measure, by, NAMES)


def highs(html: str) -> list[list[str]]:
    """The heights in each bar, from the left."""
    bars = html.split('<div class="bar"')[1:]
    return [re.findall(r"--high:([\d.]+%)", bar.split("</div>")[0]) for bar in bars]


def test_a_bar_a_day_as_high_as_what_was_said() -> None:
    html = shown(tally(0, turns=2), tally(0, "Slow", turns=2), tally(6, turns=1))
    assert highs(html) == [["25.00%"], [], [], [], [], [], ["50.00%", "50.00%"]]
    assert 'title="20 Nov: 4"' in html
    assert 'title="14 Nov: 1"' in html


def test_a_year_is_told_in_weeks_that_end_today() -> None:
    html = shown(tally(0, turns=1), tally(6, turns=1), tally(7, turns=4), days=365)
    bars = highs(html)
    assert len(bars) == 53
    assert bars[-2:] == [["100.00%"], ["50.00%"]]
    assert "Turns a week, by model" in words(html)


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        ("turns", "Turns a day, by model"),
        ("tokens", "20 Nov: 120"),
        ("seconds", "20 Nov: 30 s"),
        ("cost", "20 Nov: 0.5000"),
        ("seats", "20 Nov: 1"),
    ],
)
def test_every_measure_can_be_plotted(measure: Measure, said: str) -> None:
    assert said in shown(tally(0), measure=measure)


def test_sums_stand_above_and_tables_below() -> None:
    told = words(shown(tally(0), tally(1, "Slow", "rational", cost=None)))
    assert told.startswith("2 Debates begun 6 Turns 240 Tokens 60 s Time 0.5000 Cost, USD")
    assert "By model Model Turns Tokens Time Cost, USD Seats" in told
    assert "Quick 3 120 30 s 0.5000 1" in told
    assert "Slow 3 120 30 s — 1" in told
    assert "Rational 3 120" in told


def test_a_cost_that_nobody_knows_is_no_zero() -> None:
    assert "Cost" not in words(shown(tally(0, cost=None)))
    assert "Nothing is known of its cost." in shown(tally(0, cost=None), measure="cost")
    assert "0 Cost, USD" in words(shown(tally(0, cost=0.0)))


def test_whoever_said_little_shares_one_colour() -> None:
    many = [tally(0, f"Model {n}", turns=20 - n) for n in range(9)]
    html = shown(*many)
    assert words(html).count("Others") == 2
    assert "Model 8" in html.split("By model")[1]
    assert highs(html)[-1][5] == "27.00%"


def test_personas_wear_their_own_colours_and_names() -> None:
    html = shown(tally(0), tally(0, persona="gone"), tally(0, persona=""), by="persona")
    key = re.findall(r'<li><i style="(.*?)"></i>(.*?)</li>', html)
    assert {name for _, name in key} == {"Cynic", "gone", "Somebody"}
    assert len({style for style, _ in key}) == 3


def test_the_same_stands_there_as_numbers_for_those_who_listen() -> None:
    told = words(shown(tally(0, turns=2), tally(3, "Slow", turns=1)))
    assert "When Quick Slow Together 20 Nov 2 0 2 17 Nov 0 1 1" in told


def test_nothing_yet_is_told_in_words() -> None:
    assert "No numbers yet." in shown()


@pytest.mark.parametrize("saying", sayings())
def test_hostile_names_of_models_stay_words(saying: str) -> None:
    html = shown(tally(0, saying, saying), tally(1))
    tags = {tag.lower() for tag in re.findall(r"</?([a-zA-Z0-9]+)", html)}
    assert not tags & {"img", "script", "style", "iframe", "form", "svg", "a", "input", "b"}
    assert not re.search(r'<[a-z0-9]+ [^>]*"[^>=]*on[a-z]+=', html)


@pytest.mark.parametrize(
    ("most", "top"), [(0, 2), (1, 2), (2, 2), (3, 4), (66, 80), (100, 200), (0.034, 0.04)]
)
def test_the_scale_ends_at_a_round_number(most: float, top: float) -> None:
    assert ceiling(most) == pytest.approx(top)


def test_numbers_are_short() -> None:
    assert [short(n) for n in (0, 9999, 12_345, 999_999, 1_234_567, 2.5e9)] == [
        *("0", "9,999", "12.3 k", "1,000 k", "1.2 M", "2.5 G")
    ]
    assert [duration(s) for s in (0, 89, 600, 7200, 72_000)] == [
        *("0 s", "89 s", "10 min", "2.0 h", "20 h")
    ]
    assert [money(m) for m in (0, 0.00012, 12.5)] == ["0", "0.0001", "12.50"]


def test_a_plot_of_one_series_needs_no_key() -> None:
    assert "key" not in plot("Turns", ["Mon"], [Series("Quick", "#2f6f9f", [1])], short)


@pytest.mark.parametrize("sent", [[8, "turns", "model"], [7, "words", "model"], [7, "turns", None]])
def test_only_what_is_offered_can_be_counted(sent: list[object]) -> None:
    house = House(CATALOG, load_settings())
    assert Count.read([30, "cost", "persona"], {}, house).days == 30
    with pytest.raises(InvalidInput):
        Count.read(sent, {}, house)

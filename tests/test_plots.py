"""The plots of docs/performance.md show the figures that are kept, and can be drawn again."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import plots
from benchmarks.figures import RESULTS
from rebuttal.settings import HOME

PERFORMANCE = (HOME / "docs" / "performance.md").read_text("utf-8")


@pytest.mark.parametrize("name", plots.names())
def test_a_plot_is_of_the_figures_that_are_kept(name: str, tmp_path: Path) -> None:
    kept = (plots.PLOTS / f"{name}.svg").read_text("utf-8")
    assert f"{name}.json {plots.digest(name)}" in kept, f"python -m benchmarks.plots {name}"
    assert f"plots/{name}.svg" in PERFORMANCE
    again = plots.draw(name, tmp_path).read_text("utf-8")
    assert ElementTree.fromstring(again).tag.endswith("svg")


@pytest.mark.parametrize("file", sorted(RESULTS.glob("*.json")), ids=lambda file: file.stem)
def test_a_result_says_when_where_and_how(file: Path) -> None:
    result = json.loads(file.read_text("utf-8"))
    assert set(result) == {"command", "date", "machine", "load", "figures"}
    assert result["command"].startswith(f"python -m benchmarks.{file.stem}")
    assert result["date"] in PERFORMANCE
    assert file.stem in plots.names(), "a result without a plot"

"""The benchmark of a long transcript in Chromium runs, small, and counts what it says it counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import browser
from benchmarks.watched import Seen
from tests.chromium import NEEDS_CHROMIUM


def test_a_word_lags_until_the_page_shows_all_its_letters() -> None:
    shown = [(10.5, 3), (11.0, 6), (12.0, 12)]
    seen = Seen(shown, 12.1, 12.2, 0.1, 0.1, 0.1, 0.1, 10.0, 5, 5, 20.0)
    sample = browser.Sample([10.0, 10.1, 10.6, 11.5], 11.6, seen)
    # "one", "one tw" which is no whole word, and both that were missing.
    assert sample.lags([3, 7, 9, 12]) == pytest.approx([0.5, 1.9, 1.4, 0.5])


class TestInChromium:
    pytestmark = NEEDS_CHROMIUM

    def test_a_long_transcript(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "figures.json"
        scene = ["--runs", "1", "--seconds", "0.5", "--only", "20 turns"]
        browser.main([*scene, "--json", str(file)])
        assert "ends, ms" in capsys.readouterr().out
        (sample,) = json.loads(file.read_text("utf-8"))["figures"]["20 turns"]
        assert sample["updates"] >= 1
        assert sample["ended_after_last_token"] > 0
        assert 0 < sample["lag_p50"] <= sample["lag_p95"]
        assert 0 < sample["script"] < sample["busy"] < 1
        assert sample["frames"] > 0

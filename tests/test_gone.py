"""A watcher whose connection died counts as gone: nobody's money runs unseen."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.chromium import NEEDS_CHROMIUM, chromium
from tests.served import serving
from tests.test_browser import start

pytestmark = NEEDS_CHROMIUM


def turns(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "debates.sqlite")) as database:
        count: int = database.execute("SELECT count(*) FROM turns").fetchone()[0]
        return count


def browsers() -> Iterator[psutil.Process]:
    """Of this test, with everything they started."""
    for process in psutil.Process().children(recursive=True):
        if "chrom" in process.name():
            yield process


@pytest.mark.parametrize(("unwatched_after", "goes_on"), [("2", False), ("600", True)])
def test_a_debate_rests_soon_after_the_only_browser_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unwatched_after: str, goes_on: bool
) -> None:
    monkeypatch.setenv("REBUTTAL_UNWATCHED_AFTER", unwatched_after)
    with serving(tmp_path) as page, chromium() as browser:
        tab = browser.new_page()
        tab.goto(page.address)
        rounds = tab.get_by_role("spinbutton", name="Rounds")
        rounds.fill("10")
        rounds.press("Tab")
        start(tab, "Slow", "Slow")
        tab.get_by_text("cheap").first.wait_for(timeout=30_000)
        for process in list(browsers()):
            process.kill()
        time.sleep(11)  # Gradio's heartbeat takes 5 to 6, then 2, then the present turn ends
        after = turns(tmp_path)
        time.sleep(4)
        assert (turns(tmp_path) > after) is goes_on

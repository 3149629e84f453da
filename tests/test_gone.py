"""A watcher whose connection died counts as gone: nobody's money runs unseen."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psutil
from playwright.sync_api import Page

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


def test_a_debate_rests_soon_after_the_only_browser_was_killed(tmp_path: Path) -> None:
    """And goes on where nobody has to watch."""
    with ExitStack() as stack:
        browser = stack.enter_context(chromium())
        folders = {"2": tmp_path / "rests", "600": tmp_path / "goes_on"}
        for unwatched_after, folder in folders.items():
            folder.mkdir()
            environment = {"REBUTTAL_UNWATCHED_AFTER": unwatched_after}
            page = stack.enter_context(serving(folder, environment=environment))
            begin(browser.new_page(), page.address)
        for process in list(browsers()):
            process.kill()
        time.sleep(11)  # Gradio's heartbeat takes 5 to 6, then 2, then the present turn ends
        before = {folder.name: turns(folder) for folder in folders.values()}
        time.sleep(4)
        after = {folder.name: turns(folder) for folder in folders.values()}
    assert after["rests"] == before["rests"]
    assert after["goes_on"] > before["goes_on"]


def begin(tab: Page, address: str) -> None:
    """A debate that is slow and long."""
    tab.goto(address)
    rounds = tab.get_by_role("spinbutton", name="Rounds")
    rounds.fill("10")
    rounds.press("Tab")
    start(tab, "Slow", "Slow")
    tab.get_by_text("cheap").first.wait_for(timeout=30_000)

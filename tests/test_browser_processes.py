"""Two pages of two processes in a real browser: one debate in both, and one page left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.chromium import NEEDS_CHROMIUM
from tests.served import Served, serving
from tests.test_browser import debate_id, expect_status, press, settled, start

pytestmark = [*NEEDS_CHROMIUM, pytest.mark.redis, pytest.mark.postgres]

LIVE = ".live .speaking .words"


@pytest.fixture
def served(tmp_path: Path, empty_postgres: str, empty_redis: str) -> Iterator[list[Served]]:
    environment = {
        "REBUTTAL_DATABASE": empty_postgres,
        "REBUTTAL_REDIS": empty_redis,
        "REBUTTAL_SECRET": "0123456789abcdef" * 4,
    }
    with ExitStack() as stack:
        folders = [tmp_path / name for name in ("one", "other")]
        for folder in folders:
            folder.mkdir()
        commands = [("-m", "tests.page_app", str(folder)) for folder in folders]
        yield [
            stack.enter_context(serving(folder, *command, environment=environment))
            for folder, command in zip(folders, commands, strict=True)
        ]


def test_one_debate_in_the_pages_of_two_processes_and_one_is_killed(
    browser: Browser, served: list[Served]
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    one, other = context.new_page(), context.new_page()
    one.goto(served[0].address)
    start(one, "Quick", "Endless")
    expect(one.locator(LIVE)).to_contain_text("and so on")
    other.goto(f"{served[1].address}?debate={debate_id(one)}")
    for page in (one, other):
        expect(page.locator("h2.topic")).to_have_text("Should cats vote?")
        expect(page.locator(LIVE)).to_contain_text("and so on and so on")
    press(other, "Stop")
    for page in (one, other):
        expect_status(page, "Stopped")
    assert settled(one) == settled(other)
    press(one, "Resume")
    expect_status(one, "is speaking")
    other.reload()  # a page at rest listens again when somebody comes back to it
    expect_status(other, "round 2 of 3")
    expect(other.locator(LIVE)).to_contain_text("and so on " * 20)
    before = settled(other)
    served[0].process.kill()
    anew = re.compile(r"^\s*(and so on\s*){1,15}(and\s*)?(so\s*)?$")
    expect(other.locator(LIVE)).to_have_text(anew, timeout=10_000)
    expect_status(other, "round 2 of 3")
    assert settled(other)[: len(before)] == before
    press(other, "Stop")
    expect_status(other, "Stopped")
    context.close()

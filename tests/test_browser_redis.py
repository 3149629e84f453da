"""The page in a real browser while Redis goes away and comes back."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.chromium import NEEDS_CHROMIUM
from tests.redis_server import RedisServer
from tests.served import Served, serving

pytestmark = [*NEEDS_CHROMIUM, pytest.mark.redis]


@pytest.fixture
def served(frail_redis: RedisServer, tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path, environment={"REBUTTAL_DATABASE": frail_redis.address()}) as page:
        yield page


def health(served: Served) -> str:
    with urllib.request.urlopen(served.address.rstrip("/") + "/healthz") as answer:
        said: dict[str, str] = json.load(answer)
        assert set(said) == {"status", "queue", "store", "lag_ms"}
        return said["status"]


def warning(page: Page) -> Locator:
    return page.locator(".prose.notice", has_text="Redis does not answer")


def debate(page: Page, topic: str) -> None:
    page.get_by_label("What shall they argue about?").fill(topic)
    page.get_by_role("button", name="Start the debate").click()
    ended = page.locator(".prose.status-line:visible")
    expect(ended).to_contain_text("The debate is over.", timeout=20_000)


def test_the_page_says_that_redis_is_away_goes_on_and_says_no_more_when_it_is_back(
    browser: Browser, served: Served, frail_redis: RedisServer
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(served.address)
    debate(page, "Before the outage")
    expect(warning(page)).to_have_count(0)
    assert health(served) == "ok"
    frail_redis.kill()
    expect(warning(page)).to_contain_text("kept in this process's memory", timeout=15_000)
    page.get_by_role("button", name="New debate").click()
    debate(page, "During the outage")
    assert health(served) == "degraded"
    page.reload()
    expect(warning(page)).to_be_visible()
    expect(page.locator(".settled .turn:visible")).to_have_count(6)
    frail_redis.start()
    expect(warning(page)).to_have_count(0, timeout=15_000)
    assert health(served) == "ok"
    assert frail_redis.say("ZCARD", "rebuttal:all") == ":2"
    page.close()

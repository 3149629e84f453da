"""The page as strangers see it, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, TimeoutError, expect

from tests.chromium import NEEDS_CHROMIUM
from tests.strangers import House, house

KEY = "sk-canary-0123456789abcdef"
REFUSED = "Too many requests; slow down."

pytestmark = NEEDS_CHROMIUM

Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("strangers"), running="1") as page:
        yield page


@pytest.fixture
def visit(browser: Browser, served: House) -> Iterator[Visit]:
    """Opens the page as a visitor; in the end each stops what they began."""
    pages: list[Page] = []

    def opened(who: str, query: str = "") -> Page:
        page = browser.new_context(extra_http_headers={"x-who": who}).new_page()
        page.set_default_timeout(10_000)
        page.goto(served.address + query)
        if not query:
            expect(page.get_by_label("Speaks through").first).to_have_value("Quick · Stage")
        pages.append(page)
        return page

    yield opened
    for page in pages:
        stop = page.get_by_role("button", name="Stop")
        if stop.is_visible():
            with suppress(TimeoutError):  # the debate may have ended meanwhile
                stop.click(timeout=3_000)
            expect(stop).to_be_hidden()
        page.context.close()


def status(page: Page) -> Locator:
    return page.locator(".prose.status-line:visible")


def start(page: Page, *models: str) -> None:
    for number, model in enumerate(models):
        field = page.get_by_label("Speaks through").nth(number)
        field.click()
        field.fill(model)
        page.get_by_role("option", name=re.compile(f"^{model}")).click()
    page.get_by_label("What shall they argue about?").fill("Should cats vote?")
    page.get_by_role("button", name="Start the debate").click()


def refuse(page: Page, path: str, code: int) -> list[str]:
    """Answer such requests with that code; returns what was asked."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=code, headers={"retry-after": "1"}, json={"detail": REFUSED})

    page.route(re.compile(path), answer)
    return asked


def test_strangers_see_no_tools_and_no_addresses(visit: Visit) -> None:
    page = visit("c:ada")
    expect(page.locator(".masthead")).not_to_contain_text("your own machine")
    page.get_by_role("tab", name="Models").click()
    expect(page.get_by_role("row").filter(has_text="Expensive")).to_contain_text(
        "a key of your own"
    )
    for name in ("Pull", "Unload", "Reload the catalog"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    assert "localhost:9" not in page.content()


def test_the_next_debate_waits_in_line_until_the_first_has_stopped(visit: Visit) -> None:
    first, second = visit("c:ada"), visit("c:bob")
    start(first, "Endless")
    expect(first.locator(".live .speaking .words")).to_contain_text("and so on")
    start(second)
    expect(status(second)).to_contain_text("All places are taken; you are number 1 in line")
    first.get_by_role("button", name="Stop").click()
    expect(status(second)).to_contain_text("The debate is over.")
    third = visit("c:eve")
    first.get_by_role("button", name="Resume").click()
    expect(first.locator(".live .speaking .words")).to_contain_text("and so on")
    start(third)
    expect(status(third)).to_contain_text("in line")
    third.get_by_role("button", name="Stop").click()
    expect(status(third)).to_contain_text("Stopped")


def test_a_debate_opens_for_its_owner_and_is_unknown_to_others(visit: Visit) -> None:
    page = visit("c:ada")
    start(page)
    expect(page.get_by_role("link", name="Link to this debate")).to_contain_text(
        "(opens in this browser)"
    )
    expect(page).to_have_url(re.compile("debate="))
    query = page.url.partition("/?")[2]
    again, other = visit("c:ada", f"?{query}"), visit("c:bob", f"?{query}")
    expect(again.locator("h2.topic")).to_have_text("Should cats vote?")
    foreign = other.get_by_role("alert")
    expect(foreign).to_contain_text("It may belong to another browser.")
    missing = visit("c:bob", f"?debate={'x' * 22}").get_by_role("alert")
    expect(missing).to_contain_text("It may belong to another browser.")
    same = missing.inner_text().replace("x" * 22, query.partition("=")[2])
    assert foreign.inner_text() == same


def test_a_key_is_typed_unseen_and_forgotten_by_the_page(visit: Visit) -> None:
    page = visit("c:ada")
    page.get_by_role("button", name="Use a key of your own").last.click()
    field = page.get_by_label("Key", exact=True).last
    expect(field).to_have_attribute("type", "password")
    expect(field).to_have_attribute("autocomplete", "off")
    expect(page.locator(".own-key:visible")).to_contain_text("sent to Locked and nowhere else")
    field.fill(KEY)
    start(page, "Expensive")
    expect(page.get_by_role("alert")).to_contain_text("connection refused")
    assert KEY not in page.content()
    assert page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})").find(KEY) < 0
    assert KEY not in page.url
    page.get_by_role("button", name="New debate").click()
    expect(field).to_have_value("")


def test_who_is_signed_in_is_named_and_may_sign_out(visit: Visit) -> None:
    page = visit("u:Ada <b>")
    expect(page.locator(".account")).to_contain_text("Signed in as Ada <b>")
    asked = refuse(page, "/logout", 200)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/logout")
    assert len(asked) == 1


def test_too_long_a_topic_is_told_and_stays_as_it_was_typed(visit: Visit) -> None:
    page = visit("c:ada")
    page.get_by_label("What shall they argue about?").fill("x" * 8001)
    page.get_by_role("button", name="Start the debate").click()
    expect(page.get_by_role("alert")).to_contain_text("8001 characters; 8000 are allowed")
    expect(page.get_by_label("What shall they argue about?")).to_have_value("x" * 8001)


def test_a_refused_request_is_told_in_the_words_of_the_server(visit: Visit) -> None:
    page = visit("c:ada")
    refuse(page, "run/predict", 429)
    start(page)
    expect(page.locator(".refused")).to_have_text(REFUSED)
    expect(page.locator(".gradio-container")).not_to_contain_text("Error")
    expect(page.get_by_label("What shall they argue about?")).to_have_value("Should cats vote?")
    page.unroute_all()
    page.get_by_role("button", name="Start the debate").click()
    expect(status(page)).to_contain_text("The debate is over.")


@pytest.mark.parametrize("path", ["queue/join", "queue/data"])
def test_who_may_not_follow_yet_follows_as_soon_as_it_is_allowed(visit: Visit, path: str) -> None:
    page = visit("c:ada")
    asked = refuse(page, path, 429)
    start(page)
    expect(page.locator(".refused")).to_have_text(REFUSED)
    page.unroute_all()
    expect(status(page)).to_contain_text("The debate is over.")
    assert 1 <= len(asked) < 5


def test_a_page_that_is_not_listened_to_loads_once_more_and_then_says_so(visit: Visit) -> None:
    page = visit("c:ada")
    loads: list[str] = []
    page.on("load", lambda loaded: loads.append(loaded.url))
    refuse(page, "queue/data", 404)
    start(page)
    page.wait_for_timeout(6000)
    expect(page.locator(".refused")).to_have_text(REFUSED)
    assert len(loads) == 1

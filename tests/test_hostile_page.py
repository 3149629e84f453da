"""Hostile words on every surface of the page, in a real browser that obeys no policy of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.chromium import NEEDS_CHROMIUM, chromium
from tests.hostile import sayings
from tests.hostile_page import DEBATE
from tests.hostile_server import Spy, Upstream
from tests.served import serving

HOST = "spy.test"
FORMS = "script, style, iframe, object, embed, form, input, button, textarea, select, base, meta"
MEDIA = "img, picture, video, audio, source, svg, math, canvas, link, frame, .katex, .mermaid"
ACTS = """
() => [...document.querySelectorAll('.prose, .md')].flatMap((prose) => [
  ...[...prose.querySelectorAll('%s')]
    .filter((e) => !e.closest('button.copy_code_button, .code_wrap > button, button.do, button.act'
                              + ', button.let-go, button.take, .import, .renaming'))
    .map((e) => e.outerHTML.slice(0, 90)),
  ...[...prose.querySelectorAll('*')].flatMap((e) => [...e.attributes]
    .filter((a) => a.name.startsWith('on') || a.name === 'id'
                   || (a.name === 'style' && !/^--/.test(a.value))
                   || (['href', 'src', 'action', 'xlink:href'].includes(a.name)
                       && !/^(https?:|mailto:|\\?debate=|\\/\\?)/i.test(a.value)
                       && !/^(debates\\/|history.zip$|shared#|api\\/v1\\/docs$)/.test(a.value)))
    .map((a) => `${e.tagName} ${a.name}=${a.value.slice(0, 60)}`)),
])
"""

pytestmark = NEEDS_CHROMIUM


@dataclass
class Seen:
    """What a page did that it should not."""

    elsewhere: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    acts: set[str] = field(default_factory=set)

    def look(self, page: Page) -> None:
        """Note what acts on the page now."""
        self.acts |= {*page.evaluate(ACTS % f"{FORMS}, {MEDIA}")}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(f"--host-resolver-rules=MAP {HOST} 127.0.0.1") as running:
        yield running


@contextmanager
def opened(browser: Browser, address: str) -> Iterator[tuple[Page, Seen]]:
    """The page at ``address``, and what it does."""
    seen = Seen()
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.set_default_timeout(20_000)
    here = urlparse(address).netloc

    def asked(url: str) -> None:
        parts = urlparse(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != here:
            seen.elsewhere.append(url)

    page.on("request", lambda request: asked(request.url))

    def dismiss(dialog: Dialog) -> None:
        seen.dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    page.goto(address)
    yield page, seen
    context.close()


def test_without_the_cleaner_words_ask_other_hosts_and_show_forms(
    browser: Browser, tmp_path: Path
) -> None:
    with Spy() as spy:
        target = f"http://{HOST}:{spy.port}"
        command = ("-m", "tests.hostile_page", str(tmp_path), "-", target, "raw")
        with serving(tmp_path, *command) as served, opened(browser, served.address) as (page, seen):
            expect(page.locator("form").first).to_be_attached()
            page.wait_for_timeout(1500)
            seen.look(page)
    assert len({*spy.asked}) >= 5
    assert any(HOST in url for url in seen.elsewhere)
    assert any(act.startswith("<form") for act in seen.acts)
    assert any(act.startswith("<img") for act in seen.acts)


def test_on_our_page_the_same_words_are_only_words(browser: Browser, tmp_path: Path) -> None:
    with Spy() as spy, Upstream() as server:
        target = f"http://{HOST}:{spy.port}"
        server.names = [saying.replace("\x00", "") for saying in sayings(target)]
        command = ("-m", "tests.hostile_page", str(tmp_path), server.address, target)
        with serving(tmp_path, *command) as served:
            address = f"{served.address}?debate={DEBATE}"
            with opened(browser, address) as (page, seen):
                walk_through(page, seen)
    assert spy.asked == []
    assert seen.elsewhere == []
    assert seen.dialogs == []
    assert seen.acts == set()


def walk_through(page: Page, seen: Seen) -> None:
    """Look at the transcript, the live turn, trouble, a note, the exports and the models."""
    turns = page.locator(".prose.settled article:visible")
    expect(turns).to_have_count(len(sayings()))
    assert page.title() == "Rebuttal"
    seen.look(page)

    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".prose.live .speaking").first).to_be_attached()
    for _ in range(12):
        seen.look(page)
        page.wait_for_timeout(150)
    expect(page.locator(".trouble:visible").first).to_contain_text(
        "onerror=alert(1)", timeout=60_000
    )
    seen.look(page)

    for name in ("Markdown", "Text", "JSON"):
        with page.expect_download() as download:
            page.get_by_role("button", name=name, exact=True).locator("visible=true").click()
        assert Path(download.value.path()).stat().st_size > 10_000
        seen.look(page)

    page.get_by_role("tab", name="Models").click()
    expect(page.locator(".shelf:visible").first).to_contain_text("onerror=alert(1)")
    seen.look(page)
    walk_through_history(page, seen)
    assert page.title() == "Rebuttal"
    expect(page.locator("body")).to_be_visible()


def walk_through_history(page: Page, seen: Seen) -> None:
    """Look at topic, excerpt and title in the list, at what is told and shared, at the numbers."""
    page.get_by_role("tab", name="History").click()
    expect(page.locator("li.kept")).to_have_count(1)
    seen.look(page)
    page.get_by_label("Search the debates").fill("onerror svg img form")
    expect(page.locator("li.kept mark").first).to_be_visible()
    seen.look(page)
    for saying in sayings(f"http://{HOST}:9")[:12]:
        page.locator("li.kept summary").click()
        page.get_by_role("button", name="Rename").click()
        page.get_by_label("Its new name").fill(saying.replace("\0", "")[:190])
        page.keyboard.press("Enter")
        expect(page.get_by_label("Its new name")).to_have_count(0)
        seen.look(page)
    page.locator("li.kept summary").click()
    page.get_by_role("button", name="Share").locator("visible=true").last.click()
    page.get_by_role("button", name="for a day").click()
    expect(page.locator(".slip a.secret")).to_be_visible()
    seen.look(page)
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Insight").click()
    page.get_by_label("A year").check()
    expect(page.locator(".plot .key")).to_contain_text("<img src=")
    seen.look(page)
    page.get_by_role("tab", name="History").click()
    page.locator("li.kept summary").click()
    page.get_by_role("button", name="Delete", exact=False).locator("visible=true").first.click()
    expect(page.locator(".block.told")).to_contain_text("Deleted")
    seen.look(page)

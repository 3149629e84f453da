"""The page of a debate in a real browser: it asks nobody, runs nothing, fits, and prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page

from rebuttal.export.page import page_html
from rebuttal.export.reader import words_html
from tests.branched import branched
from tests.chromium import NEEDS_CHROMIUM, chromium
from tests.hostile import sayings
from tests.hostile_server import Spy

HOST = "spy.test"

pytestmark = NEEDS_CHROMIUM


@dataclass
class Seen:
    """What a page asked for or said by itself."""

    asked: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("dialog", self._dismiss)

    def _dismiss(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(f"--host-resolver-rules=MAP {HOST} 127.0.0.1") as running:
        yield running


def look(context: BrowserContext, file: Path, page: str) -> Seen:
    """Open the page from the disk, without any policy, and wait."""
    file.write_text(page, "utf-8")
    seen, tab = Seen(), context.new_page()
    seen.follow(tab)
    tab.goto(file.as_uri())
    tab.wait_for_timeout(500)
    seen.dialogs += ["script"] * (tab.title() == "owned")
    assert tab.evaluate("[...document.images, ...document.forms].length") == 0 or seen.asked[1:]
    return seen


@pytest.mark.parametrize("control", [True, False], ids=["cleaned", "raw"])
def test_hostile_words_ask_nobody_and_run_nothing(
    browser: Browser, tmp_path: Path, control: bool
) -> None:
    with Spy() as spy:
        said_here = [
            text.encode(errors="replace").decode() for text in sayings(f"http://{HOST}:{spy.port}")
        ]
        page = "".join(page_html(*branched(*said_here[at : at + 8])) for at in range(0, 88, 8))
        if not control:
            for text in said_here:
                page = page.replace(words_html(text), text)
        context = browser.new_context(bypass_csp=True)
        seen = look(context, tmp_path / "page.html", page)
        context.close()
    if control:
        assert len(seen.asked) == 1
        assert (seen.dialogs, spy.asked) == ([], [])
    else:
        assert len({*spy.asked}) >= 5
        assert seen.dialogs


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1100])
def test_it_fits_its_screen_and_follows_the_light(
    browser: Browser, tmp_path: Path, scheme: Literal["light", "dark"], width: int
) -> None:
    wide = (
        "| a | b |\n|---|---|\n| " + "wide " * 60 + " | x |\n\n```\n" + "code " * 99 + "\n```\n\n"
    )
    file = tmp_path / "page.html"
    file.write_text(page_html(*branched(wide + "w" * 400)), "utf-8")
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    paper = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert paper == {"light": "rgb(251, 249, 245)", "dark": "rgb(24, 22, 19)"}[scheme]
    page.close()


def test_it_prints_on_white_with_the_addresses_of_its_links(
    browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    file.write_text(page_html(*branched("See [this](https://fine.test/a).")), "utf-8")
    page = browser.new_page(color_scheme="dark")
    page.goto(file.as_uri())
    page.emulate_media(media="print")
    paper = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert paper == "rgb(255, 255, 255)"
    link = "getComputedStyle(document.querySelector('.words a'), '::after').content"
    assert "https://fine.test/a" in page.evaluate(link)
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.close()

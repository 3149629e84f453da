"""The page of a link in a real browser: what a reader sees, and what foreign words do there."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, Page, expect

from rebuttal.providers.scripted import ScriptedModel
from rebuttal.records import Visitor
from rebuttal.users import Users
from tests.chromium import NEEDS_CHROMIUM
from tests.debates import CYNIC_AND_RATIONAL, scripted_app, watch_to_rest
from tests.linked import Linked
from tests.page_app import SPEECHES
from tests.served import serving

pytestmark = NEEDS_CHROMIUM

T = TypeVar("T")
CUT = "window.dispatchEvent(new Event('pagehide'))"
"""As a browser says when it puts a page to sleep."""
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def beside() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop in a thread of its own: Playwright's keeps this one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@dataclass
class Seen:
    """What the page asked for, and complained of."""

    urls: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


@dataclass
class Shared:
    """The running page, and a way to work beside it."""

    linked: Linked
    loop: asyncio.AbstractEventLoop

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Its result."""
        doing: Future[T] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return doing.result(30)

    def debate(self, model: str) -> tuple[str, str]:
        """A debate of somebody else's, and the address of a link to it."""

        async def begin() -> tuple[str, str]:
            async with self.linked.visitor() as owner:
                return await self.linked.debate(owner, model)

        debate, token = self.do(begin())
        return debate, f"{self.linked.address}shared#{token}"

    def revoke(self, debate: str) -> None:
        """End all links to it."""

        async def end() -> None:
            async with self.linked.app() as app:
                for link in await app.links.of(debate):
                    await app.links.revoke(link.hash)

        self.do(end())


@pytest.fixture
def shared(linked: Linked, beside: asyncio.AbstractEventLoop) -> Shared:
    return Shared(linked, beside)


@contextmanager
def opened(browser: Browser, address: str, **looks: Any) -> Iterator[tuple[Page, Seen]]:
    """The address in a browser that was never here."""
    context = browser.new_context(**looks)
    page, seen = context.new_page(), Seen()
    page.on("request", lambda request: seen.urls.append(request.url))
    page.on("console", lambda message: seen.words.append(message.text))
    page.on("pageerror", lambda error: seen.words.append(str(error)))
    page.goto(address)
    yield page, seen
    context.close()


def speech_of(page: Page) -> str:
    """What was said first, as the model said it."""
    strong = page.locator("#line strong").first.inner_text()
    return next(speech for speech in SPEECHES if f"**{strong}**" in speech)


def test_a_reader_sees_the_whole_debate_and_gets_no_cookie(
    browser: Browser, shared: Shared
) -> None:
    _, address = shared.debate("Quick")
    with opened(browser, address) as (page, seen):
        expect(page.get_by_role("heading", level=1)).to_have_text("Is it so?")
        expect(page.locator("#line .turn")).to_have_count(6)
        expect(page.get_by_role("status")).to_have_text("The debate is over.")
        assert speech_of(page)
        expect(page).to_have_title("Is it so? · Rebuttal")
        assert page.context.cookies() == []
        token = address.partition("#")[2]
        assert not [url for url in seen.urls if token in url.partition("#")[0]]
        assert {url.split("/")[2] for url in seen.urls} == {address.split("/")[2]}
        assert seen.words == []


def test_words_are_seen_as_they_are_spoken_until_the_link_ends(
    browser: Browser, shared: Shared
) -> None:
    debate, address = shared.debate("Slow")
    with opened(browser, address) as (page, _):
        expect(page.locator("#live .words")).to_contain_text("Speech", timeout=8000)
        expect(page.get_by_role("status")).to_have_text(re.compile(r"is speaking, round \d of 3\."))
        expect(page.locator("#line .turn")).not_to_have_count(0, timeout=8000)
        shared.revoke(debate)
        expect(page.get_by_role("status")).to_contain_text("This link has ended.", timeout=6000)
        expect(page.locator("#live .words")).to_have_count(0)
        expect(page.get_by_role("button", name="Continue it as my own")).to_be_hidden()
        page.reload()
        expect(page.get_by_role("alert")).to_contain_text("This link does not work")
        expect(page.locator("#line .turn")).to_have_count(0)


def test_a_page_that_lost_its_connection_reads_on(browser: Browser, shared: Shared) -> None:
    _, address = shared.debate("Slow")
    with opened(browser, address) as (page, seen):
        expect(page.locator("#line .turn")).not_to_have_count(0, timeout=8000)
        first = page.locator("#line .turn").first.element_handle()
        page.evaluate(CUT)
        expect(page.locator("#line .turn")).to_have_count(6, timeout=20000)
        assert first.evaluate("node => node.isConnected"), "it was not read anew"
        assert len([url for url in seen.urls if url.endswith("/shared/watch")]) > 1
        assert seen.words == []


def test_foreign_words_do_nothing_on_the_page(browser: Browser, shared: Shared) -> None:
    _, address = shared.debate("Rude")
    with opened(browser, address) as (page, seen):
        expect(page.locator("#line .turn").first).to_contain_text("press me", timeout=8000)
        expect(page).to_have_title("Is it so? · Rebuttal")
        assert page.locator("main :is(script, style, img, iframe, form, input)").count() == 0
        assert page.locator("main a[href^=javascript]").count() == 0
        assert not [url for url in seen.urls if "spy.invalid" in url]


def test_even_markup_that_got_through_would_run_nothing(browser: Browser, shared: Shared) -> None:
    """What stands behind the cleaner: the policy of this page, and of Gradio's for comparison."""
    _, address = shared.debate("Quick")
    smuggle = """() => {
      const piece = document.createElement('div');
      piece.innerHTML = '<img src="x:" onerror="document.title=\\'owned\\'">';
      document.body.append(piece);
    }"""
    with opened(browser, address) as (page, _):
        expect(page.locator("#line .turn")).to_have_count(6)
        page.evaluate(smuggle)
        page.wait_for_timeout(300)
        expect(page).to_have_title("Is it so? · Rebuttal")
        page.goto(shared.linked.address)
        # Gradio writes the title once more when it is ready.
        expect(page.get_by_role("tab", name="Debate")).to_be_visible(timeout=15000)
        page.evaluate(smuggle)
        expect(page).to_have_title("owned")


def test_a_reader_continues_it_as_their_own(browser: Browser, shared: Shared) -> None:
    debate, address = shared.debate("Quick")
    with opened(browser, address) as (page, _):
        page.get_by_role("button", name="Continue it as my own").click()
        page.wait_for_url(re.compile(r"/\?debate="), timeout=15000)
        assert debate not in page.url
        expect(page.locator("h2.topic")).to_have_text("Is it so?", timeout=15000)
        expect(page.locator(".settled .turn")).to_have_count(6)


@pytest.mark.parametrize("name", ["Markdown", "Text", "Web page"])
def test_what_is_shown_can_be_saved(browser: Browser, shared: Shared, name: str) -> None:
    _, address = shared.debate("Quick")
    with opened(browser, address) as (page, _):
        expect(page.locator("#line .turn")).to_have_count(6)
        speech = speech_of(page)
        with page.expect_download() as saving:
            page.get_by_role("button", name=name).click()
        assert saving.value.suggested_filename.startswith("is-it-so.")
        text = Path(saving.value.path()).read_text("utf-8")
        assert "Is it so?" in text
        assert speech.split("**")[2] in text


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off(browser: Browser, shared: Shared, width: int, scheme: str) -> None:
    _, address = shared.debate("Quick")
    screen = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with opened(browser, address, **screen) as (page, _):
        expect(page.locator("#line .turn")).to_have_count(6)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        expect(page.get_by_role("button", name="Continue it as my own")).to_be_in_viewport()


def test_without_script_it_says_what_is_needed(browser: Browser, shared: Shared) -> None:
    with opened(browser, f"{shared.linked.address}shared#x", java_script_enabled=False) as (
        page,
        _,
    ):
        expect(page.get_by_text("This page needs JavaScript")).to_be_visible()


def test_an_address_without_its_secret_says_so(browser: Browser, shared: Shared) -> None:
    with opened(browser, f"{shared.linked.address}shared") as (page, _):
        expect(page.get_by_role("alert")).to_contain_text("This address is not whole.")


def test_a_reader_who_has_to_sign_in_comes_back_to_the_debate(
    browser: Browser, tmp_path: Path, beside: asyncio.AbstractEventLoop
) -> None:
    Users(tmp_path / "users").put("anna", PASSWORD)

    async def begin() -> str:
        async with scripted_app(tmp_path, ScriptedModel(["Yes.", "No."])) as app:
            owner = Visitor(owner="u:bert")
            debate = await app.start("Cats?", CYNIC_AND_RATIONAL, rounds=1, visitor=owner)
            await watch_to_rest(app, debate)
            return await app.links.make(debate)

    token = asyncio.run_coroutine_threadsafe(begin(), beside).result(20)
    environment = {"REBUTTAL_AUTH": str(tmp_path / "users")}
    with (
        serving(tmp_path, environment=environment) as served,
        opened(browser, f"{served.address}shared#{token}") as (page, _),
    ):
        expect(page.get_by_role("heading", level=1)).to_have_text("Cats?")
        page.get_by_role("button", name="Continue it as my own").click()
        page.get_by_label("Name").fill("anna")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Cats?")
        assert page.url.endswith(f"/shared#{token}")
        page.get_by_role("button", name="Continue it as my own").click()
        page.wait_for_url(re.compile(r"/\?debate="), timeout=15000)
        expect(page.locator("h2.topic")).to_have_text("Cats?", timeout=15000)

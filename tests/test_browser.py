"""The page in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from rebuttal.markdown import JOINER
from tests.built_in import BuiltIn
from tests.chromium import NEEDS_CHROMIUM
from tests.served import Served, serving

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'"
)

FAREWELL = re.compile("AbortError|Connection errored out")
"""What Gradio says in a page that is left while it streams."""

pytestmark = NEEDS_CHROMIUM

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("page")) as page:
        yield page


@pytest.fixture
def open_page(browser: Browser, served: Served) -> Iterator[Open]:
    """Opens pages of one visitor; in the end none may have complained or called elsewhere."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def listen(page: Page) -> None:
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: (
                complaints.append(f"asked {request.url}")
                if urlparse(request.url).hostname not in ("127.0.0.1", None)
                else None
            ),
        )

    def opened(address: str = "", **options: object) -> Page:
        options = {"viewport": {"width": 1280, "height": 900}, **options}
        if not contexts or len(options) > 1:
            contexts.append(browser.new_context(**options))  # type: ignore[arg-type]
        page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        listen(page)
        page.goto(address or served.address)
        return page

    yield opened
    for context in contexts:
        context.close()
    unexpected = [complaint for complaint in complaints if not FAREWELL.search(complaint)]
    assert not unexpected, "\n".join(unexpected)


def seat(page: Page, *models: str) -> None:
    """Choose the model of each seat by typing into the list."""
    expect(page.get_by_label("Speaks through").first).to_have_value("Quick · Stage")
    for number, model in enumerate(models):
        field = page.get_by_label("Speaks through").nth(number)
        field.click()
        field.fill(model)
        field.press("Enter")
        expect(field).to_have_value(f"{model} · Stage")


def start(page: Page, *models: str, topic: str = "Should cats vote?") -> None:
    """Start a debate of these models."""
    seat(page, *models)
    page.get_by_label("What shall they argue about?").fill(topic)
    page.get_by_role("button", name="Start the debate").click()


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()


def settled(page: Page) -> list[str]:
    """The words of the settled turns that can be seen."""
    return page.locator(".prose.settled .turn .words:visible").all_inner_texts()


def expect_status(page: Page, words: str) -> None:
    expect(page.locator(".prose.status-line:visible")).to_contain_text(words)


def debate_id(page: Page) -> str:
    expect(page).to_have_url(re.compile(r"\?debate=[\w-]+"))
    return page.url.partition("debate=")[2]


# First, because ``built_in`` runs a loop of its own, and the browser keeps one running.
def test_the_built_in_model_answers(open_page: Open, built_in: BuiltIn, tmp_path: Path) -> None:
    with serving(tmp_path, "debate_app.py", "--data", str(tmp_path)) as app:
        page = open_page(app.address)
        page.get_by_role("tab", name="Chat").click()
        page.get_by_label("What would you ask?").fill("Is it better to be early or right?")
        expect(page.get_by_label("Speaks through").first).to_have_value("SmolLM2 · Built-in")
        page.get_by_role("button", name="Ask", exact=True).click()
        expect(page.locator(".prose.status-line:visible")).to_contain_text("Done.", timeout=60_000)
        assert len(settled(page)[0]) > 40
        expect(page.locator(".settled .how")).to_contain_text("tokens/s")


def test_a_debate_of_three_rounds_runs_to_its_end(open_page: Open) -> None:
    page = open_page()
    start(page)
    expect_status(page, "The debate is over.")
    assert len(settled(page)) == 6
    expect(page.locator(".live .turn:visible")).to_have_count(0)
    assert page.locator(".settled .round").all_inner_texts() == ["Round 1", "Round 2", "Round 3"]
    expect(page.locator(".settled strong").first).to_have_text(
        re.compile("cheap|rain|farmers|parliaments|children|true|witnesses|Tuesday")
    )
    expect(page.locator(".announcer[aria-live=polite]:visible").first).to_contain_text("has spoken")


def test_a_turn_is_streamed_until_stop_cuts_it_and_resume_goes_on(open_page: Open) -> None:
    page = open_page()
    start(page, "Endless")
    expect(page.locator(".live .speaking .words")).to_contain_text("and so on and so on")
    expect_status(page, "is speaking")
    press(page, "Stop")
    expect_status(page, "Stopped")
    expect(page.locator(".settled .cut")).to_have_text("stopped by a person")
    expect(page.get_by_role("button", name="Stop")).not_to_be_visible()
    press(page, "Resume")
    expect_status(page, "is speaking")
    press(page, "New debate")
    expect(page.get_by_role("button", name="Start the debate")).to_be_visible()
    expect(page).not_to_have_url(re.compile("debate="))


def test_a_reload_and_a_second_tab_show_the_debate_and_go_on(open_page: Open) -> None:
    page = open_page()
    start(page, "Quick", "Endless")
    expect(page.locator(".live .speaking .words")).to_contain_text("and so on")
    debate = debate_id(page)
    page.reload()
    other = open_page(page.url)
    for tab in (page, other):
        expect(tab.locator("h2.topic")).to_have_text("Should cats vote?")
        expect(tab.locator(".live .speaking .words")).to_contain_text("and so on")
        assert debate_id(tab) == debate
    press(other, "Stop")
    for tab in (page, other):
        expect_status(tab, "Stopped")
    assert settled(page) == settled(other)
    assert len(settled(page)) == 2


def test_pause_lets_the_turn_end_and_resume_goes_on(open_page: Open) -> None:
    page = open_page()
    start(page, "Slow", "Slow")
    press(page, "Pause")
    expect_status(page, "Paused")
    assert 0 < len(settled(page)) < 6
    press(page, "Resume")
    expect_status(page, "is speaking")
    press(page, "Stop")


def test_a_debate_that_is_over_is_shown_from_its_address(open_page: Open) -> None:
    page = open_page()
    start(page)
    expect_status(page, "The debate is over.")
    other = open_page(page.url)
    expect_status(other, "The debate is over.")
    assert settled(other) == settled(page)


def test_who_comes_back_to_a_tab_sees_what_others_did_meanwhile(open_page: Open) -> None:
    page = open_page()
    start(page)
    expect_status(page, "The debate is over.")
    other = open_page(page.url)
    press(other, "One more round")
    expect(other.locator(".settled .turn")).to_have_count(8)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".settled .turn")).to_have_count(8)


def test_an_address_that_nobody_knows_ends_in_words(open_page: Open, served: Served) -> None:
    page = open_page(f"{served.address}?debate=nonsense")
    expect(page.get_by_role("alert")).to_contain_text("nonsense")
    expect(page.get_by_role("button", name="Start the debate")).to_be_visible()


def test_a_double_click_makes_one_debate(open_page: Open, served: Served) -> None:
    page = open_page()
    seat(page)
    page.get_by_label("What shall they argue about?").fill("Once or twice?")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.post_data or ""))
    page.get_by_role("button", name="Start the debate").evaluate(
        "button => { for (let i = 0; i < 20; i++) button.click() }"
    )
    expect_status(page, "The debate is over.")
    starts = [body for body in asked if re.search('"Once or twice[?]",2,[^,]*,[^,]*,3,', body)]
    address = f"{served.address}gradio_api/run/predict"
    assert starts
    answers = [
        page.request.post(address, data=starts[0], headers={"content-type": "application/json"})
        for _ in range(20)
    ]
    ids = {re.search(r"debate=([\w-]+)", answer.text())[1] for answer in answers}  # type: ignore[index]
    assert ids == {debate_id(page)}


def test_a_note_one_more_round_and_a_regenerated_turn(open_page: Open) -> None:
    page = open_page()
    start(page)
    expect_status(page, "The debate is over.")
    page.get_by_label("Say something to the table").fill("Be *brief*.")
    press(page, "Send")
    expect(page.locator(".settled .note em")).to_have_text("brief")
    press(page, "One more round")
    expect(page.locator(".settled .round").nth(3)).to_have_text("Round 4")
    expect(page.locator(".settled .turn .words").nth(7)).to_be_visible()
    expect(page.get_by_role("button", name="Regenerate last turn")).to_be_visible()
    expect_status(page, "The debate is over.")
    before = settled(page)
    press(page, "Regenerate last turn")
    expect(page.locator(".settled .turn .words").nth(7)).not_to_have_text(before[7])
    expect_status(page, "The debate is over.")
    assert settled(page)[:7] == before[:7]


def test_an_error_appears_once_and_the_debate_waits(open_page: Open) -> None:
    page = open_page()
    start(page, "Broken")
    expect(page.get_by_role("alert")).to_have_count(1)
    expect(page.get_by_role("alert")).to_contain_text("The stage has collapsed.")
    expect(page.get_by_role("alert")).to_contain_text("Build it again")
    press(page, "Resume")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect_status(page, "The debate is over.")


def test_a_model_that_cannot_be_used_says_why(open_page: Open) -> None:
    page = open_page()
    seat(page)
    field = page.get_by_label("Speaks through").first
    field.click()
    field.fill("Exp")
    page.get_by_role("option", name="Expensive · Locked (no key").click()
    expect(page.locator(".prose.notice:visible")).to_contain_text("set REBUTTAL_TEST_NO_SUCH_KEY")


def test_an_empty_topic_is_answered_in_words(open_page: Open) -> None:
    page = open_page()
    seat(page)
    press(page, "Start the debate")
    expect(page.get_by_role("alert")).to_contain_text("The topic is empty.")


def test_hostile_words_stay_words(open_page: Open) -> None:
    page = open_page()
    start(page, "Rude", topic="<img src=http://spy.invalid/c.gif onerror=alert(1)>")
    expect(page.locator("h2.topic")).to_contain_text("<img src")
    expect(page.locator(".settled .words").first).to_contain_text(f"<{JOINER}img src=")
    expect(page.locator(".settled .words").first).to_contain_text(f"[press me]{JOINER}(javascript:")
    assert page.locator(".settled :is(img, script, style, a[href^=javascript])").count() == 0
    assert page.title() == "Rebuttal"


def test_whole_turns_only(open_page: Open) -> None:
    page = open_page()
    start(page, "Slow", "Slow")
    expect(page.locator(".live .words")).to_contain_text("Speech")
    page.get_by_label("Word by word").uncheck()
    expect(page.locator(".live .speaking .words")).to_have_text("…")
    expect_status(page, "is speaking")
    expect(page.locator(".live .speaking .words")).to_have_text("…")
    press(page, "Stop")


def test_copy_and_files_carry_the_whole_debate(open_page: Open) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    start(page)
    expect_status(page, "The debate is over.")
    press(page, "Copy")
    copied = page.wait_for_function("navigator.clipboard.readText()").json_value()
    for name, ending in (("Markdown", ".md"), ("Text", ".txt"), ("JSON", ".json")):
        with page.expect_download() as download:
            page.get_by_role("button", name=name, exact=True).click()
        assert download.value.suggested_filename.endswith(ending)
        text = Path(download.value.path()).read_text()
        assert text.count("Speech ") == 6
        assert ending != ".md" or text == copied


def test_seats_come_and_go_and_an_example_fills_them(open_page: Open) -> None:
    page = open_page()
    seat(page)
    for _ in range(4):
        press(page, "Add a debater")
    expect(page.get_by_label("Sixth debater")).to_be_visible()
    expect(page.get_by_role("button", name="Add a debater")).not_to_be_visible()
    third = page.get_by_label("Third debater").input_value()
    page.get_by_role("button", name="Remove").nth(1).click()
    expect(page.get_by_label("Second debater")).to_have_value(third)
    expect(page.get_by_label("Sixth debater")).not_to_be_visible()
    press(page, "Is progress real?")
    expect(page.get_by_label("Fourth debater")).not_to_be_visible()
    expect(page.get_by_label("Stance").nth(1)).to_have_value("It is a story winners tell")
    press(page, "Start the debate")
    expect(page.locator(".player")).to_have_count(3)


def test_a_chat_answers_and_goes_on(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("tab", name="Chat").click()
    page.get_by_label("What would you ask?").fill("Why?")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect_status(page, "Done.")
    page.get_by_label("Ask on").fill("And then?")
    page.get_by_label("Ask on").press("Enter")
    expect(page.locator(".settled .turn")).to_have_count(2)
    expect(page.locator(".settled .note")).to_contain_text("And then?")
    assert page.locator(".settled .round").count() == 0


def test_the_models_tab_shows_states_and_reasons(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("tab", name="Models").click()
    row = page.get_by_role("row").filter(has_text="Expensive")
    expect(row).to_contain_text("no key; set REBUTTAL_TEST_NO_SUCH_KEY")
    expect(page.get_by_role("row").filter(has_text="Quick")).to_contain_text("ready")
    press(page, "Reload the catalog")
    expect(page.locator(".prose.notice:visible")).to_contain_text("6 models and")


def test_a_phone_shows_it_all_without_scrolling_sideways(open_page: Open) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    start(page)
    expect_status(page, "The debate is over.")
    for tab in ("Debate", "Chat", "Exchange", "Models"):
        page.get_by_role("tab", name=tab).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_page_works_under_a_policy_without_eval(open_page: Open, served: Served) -> None:
    def guard(route: Route) -> None:
        answer = route.fetch()
        headers = {**answer.headers, "content-security-policy": POLICY}
        route.fulfill(response=answer, headers=headers)

    page = open_page("about:blank")
    page.route(served.address, guard)
    page.goto(served.address)
    start(page)
    expect_status(page, "The debate is over.")
    debate_id(page)


def test_the_whole_way_can_be_walked_with_the_keyboard(open_page: Open) -> None:
    page = open_page()
    seat(page)
    page.get_by_label("What shall they argue about?").focus()
    page.keyboard.type("Keys or mice?")
    page.keyboard.press("Enter")
    expect_status(page, "The debate is over.")
    page.get_by_role("button", name="One more round").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".settled .turn")).to_have_count(8)

"""The History and Insight tabs in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.chromium import NEEDS_CHROMIUM
from tests.kept import keep_some
from tests.served import Served, serving

pytestmark = NEEDS_CHROMIUM

Visit = Callable[..., Page]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("page")
    keep_some(folder, 45)
    with serving(folder) as page:
        yield page


@pytest.fixture
def visit(browser: Browser, served: Served) -> Iterator[Visit]:
    """Opens the page at a tab; in the end none may have complained."""
    complaints: list[str] = []
    contexts = []

    def opened(tab: str = "History", address: str = "", **options: object) -> Page:
        options = {"viewport": {"width": 1280, "height": 900}, **options}
        context = browser.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address or served.address)
        turn_to(page, tab)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not complaints, "\n".join(complaints)


def turn_to(page: Page, tab: str) -> None:
    """Choose a tab, also one that a phone keeps behind its three dots."""
    expect(page.locator(".start:visible")).to_be_visible()
    page.wait_for_timeout(300)  # the bar of tabs is measured once it is there
    named = page.get_by_role("tab", name=tab)
    if named.count() and named.first.is_visible():
        named.first.click()
    else:
        page.locator(".overflow-menu > button").click()
        page.locator(".overflow-dropdown button", has_text=tab).click()


def rows(page: Page) -> Locator:
    return page.locator("li.kept")


def row(page: Page, number: int) -> Locator:
    """The debate of that number."""
    return page.locator("li.kept", has=page.locator(f'a[href="?debate=kept-{number}"]'))


def titles(page: Page) -> list[str]:
    return page.locator("li.kept h3 a").all_inner_texts()


def do(page: Page, number: int, act: str) -> None:
    """Press one of the acts of that debate."""
    row(page, number).locator("summary").click()
    row(page, number).get_by_role("button", name=re.compile(f"^{act}")).click()


# --- finding --------------------------------------------------------------------------------------


def test_the_newest_come_first_a_page_at_a_time(visit: Visit) -> None:
    page = visit()
    expect(rows(page)).to_have_count(20)
    expect(rows(page).first).to_contain_text("Honesty beats kindness")
    expect(rows(page).first.locator("time")).to_have_text(re.compile("today|yesterday"))
    assert not page.get_by_role("button", name="← Newer").count()
    page.get_by_role("button", name="Older →").click()
    expect(row(page, 24)).to_be_visible()
    page.get_by_role("button", name="Older →").click()
    expect(rows(page)).to_have_count(5)
    expect(page.get_by_role("button", name="Older →")).to_have_count(0)
    page.get_by_role("button", name="← Newer").click()
    expect(row(page, 24)).to_be_visible()
    page.get_by_role("button", name="← Newer").click()
    expect(row(page, 44)).to_be_visible()


def test_words_are_looked_for_while_they_are_typed_and_marked(visit: Visit) -> None:
    page = visit()
    page.get_by_label("Search the debates").press_sequentially("farmers hol", delay=20)
    expect(page.locator("li.kept mark").first).to_have_text("farmers")
    marked = {words.lower() for words in page.locator("li.kept mark").all_inner_texts()}
    assert marked == {"farmers", "holiday"}
    page.get_by_label("Search the debates").fill('NOT"a* word (here')
    expect(page.locator(".empty")).to_contain_text("Nothing found.")
    page.get_by_label("Search the debates").fill("")
    expect(rows(page)).to_have_count(20)


def test_filters_narrow_the_list(visit: Visit) -> None:
    page = visit()
    page.get_by_role("button", name="Filters").click()
    choose(page, "How it stands", "Interrupted")
    expect(page.locator(".state.finished")).to_have_count(0)
    expect(rows(page)).to_have_count(15)
    choose(page, "Who spoke", "Scientist")
    expect(rows(page).first).to_contain_text("Scientist")
    expect(page.locator("li.kept", has_text="Philosopher")).to_have_count(0)
    choose(page, "How it stands", "Finished or not")
    expect(rows(page)).to_have_count(11)
    page.get_by_role("textbox", name="From", exact=True).fill("2199-01-01")
    expect(page.locator(".empty")).to_contain_text("Nothing found.")
    page.get_by_role("textbox", name="From", exact=True).fill("2020-01-01")
    expect(rows(page)).to_have_count(11)
    page.get_by_role("textbox", name="To", exact=True).fill("2020-01-02")
    expect(page.locator(".empty")).to_contain_text("Nothing found.")


def choose(page: Page, label: str, name: str) -> None:
    """Pick an entry of a list."""
    page.get_by_label(label).click()
    page.get_by_role("option", name=name).first.click()


# --- opening --------------------------------------------------------------------------------------


def test_a_debate_opens_at_its_table_and_the_way_back_leads_to_the_list(visit: Visit) -> None:
    page = visit()
    row(page, 44).get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"\?debate=kept-44$"))
    expect(page.get_by_role("heading", name="Honesty beats kindness", level=2)).to_be_visible()
    expect(page.locator(".settled .words:visible").first).to_contain_text("garden")
    page.go_back()
    expect(page.get_by_role("tab", name="History")).to_have_attribute("aria-selected", "true")
    assert "debate=" not in page.url
    row(page, 44).get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Honesty beats kindness", level=2)).to_be_visible()
    page.go_back()
    page.go_forward()
    expect(page.get_by_role("heading", name="Honesty beats kindness", level=2)).to_be_visible()


def test_two_debates_open_side_by_side(visit: Visit) -> None:
    page = visit()
    do(page, 44, "Compare")
    expect(row(page, 44)).to_have_class(re.compile("chosen"))
    do(page, 43, "Compare")
    expect(page.locator(".comparison header.left")).to_contain_text("Honesty beats kindness")
    expect(page.locator(".comparison header.right")).to_contain_text("Can a machine be wise?")


# --- keeping --------------------------------------------------------------------------------------


def test_a_debate_is_renamed_in_its_place_and_gets_its_topic_back(visit: Visit) -> None:
    page = visit()
    do(page, 42, "Rename")
    page.get_by_label("Its new name").fill("The <b>machine</b>")
    page.keyboard.press("Enter")
    expect(row(page, 42).locator("h3")).to_have_text("The <b>machine</b>")
    expect(row(page, 42).locator("p.topic")).to_have_text("Cities should ban private cars")
    expect(row(page, 42).locator("summary")).to_be_focused()
    do(page, 42, "Rename")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Its new name")).to_have_count(0)
    do(page, 42, "Rename")
    page.get_by_label("Its new name").fill("")
    page.get_by_role("button", name="Save").click()
    expect(row(page, 42).locator("h3")).to_have_text("Cities should ban private cars")


def test_a_pinned_debate_stays_on_top(visit: Visit) -> None:
    page = visit()
    do(page, 30, "Pin")
    expect(rows(page).first).to_contain_text("Pinned")
    page.get_by_role("button", name="Older →").click()
    expect(row(page, 30)).to_have_count(0)
    page.get_by_role("button", name="← Newer").click()
    do(page, 30, "Unpin")
    expect(rows(page).first.locator(".pin")).to_have_count(0)


def test_what_was_deleted_comes_back_at_one_press(visit: Visit) -> None:
    page = visit()
    do(page, 41, "Delete")
    expect(row(page, 41)).to_have_count(0)
    expect(page.get_by_role("status").filter(has_text="Deleted")).to_contain_text("voting age")
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_focused()
    undo.press("Enter")
    expect(row(page, 41)).to_be_visible()
    expect(page.locator(".block.told")).to_contain_text("Back again.")


def test_all_is_deleted_only_when_asked_twice_and_comes_back_as_well(visit: Visit) -> None:
    page = visit()
    page.get_by_role("button", name="Delete all").click()
    page.get_by_role("button", name="Keep them").click()
    expect(page.get_by_role("button", name="Keep them")).to_have_count(0)
    expect(rows(page)).to_have_count(20)
    page.get_by_role("button", name="Delete all").click()
    page.locator(".block.told").get_by_role("button", name="Delete all").click()
    expect(page.locator(".empty")).to_contain_text("Nothing here yet.")
    expect(page.locator(".block.told")).to_contain_text("45 debates deleted.")
    page.get_by_role("button", name="Undo").click()
    expect(rows(page)).to_have_count(20)


# --- by keys, and on a phone ----------------------------------------------------------------------


def test_everything_can_be_reached_with_keys(visit: Visit) -> None:
    page = visit()
    expect(rows(page)).to_have_count(20)
    page.get_by_label("Search the debates").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Filters")).to_be_focused()
    page.keyboard.press("Tab")
    expect(row(page, 44).get_by_role("link").first).to_be_focused()
    page.keyboard.press("Tab")
    expect(row(page, 44).locator("summary")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(row(page, 44).get_by_role("button", name="Rename")).to_be_focused()
    page.keyboard.press("Escape")
    expect(row(page, 44).locator("summary")).to_be_focused()
    expect(row(page, 44).get_by_role("button", name="Rename")).to_be_hidden()


@pytest.mark.parametrize("tab", ["History", "Insight"])
def test_a_phone_shows_it_without_scrolling_sideways(visit: Visit, tab: str) -> None:
    page = visit(tab, **PHONE)
    shown = rows(page).first if tab == "History" else page.locator(".plot")
    expect(shown).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    if tab == "History":
        row(page, 44).locator("summary").tap()
        sizes = (
            row(page, 44)
            .locator("summary, .menu button, .menu a")
            .evaluate_all("all => all.map((e) => e.getBoundingClientRect().height)")
        )
        assert len(sizes) == 10
        assert min(sizes) >= 44


# --- numbers --------------------------------------------------------------------------------------


def test_ones_numbers_are_plotted_and_told(visit: Visit) -> None:
    page = visit("Insight")
    expect(page.locator(".plot figcaption")).to_have_text("Turns a day, by model")
    expect(page.locator(".plot .bar")).to_have_count(30)
    page.get_by_label("A week").check()
    expect(page.locator(".plot .bar")).to_have_count(7)
    page.get_by_label("Tokens").check()
    page.get_by_label("Persona").check()
    expect(page.locator(".plot figcaption")).to_have_text("Tokens a day, by persona")
    page.get_by_text("The same as numbers").click()
    expect(page.get_by_role("columnheader", name="Philosopher").first).to_be_visible()
    heights = page.locator(".plot .bar i").evaluate_all("all => all.map((e) => e.offsetHeight)")
    assert max(heights) > 40


def test_a_page_without_debates_says_what_will_be_here(visit: Visit, tmp_path: Path) -> None:
    with serving(tmp_path) as empty:
        page = visit("History", empty.address)
        expect(page.locator(".empty")).to_contain_text("Nothing here yet.")
        expect(page.get_by_role("button", name="Delete all")).to_have_count(0)
        page.get_by_role("tab", name="Insight").click()
        expect(page.locator(".counted .empty")).to_contain_text("No numbers yet.")


# --- out, in, and to others -----------------------------------------------------------------------


def test_a_link_is_made_read_and_ended(visit: Visit) -> None:
    page = visit()
    do(page, 40, "Share")
    slip = page.get_by_role("dialog", name=re.compile("^Share “Homework"))
    expect(slip.get_by_role("heading")).to_be_focused()
    slip.get_by_role("button", name="for 7 days").click()
    address = slip.locator("a.secret").inner_text()
    assert re.search(r"^http://127\.0\.0\.1:\d+/shared#[\w-]{40,}$", address)
    expect(slip.locator("li")).to_have_count(1)
    reader = page.context.new_page()
    reader.goto(address)
    expect(reader.get_by_role("heading", name="Homework should be abolished")).to_be_visible()
    reader.close()
    slip.get_by_role("button", name="End it").click()
    expect(slip.locator("li")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(slip).to_have_count(0)
    expect(row(page, 40).locator("summary")).to_be_focused()


def test_the_stage_has_the_way_to_share_too(visit: Visit) -> None:
    page = visit()
    row(page, 44).get_by_role("link").first.click()
    page.get_by_role("button", name="Share…").locator("visible=true").click()
    expect(page.get_by_role("dialog")).to_contain_text("Whoever has a link reads along")


def test_a_debate_goes_out_as_a_file_and_comes_in_again(visit: Visit) -> None:
    page = visit()
    row(page, 43).locator("summary").click()
    with page.expect_download() as download:
        row(page, 43).get_by_text("JSON").click()
    file = download.value
    assert file.suggested_filename == "can-a-machine-be-wise.json"
    page.set_input_files(".import input", file.path())
    expect(page.get_by_role("alert")).to_have_text("One debate is here now.")
    expect(rows(page).first).to_contain_text("imported today")
    rows(page).first.locator("summary").click()
    rows(page).first.get_by_role("button", name="Delete").click()
    expect(page.locator(".block.told")).to_contain_text("Can a machine be wise?")


def test_the_address_of_a_history_opens_it_in_another_browser(
    visit: Visit, browser: Browser, tmp_path: Path
) -> None:
    with serving(tmp_path, environment={"REBUTTAL_PROFILE": "public"}) as strangers:
        page = visit("Chat", strangers.address)
        page.get_by_label("What would you ask?").fill("Is it mine?")
        page.get_by_role("button", name="Ask", exact=True).click()
        expect(page.locator(".settled .words:visible").first).to_be_visible()
        page.get_by_role("tab", name="History").click()
        page.get_by_role("button", name="Keep this history").click()
        page.get_by_role("button", name="Make the address").click()
        address = page.locator("a.secret").inner_text()
        other = browser.new_context().new_page()
        other.goto(address)
        expect(other).to_have_url(strangers.address)
        turn_to(other, "History")
        expect(rows(other).first).to_contain_text("Is it mine?")
        other.context.close()
        page.get_by_role("button", name="End it").click()
        expect(page.get_by_role("button", name="Make the address")).to_be_visible()

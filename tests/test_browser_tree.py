"""Branching in a real browser: from a turn, in the tree, side by side, and run again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.chromium import NEEDS_CHROMIUM
from tests.served import Served, serving

pytestmark = NEEDS_CHROMIUM

Debate = Callable[..., Page]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SAID = "Gardens have no *vote* at all."


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("page")) as page:
        yield page


@pytest.fixture
def debate(browser: Browser, served: Served) -> Iterator[Debate]:
    """A debate of two that is over, or has begun; in the end no page may have complained."""
    complaints: list[str] = []
    contexts = []

    def begun(model: str = "", over: bool = True, **options: object) -> Page:
        options = {"viewport": {"width": 1280, "height": 900}, **options}
        contexts.append(browser.new_context(**options))  # type: ignore[arg-type]
        page = contexts[-1].new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(served.address)
        seats = page.get_by_label("Speaks through")
        expect(seats.first).to_have_value("Quick · Stage", timeout=20_000)
        if model:
            field = seats.nth(1)
            field.click()
            field.fill(model)
            field.press("Enter")
            expect(field).to_have_value(f"{model} · Stage")
        page.get_by_label("What shall they argue about?").fill("Should cats vote?")
        page.get_by_role("button", name="Start the debate").click()
        if over:
            rested(page, 6)
        return page

    yield begun
    for context in contexts:
        context.close()
    unexpected = [said for said in complaints if "AbortError" not in said]
    assert not unexpected, "\n".join(unexpected)


def rested(page: Page, turns: int) -> None:
    """Wait until it is over with that many turns of debaters."""
    expect(page.locator(".prose.settled .turn:visible")).to_have_count(turns, timeout=20_000)
    expect(page.locator(".prose.status-line:visible")).to_contain_text("over", timeout=20_000)


def turn(page: Page, number: int) -> Locator:
    """A settled turn of a debater, from 0."""
    return page.locator(".prose.settled .turn:visible").nth(number)


def words(page: Page) -> list[str]:
    return page.locator(".prose.settled .turn .words:visible").all_inner_texts()


def expect_words(page: Page, said: list[str]) -> None:
    """Wait until these are the settled turns."""
    shown = page.locator(".prose.settled .turn .words:visible")
    expect(shown).to_have_text([one.strip() for one in said], use_inner_text=True)


def press(page: Page, number: int, name: str) -> None:
    turn(page, number).hover()
    turn(page, number).get_by_role("button", name=name).click()


def button(page: Page, name: str, where: str = "body") -> Locator:
    return page.locator(where).get_by_role("button", name=name, exact=True)


def edit(page: Page, number: int) -> None:
    press(page, number, "Edit")
    page.get_by_label("In other words").fill(SAID)
    button(page, "Continue from these words").click()
    expect(page.locator(".edit-sheet")).to_be_hidden()
    expect(turn(page, number).locator(".edited")).to_have_text("edited by you")


def test_a_fresh_answer_anywhere_and_the_way_back_by_the_keyboard(debate: Debate) -> None:
    page = debate()
    before = words(page)
    press(page, 2, "Fresh answer")
    expect(turn(page, 2).locator(".ways")).to_contain_text("2 of 2")
    rested(page, 6)
    fresh = words(page)
    assert fresh[:2] == before[:2]
    assert fresh[2] != before[2]
    turn(page, 2).get_by_role("button", name="the continuation before").focus()
    page.keyboard.press("Enter")
    expect(turn(page, 2).locator(".ways")).to_contain_text("1 of 2")
    expect_words(page, before)
    expect(turn(page, 2).get_by_role("button", name="the next continuation")).to_be_focused()
    page.reload()
    expect(turn(page, 2).locator(".ways")).to_contain_text("1 of 2")


def test_acts_show_at_the_turn_that_is_pointed_at_and_can_be_reached_by_keys(
    debate: Debate,
) -> None:
    page = debate()
    acts = turn(page, 1).locator(".acts")
    expect(acts).to_have_css("opacity", "0")
    turn(page, 1).hover()
    expect(acts).to_have_css("opacity", "1")
    turn(page, 4).get_by_role("button", name="Fresh answer: Philosopher").focus()
    page.keyboard.press("Tab")
    expect(turn(page, 4).get_by_role("button", name="Edit: Philosopher")).to_be_focused()
    expect(turn(page, 4).locator(".acts")).to_have_css("opacity", "1")


def test_an_edited_turn_is_answered_and_what_was_said_stays(debate: Debate) -> None:
    page = debate()
    before = words(page)
    edit(page, 1)
    rested(page, 6)
    expect(turn(page, 1).locator(".words em")).to_have_text("vote")
    turn(page, 1).get_by_role("button", name="the continuation before").click()
    expect(turn(page, 1).locator(".edited")).to_have_count(0)
    rested(page, 6)
    expect_words(page, before)


def test_a_sheet_takes_the_keys_and_escape_gives_them_back(debate: Debate) -> None:
    page = debate()
    press(page, 1, "Edit")
    field = page.get_by_label("In other words")
    expect(field).to_be_focused()
    expect(page.get_by_role("dialog", name="Put Cynic’s turn into other words")).to_be_visible()
    assert page.locator(".tabs").first.evaluate("tabs => tabs.inert")
    page.keyboard.press("Escape")
    expect(field).to_be_hidden()
    expect(turn(page, 1).get_by_role("button", name="Edit")).to_be_focused()
    assert not page.locator(".tabs").first.evaluate("tabs => tabs.inert")


def take(field: Locator, name: str) -> None:
    """Choose from a list by typing."""
    field.click()
    field.fill(name)
    field.page.get_by_role("option", name=name).click()
    expect(field).to_have_value(re.compile(name))


def test_others_go_on_from_a_turn_after_a_word(debate: Debate) -> None:
    page = debate()
    cynic = turn(page, 1).get_attribute("style")
    press(page, 3, "Continue with")
    seat = page.locator(".branch-sheet").get_by_label("Seat 2")
    expect(seat).to_have_value(re.compile("Cynic"))
    take(seat, "Idealist")
    page.get_by_label("A word of yours to the table").fill("Now with *hope*.")
    button(page, "Continue from here").click()
    expect(page.locator(".settled p.seats")).to_contain_text("Idealist takes Cynic’s seat")
    rested(page, 6)
    expect(page.locator(".player .name:visible")).to_have_text(["Philosopher", "Idealist"])
    assert turn(page, 1).get_attribute("style") == cynic
    assert turn(page, 5).get_attribute("style") != cynic
    expect(page.locator(".settled .note em")).to_have_text("hope")
    expect(page.locator(".settled .round").nth(2)).to_have_text("Round 3")


def test_a_third_debater_joins(debate: Debate) -> None:
    page = debate()
    press(page, 5, "Continue with")
    page.locator(".branch-sheet").get_by_label("number input for Debaters").fill("3")
    page.keyboard.press("Tab")
    expect(page.locator(".branch-sheet").get_by_label("Seat 3")).to_be_visible()
    button(page, "Continue from here").click()
    expect(page.locator(".settled p.seats")).to_contain_text("joins, through Quick.")
    rested(page, 9)
    expect(page.locator(".player")).to_have_count(3)


def test_the_tree_is_walked_and_a_branch_deleted_after_a_question(debate: Debate) -> None:
    page = debate()
    before = words(page)
    edit(page, 1)
    rested(page, 6)
    button(page, "Branches").click()
    tree = page.get_by_role("dialog", name="The branches of this debate")
    expect(tree).to_contain_text("2 lines")
    expect(tree.locator("li.row.main")).to_have_count(7)
    tree.get_by_role("button", name="Make this the main line").click()
    expect(tree.locator("li.row.main .edited")).to_have_count(0)
    tree.get_by_role("button", name="Delete this branch").click()
    expect(tree.get_by_role("alert")).to_contain_text("Delete these 5 turns for good?")
    tree.get_by_role("button", name="Keep").click()
    expect(tree.get_by_role("alert")).to_have_count(0)
    tree.get_by_role("button", name="Delete this branch").click()
    tree.get_by_role("button", name="Delete these 5 turns").click()
    expect(tree).to_contain_text("One line")
    page.keyboard.press("Escape")
    expect(tree).to_be_hidden()
    rested(page, 6)
    expect_words(page, before)
    expect(page.locator(".settled .ways")).to_have_count(0)


def test_two_lines_stand_side_by_side_and_one_is_chosen(debate: Debate) -> None:
    page = debate()
    before = words(page)
    edit(page, 1)
    rested(page, 6)
    button(page, "Branches").click()
    button(page, "Side by side with the main line").click()
    sheet = page.get_by_role("dialog", name="Two lines, turn by turn")
    expect(sheet.locator("summary")).to_have_text("2 turns are the same")
    expect(sheet.locator(".pairs .pair")).to_have_count(5)
    expect(sheet.locator(".pair .left .edited")).to_have_count(1)
    expect(sheet.locator(".pair .right .edited")).to_have_count(0)
    expect(sheet.locator("button.take.left")).to_be_disabled()
    sheet.locator("button.take.right").click()
    expect(sheet).to_be_hidden()
    rested(page, 6)
    expect_words(page, before)


def test_a_debate_runs_again_with_one_seat_changed_and_both_are_compared(debate: Debate) -> None:
    page = debate()
    first = page.url
    button(page, "Run again").click()
    form = page.locator(".branch-sheet")
    expect(form.get_by_label("Topic")).to_have_value("Should cats vote?")
    seat = form.get_by_label("Seat 2")
    take(seat, "Idealist")
    button(page, "Run again", ".branch-sheet").click()
    expect(page.locator(".descent")).to_contain_text("Re-run of “Should cats vote?”.")
    rested(page, 6)
    expect(page).not_to_have_url(first)
    expect(page.locator(".player .name:visible")).to_have_text(["Philosopher", "Idealist"])
    button(page, "Compare the two").click()
    sheet = page.get_by_role("dialog", name="Two debates, turn by turn")
    heads = ["Philosopher", "Cynic", "Philosopher", "Idealist"]
    expect(sheet.locator(".heads .name")).to_have_text(heads)
    expect(sheet.get_by_label("Left")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()


def test_while_a_turn_is_spoken_branches_can_be_seen_and_not_made(debate: Debate) -> None:
    page = debate("Endless", over=False)
    expect(page.locator(".live .speaking .words")).to_contain_text("and so on")
    turn(page, 0).get_by_role("button", name="Fresh answer").press("Enter")
    expect(page.locator(".stage .prose.notice:visible")).to_contain_text("Stop it first.")
    turn(page, 0).get_by_role("button", name="Continue with").press("Enter")
    expect(page.locator(".branch-sheet")).to_be_hidden()
    button(page, "Branches").click()
    tree = page.get_by_role("dialog", name="The branches of this debate")
    expect(tree).to_contain_text("stop the debate to change anything here")
    page.keyboard.press("Escape")
    button(page, "Stop").click()
    expect(page.locator(".prose.status-line:visible")).to_contain_text("Stopped")
    press(page, 0, "Fresh answer")
    expect(turn(page, 0).locator(".ways")).to_contain_text("2 of 2")
    button(page, "Stop").click()
    expect(page.locator(".prose.status-line:visible")).to_contain_text("Stopped")


def test_on_a_phone_acts_are_always_there_and_nothing_scrolls_sideways(debate: Debate) -> None:
    page = debate(**PHONE)
    expect(turn(page, 1).locator(".acts")).to_have_css("opacity", "1")
    turn(page, 1).get_by_role("button", name="Fresh answer").tap()
    expect(turn(page, 1).locator(".ways")).to_contain_text("2 of 2")
    rested(page, 6)
    button(page, "Branches").click()
    assert fits(page, ".tree-sheet")
    page.get_by_role("button", name="Side by side").first.click()
    expect(page.locator(".compared .pair").first).to_be_visible()
    assert fits(page, ".comparison")
    left, right = (
        page.locator(f".pairs .pair .{side}").first.bounding_box() for side in ("left", "right")
    )
    assert left
    assert right
    assert right["y"] >= left["y"] + left["height"]
    page.locator(".comparison button.leave").click()
    page.get_by_role("button", name="Continue from here with…").first.click()
    expect(page.locator(".branch-sheet")).to_be_visible()
    assert fits(page, ".branch-sheet")


def fits(page: Page, sheet: str) -> bool:
    """Whether nothing is wider than the screen."""
    expect(page.locator(sheet)).to_be_visible()
    inside = page.locator(sheet).evaluate("sheet => sheet.scrollWidth <= sheet.clientWidth")
    return bool(inside) and page.evaluate("document.documentElement.scrollWidth") <= 390

"""What the History tab shows and accepts, without a browser."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from hypothesis import given

from rebuttal.catalog import load_catalog
from rebuttal.errors import InvalidInput
from rebuttal.records import OPERATOR, Found, Search, Visitor
from rebuttal.settings import HOME, load_settings
from rebuttal.ui.entries import House
from rebuttal.ui.history_entries import Do, Seek, Share
from rebuttal.ui.history_list import Shown, history_list
from rebuttal.ui.marked import marked_line
from rebuttal.ui.sharing import lasting
from rebuttal.ui.undo import Undo
from tests.debates import NOON, debate, debater
from tests.hostile import HOSTILE, offences, sayings

HERE = House(load_catalog(HOME / "models.yaml", HOME / "personas"), load_settings())
SEEK: list[Any] = ["", "", "", "", "", "", ""]


def found(turns: int = 8, excerpt: str = "", **changes: object) -> Found:
    return Found(debate=debate().model_copy(update=changes), turns=turns, excerpt=excerpt)


def words(html: str) -> str:
    """What can be read of it."""
    html = re.sub(r"</?(?:mark|span|time|strong|details|ol)\b[^>]*>", "", html)
    return " ".join(
        unescape(
            re.sub(
                r"</?(?!time)(?:p|div|li|summary|button|h3|a|t[a-z]+|caption|figure|figcaption|ul|i)\b[^>]*>",
                " ",
                html,
            )
        ).split()
    )


def do(order: object, trail: str = "", *seek: Any) -> Do:
    return Do.read([*(seek or SEEK), order, trail], {}, HERE)


# --- the list -------------------------------------------------------------------------------------


def test_a_debate_says_who_sat_what_it_was_about_and_how_it_stands() -> None:
    row = history_list([found()], Shown())
    assert '<a class="open" href="?debate=debate">Should cats vote?</a>' in row
    told = words(row)
    assert "C Cynic R Rational" in told
    assert "interrupted · 20 Nov 2026, 12:00 UTC · 7 turns · Scripted" in told
    assert "Pinned" not in told


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"finished": True}, "finished · 20 Nov"),
        ({"pinned": True}, "Pinned Should cats vote?"),
        ({"title": "Cats"}, "Cats Should cats vote?"),
        ({"imported_at": NOON}, "imported 20 Nov 2026"),
        ({"forked_from": "other"}, "continued from a link"),
        ({"rerun_of": "other"}, "re-run of another"),
        ({"debaters": (debater("a", "Cynic", model="One"),)}, "7 turns · One"),
    ],
)
def test_a_row_tells(changes: dict[str, Any], said: str) -> None:
    assert said in words(history_list([found(**changes)], Shown()))


def test_a_debate_that_speaks_says_so_whatever_is_kept_of_it() -> None:
    speaking = Shown(speaking=frozenset({"debate"}))
    assert "speaking now" in words(history_list([found(finished=True)], speaking))


def test_seats_wear_the_colours_of_the_stage() -> None:
    row = history_list([found()], Shown())
    assert len({*re.findall(r"--day:#\w+;--night:#\w+", row)}) == 2


def test_what_can_be_done_with_a_debate_names_it_to_those_who_listen() -> None:
    row = history_list([found(title="Cats")], Shown())
    orders = re.findall(r'value="([^"]+)"', row)
    acts = ["rename", "pin", "share", "compare", "delete"]
    assert orders == [f"{act} debate" for act in acts]
    assert "More on Cats" in words(row)
    assert 'value="unpin debate"' in history_list([found(pinned=True)], Shown())


def test_a_very_long_topic_is_cut() -> None:
    row = history_list([found(topic="why " * 3000)], Shown())
    assert len(row) < 5000


def test_pages_lead_on_and_back() -> None:
    middle = words(history_list([found()], Shown(more="c3", depth=2)))
    assert middle.endswith("Newest ← Newer Older →")
    assert 'value="older c3"' in history_list([found()], Shown(more="c3"))
    assert "Newer" not in words(history_list([found()], Shown(more="c3")))
    assert "pages" not in history_list([found()], Shown())


def test_nothing_here_and_nothing_found_are_told_apart() -> None:
    assert "Nothing here yet." in history_list([], Shown())
    assert "Your debates are kept here" in history_list([], Shown(owners=True))
    assert "Nothing found." in history_list([], Shown(text="x", narrowed=True))


# --- words that were looked for -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "query", "line"),
    [
        ("Cats vote.", "vote", "Cats <mark>vote</mark>."),
        ("Cats voted, votes.", "cats vot", "<mark>Cats</mark> <mark>voted</mark>, <mark>votes"),
        ("Cat and category", "cat x", "<mark>Cat</mark> and category"),
        ("Émile, emile", "EMILE", "<mark>Émile</mark>, <mark>emile</mark>"),
        ("a <b>bold</b> man", "b", "a &lt;<mark>b</mark>&gt;<mark>bold</mark>&lt;/<mark>b"),
        ("a \ue000b\ue001 c", "c", "a b <mark>c</mark>"),
        ('quotes "AND" OR*', '"OR*', "quotes &quot;AND&quot; <mark>OR</mark>&#42;"),
        ("snake_case", "case", "snake&#95;<mark>case</mark>"),
        ("猫は投票すべき", "投票", "猫は<mark>投票</mark>すべき"),
        ("a 🐈 purrs", "🐈", "a <mark>🐈</mark> purrs"),
        ("a", "a", "<mark>a</mark>"),
        ("nothing", "", "nothing"),
    ],
)
def test_found_words_are_marked(text: str, query: str, line: str) -> None:
    assert marked_line(text, query).startswith(line)


@pytest.mark.parametrize("saying", sayings())
def test_hostile_titles_topics_and_excerpts_stay_words(saying: str) -> None:
    kept = found(title=saying.strip()[:200] or "x", topic=saying, excerpt=saying)
    html = history_list([kept], Shown(text="spy img"))
    tags = {tag.lower() for tag in re.findall(r"</?([a-zA-Z0-9]+)", html)}
    assert tags <= {
        *("ol", "li", "div", "h3", "p", "a", "span", "time", "details", "summary", "button"),
        "mark",
    }
    assert not re.search(r'href="(?!\?debate=debate|debates/debate\.)', html)


@given(HOSTILE, HOSTILE)
def test_marking_is_as_safe_as_the_line_itself(text: str, query: str) -> None:
    line = marked_line(text, query)
    assert not offences(re.sub("</?mark>", "", line))
    assert "<" not in re.sub("</?mark>", "", line)


# --- what is sent ---------------------------------------------------------------------------------


def test_filters_become_a_search_on_the_readers_own_clock() -> None:
    sent = [" cats ", "Quick", "cynic", "finished", "2026-11-01", "2026-11-20", "-60"]
    assert Seek.read(sent, {}, HERE).search == Search(
        text="cats",
        model="Quick",
        persona="cynic",
        since=datetime(2026, 10, 31, 23, tzinfo=UTC),
        until=datetime(2026, 11, 20, 23, tzinfo=UTC),
        finished=True,
    )
    assert Seek.read([None, None, None, None, None, None, None], {}, HERE).search == Search()


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (0, "x" * 401, "What is looked for has 401 characters; 400 are allowed."),
        (3, "running", "The state should be '', 'finished' or 'interrupted'."),
        (4, "yesterday", "From: not a day such as 2026-11-20."),
        (5, "9999-12-31", "To should be less than or equal to 2999-12-31."),
        (6, "east", "The clock is not one of this page."),
        (4, 5, "From "),
    ],
)
def test_a_filter_that_is_none_is_refused_in_words(place: int, value: object, said: str) -> None:
    sent = [*SEEK]
    sent[place] = value
    with pytest.raises(InvalidInput) as refused:
        Seek.read(sent, {}, HERE)
    assert refused.value.message.startswith(said)


def test_orders_are_read_into_what_to_do_and_with_what() -> None:
    assert do("1 pin abc").order.debate == "abc"
    assert do("2 rename abc A  new\nname").order.title == "A new name"
    assert do("3 rename abc ").order.title == ""
    assert do("4 undo mark-1").order.mark == "mark-1"
    assert do("5 delete-all").order.act == "delete-all"


@pytest.mark.parametrize(
    "order",
    [
        *(
            "",
            "pin abc",
            "1 pin",
            "1 pin a b",
            "1 pin ../x",
            "1 drop abc",
            "1 older",
            "1 older a b",
        ),
        *(
            "1 rename",
            f"1 rename abc {'x' * 201}",
            "1 undo",
            "1 delete",
            "x",
            None,
            5,
            ["1 pin abc"],
        ),
        {"act": "pin", "debate": "../x"},
    ],
)
def test_an_order_that_is_none_is_refused(order: object) -> None:
    with pytest.raises(InvalidInput):
        do(order)


def test_the_way_through_the_pages_is_remembered_and_bounded() -> None:
    assert do("1 older c2", "c1").pages == ["c1", "c2"]
    assert do("1 newer", "c1 c2").pages == ["c1"]
    assert do("1 newest", "c1 c2").pages == []
    assert do("1 pin abc", "c1").pages == ["c1"]
    long = " ".join(f"c{n}" for n in range(30))
    assert len(do("1 older c30", long).pages) == 30
    with pytest.raises(InvalidInput):
        do("1 newer", f"{long} c30")


def test_the_list_of_a_debate_is_small() -> None:
    page = [found() for _ in range(20)]
    assert len(history_list(page, Shown())) < 50_000


# --- the way back, and links ----------------------------------------------------------------------


def test_only_who_deleted_can_take_it_back_and_only_once() -> None:
    undo = Undo()
    mark = undo.keep("c:alice", ["a", "b"])
    assert undo.take("c:bob", mark) == ()
    assert undo.take("c:alice", "other") == ()
    assert undo.take("c:alice", mark) == ("a", "b")
    assert undo.take("c:alice", mark) == ()


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first() -> None:
    undo = Undo(most=5)
    old, mark, whole = (undo.keep("c:a", ids) for ids in (["1"] * 3, ["2"] * 3, ["3"] * 9))
    assert [undo.take("c:a", one) for one in (old, mark)] == [(), ()]
    assert len(undo.take("c:a", whole)) == 9


def test_links_are_offered_for_as_long_as_the_settings_let_them_work() -> None:
    bob = Visitor(owner="c:bob")
    assert lasting(load_settings(profile="public"), bob) == [1, 7, 30]
    assert lasting(load_settings(profile="public", link_days=3), bob) == [1]
    assert lasting(load_settings(profile="local"), bob) == [1, 7, 30, 0]
    assert lasting(load_settings(profile="public"), OPERATOR) == [1, 7, 30, 0]


@pytest.mark.parametrize(
    "order",
    [
        *("", "1 share", "1 link abc x", "1 revoke abc", "1 renew abc", "1 link abc 99999"),
        *("1 revoke abc 12", "1 drop abc", None, {"act": "link", "debate": "../x"}),
    ],
)
def test_an_order_on_the_slip_that_is_none_is_refused(order: object) -> None:
    with pytest.raises(InvalidInput):
        Share.read([order], {}, HERE)
    assert Share.read(["1 link abc 7"], {}, HERE).order.days == 7
    assert Share.read([f"2 revoke abc {'0' * 64}"], {}, HERE).order.hash == "0" * 64

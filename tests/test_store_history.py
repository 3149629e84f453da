"""A history as every store promises it: found, hidden, brought back, purged, counted.

A store that forgets by itself (with a time to live, or a cap on turns) may do so where a debate is
older or longer than those here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import product
from random import Random

import pytest

from rebuttal.errors import InvalidInput, NotFound, StaleTip
from rebuttal.records import (
    USER,
    Debate,
    Debater,
    FoundPage,
    Persona,
    Search,
    Tally,
    Timings,
    Turn,
    Usage,
    now,
)
from rebuttal.stores.base import DebateStore
from tests.stores import NOON, a_debate, a_turn, begin, ids, listed

LATER = timedelta(seconds=1)


async def keys(store: DebateStore, owner: str | None = None, **search: object) -> list[str]:
    return [debate.id for debate in await listed(store, owner, **search)]


async def keep(store: DebateStore, key: str, *said: str, **fields: object) -> None:
    """A debate whose topic and turns are ``said``."""
    turns = [
        a_turn(f"t{number}", f"t{number - 1}" if number else None, text=text)
        for number, text in enumerate(said)
    ]
    debate = a_debate(key, **{"topic": said[0], **fields})
    await store.add_debate(debate, turns[0])
    for turn in turns[1:]:
        await store.add_turn(key, turn, finished=debate.finished)


def a_debater(seat: str, key: str, model: str = "m") -> Debater:
    persona = Persona(key=key, name=key.title(), instructions="Speak.")
    return Debater(seat=seat, name=key.title(), persona=persona, model=model)


# Words


async def test_words_are_found_in_topic_title_and_turns_of_every_branch(store: DebateStore) -> None:
    await keep(store, "d", "Should cats vote?", "Whiskers are no ballots.", "Paws sign nothing.")
    await store.move_tip("d", "t1", expected="t2")
    await store.add_turn("d", a_turn("t3", "t1", text="Claws decide."))
    await store.change_debate("d", title="The feline question")
    await keep(store, "e", "Should dogs vote?")
    for text in ("cats", "ballots", "paws", "claws", "feline", "feline claws paws cats"):
        assert await keys(store, text=text) == ["d"]
    assert await keys(store, text="should vote") == ["e", "d"]
    for text in ("cats dogs", "nowhere", "hiskers", "catsvote"):
        assert await keys(store, text=text) == []


@pytest.mark.parametrize("letters", [1, 2, 3, 4, 5, 10, 11])
async def test_the_last_word_may_be_the_beginning_of_one(store: DebateStore, letters: int) -> None:
    await keep(store, "d", "The philosophy of tea", "Leaves and water.")
    await keep(store, "e", "Coffee", "Beans.")
    assert await keys(store, text="tea " + "philosophy"[:letters]) == ["d"]
    assert await keys(store, text="philosophy"[: min(letters, 9)] + " tea") == []


@pytest.mark.parametrize(
    ("said", "looked_for", "there"),
    [
        ("Die Straße nach ÉCOLE", "strasse ecole", True),
        ("cafe\u0301", "CAFÉ", True),
        ("我们讨论人工智能的未来", "人工智能", True),
        ("我们讨论人工智能的未来", "智能", True),
        ("我们讨论人工智能的未来", "未", True),
        ("我们讨论人工智能的未来", "能智", False),
        ("東京都に行く", "京都に", True),
        ("ネコは投票すべきか", "投票", True),
        ("गणतंत्र की बहस", "गणतंत्र", True),
        ("한국어로 말한다", "한국어", True),
        ("Кошки голосуют", "КОШКИ", True),
        ("👩🏽‍⚖️ against 🦊", "🦊", True),
        ("👩🏽‍⚖️ against 🦊", "🐈", False),
        ("don't say state_of_the_art", "don't state of the art", True),
        ("a" * 500, "a" * 400, True),
        ("x1 and 3.14", "3.14 x1", True),
    ],
)
async def test_words_of_many_scripts_are_found(
    store: DebateStore, said: str, looked_for: str, there: bool
) -> None:
    await keep(store, "d", "A topic", said)
    await keep(store, "e", "Another topic", "Plain words.")
    assert await keys(store, text=looked_for) == (["d"] if there else [])


@pytest.mark.parametrize(
    "text",
    [
        '"',
        '"cats',
        "cats AND dogs NOT birds",
        "NEAR(cats, 5) ^cats cats*",
        "topic:cats {a b} : cats",
        "cats') OR 1=1; DROP TABLE debates; --",
        "'cats' & !dogs | (birds <-> cats):*A",
        "\\ % _ ? :id $1 %s",
        "a\0b",
        "🐈" * 200,
        "ﷺ" * 200,
        "( " * 200,
        "e" + "\u0301" * 399,
        " \t\r\n\u2028",
    ],
)
async def test_nothing_in_a_search_is_an_operator(store: DebateStore, text: str) -> None:
    await keep(store, "d", "Birds", "A sentence about cats and dogs.")
    found = await keys(store, text=text)
    assert found in ([], ["d"])
    assert await keys(store, text="cats dogs") == ["d"]
    assert await keys(store, text=f"{text} cats"[:400]) in ([], ["d"])


async def test_signs_that_are_no_words_narrow_nothing(store: DebateStore) -> None:
    await keep(store, "d", "Cats")
    assert await keys(store, text="?!  ...") == ["d"]


async def test_an_excerpt_is_plain_text_around_the_word(store: DebateStore) -> None:
    long = "word " * 100
    await keep(
        store, "d", "Topic", "Nothing here.", f"{long}<b>The Philosophér</b>\n\nspoke. {long}"
    )
    [found] = (await store.search(None, Search(text="philosopher"))).found
    assert "<b>The Philosophér</b> spoke. word" in found.excerpt
    assert found.excerpt.startswith("…word word")
    assert found.excerpt.endswith("…")
    assert len(found.excerpt) < 200
    assert found.turns == 3
    [found] = (await store.search(None, Search())).found
    assert found.excerpt == ""


async def test_a_renamed_debate_is_found_by_its_new_name_alone(store: DebateStore) -> None:
    await keep(store, "d", "Cats", "Cats and dogs.")
    await store.change_debate("d", title="Felines and canines")
    assert await keys(store, text="felines") == ["d"]
    await store.change_debate("d", title="Cats and birds")
    assert await keys(store, text="felines") == []
    assert await keys(store, text="birds cats") == ["d"]
    assert (await store.get_debate("d")).title == "Cats and birds"
    await store.change_debate("d", title="")
    assert await keys(store, text="birds") == []
    assert await keys(store, text="cats") == ["d"]
    assert (await store.get_debate("d")).title is None


async def test_a_pruned_branch_is_found_no_more(store: DebateStore) -> None:
    await keep(store, "d", "Topic", "First.", "Secret words.", "More of these secret things.")
    await store.move_tip("d", "t1", expected="t3")
    await store.add_turn("d", a_turn("t4", "t1", text="Other words."))
    await store.delete_branch("d", "t2")
    assert [turn.id for turn in await store.get_tree("d")] == ["t0", "t1", "t4"]
    assert await keys(store, text="secret") == []
    assert await keys(store, text="other words") == ["d"]
    assert await ids(store) == ["t0", "t1", "t4"]


async def test_the_main_line_is_not_pruned(store: DebateStore) -> None:
    await begin(store, turns=3)
    for turn in ("t0", "t2", "t3"):
        with pytest.raises(InvalidInput):
            await store.delete_branch("d", turn)
    with pytest.raises(NotFound, match="'t9'"):
        await store.delete_branch("d", "t9")
    assert await ids(store) == ["t0", "t1", "t2", "t3"]


# Filters


async def test_models_and_personas_are_those_of_every_table_and_turn(store: DebateStore) -> None:
    await begin(store, "d")
    await begin(store, "e")
    table = (a_debater("b", "poet", "gpt"), a_debater("c", "child", "m"))
    await store.add_turn("d", a_turn("t1", "t0", speaker=USER, debaters=table))
    await store.add_turn("d", a_turn("t2", "t1", speaker="b", model="gone", persona="ghost"))
    for search in (
        {"model": "gpt"},
        {"model": "gone"},
        {"persona": "poet"},
        {"persona": "ghost", "model": "m"},
        {"persona": "child", "text": "says t2"},
    ):
        assert await keys(store, **search) == ["d"]
    assert await keys(store, model="m", persona="cynic") == ["e", "d"]
    for search in ({"model": "GPT"}, {"persona": "po"}, {"model": ""}, {"model": "\ud83d\0"}):
        assert await keys(store, **search) == []


async def test_a_time_is_from_its_beginning_to_before_its_end(store: DebateStore) -> None:
    tick = timedelta(microseconds=1)
    for number, moment in enumerate((NOON - tick, NOON, NOON + tick)):
        await store.add_debate(a_debate(f"d{number}", created_at=moment), a_turn("t0", None))
    for text in ("", "tabs"):
        assert await keys(store, text=text, since=NOON) == ["d2", "d1"]
        assert await keys(store, text=text, until=NOON) == ["d0"]
        assert await keys(store, text=text, since=NOON, until=NOON + tick) == ["d1"]
        assert await keys(store, text=text, since=NOON, until=NOON) == []
    with pytest.raises(InvalidInput):
        await store.search(None, Search(since=datetime(2026, 1, 1)))


async def test_moments_far_away_are_found_too(store: DebateStore) -> None:
    moments = [datetime(year, 2, 3, tzinfo=UTC) for year in (1970, 1999, 2019, 2150, 9000)]
    for moment in moments:
        await store.add_debate(a_debate(f"d{moment.year}", created_at=moment), a_turn("t0", None))
    for text, moment in product(("", "tabs"), moments):
        year = f"d{moment.year}"
        since, until = moment - LATER, moment + LATER
        assert await keys(store, text=text, since=since, until=until) == [year]
        newer = [f"d{other.year}" for other in reversed(moments) if other >= moment]
        assert await keys(store, text=text, since=moment) == newer


async def test_finished_is_what_the_store_was_last_told(store: DebateStore) -> None:
    await keep(store, "d", "Cats", "One.")

    async def finished() -> tuple[list[str], list[str], bool]:
        by_words = await keys(store, finished=True, text="cats")
        return await keys(store, finished=True), by_words, (await store.get_debate("d")).finished

    assert await finished() == ([], [], False)
    await store.add_turn("d", a_turn("t2", "t1"), finished=True)
    assert await finished() == (["d"], ["d"], True)
    await store.move_tip("d", "t1", expected="t2")
    assert await finished() == ([], [], False)
    assert await keys(store, finished=False, text="cats") == ["d"]
    await store.move_tip("d", "t2", expected="t1", finished=True)
    assert await finished() == (["d"], ["d"], True)
    await store.add_turn("d", a_turn("t3", "t2"))
    assert await finished() == ([], [], False)


async def test_every_combination_of_filters_finds_what_looking_through_all_finds(
    store: DebateStore,
) -> None:
    random = Random(5)
    kept: list[tuple[Debate, list[Turn]]] = []
    for number in range(40):
        said = " ".join(random.choices(("tea", "cake", "milk", "teapot"), k=2))
        debaters = (a_debater("a", random.choice("xy"), random.choice("mn")),)
        debate = a_debate(
            f"d{number}",
            topic=said,
            debaters=debaters,
            owner=random.choice(("ann", "bob")),
            pinned=random.random() < 0.2,
            finished=random.random() < 0.5,
            created_at=NOON + timedelta(hours=random.randrange(24 * 500)),
        )
        kept.append((debate, [a_turn("t0", None, text=said)]))
    await store.add_debates(kept)
    texts, times = ("", "tea", "cake tea"), (None, NOON + timedelta(days=200, hours=7))
    combinations = product(
        (None, "ann"), texts, (None, "m"), (None, "x"), times, times, (None, True, False)
    )
    for owner, text, model, persona, since, until, finished in combinations:
        search = Search(
            text=text, model=model, persona=persona, since=since, until=until, finished=finished
        )
        there = [debate for debate, _ in reversed(kept) if _fits(debate, owner, search)]
        there.sort(key=lambda debate: not debate.pinned)
        assert await listed(store, owner, **search.model_dump()) == there


def _fits(debate: Debate, owner: str | None, search: Search) -> bool:
    words = debate.topic.split()
    *whole, last = search.text.split() or [""]
    [debater] = debate.debaters
    return (
        owner in (None, debate.owner)
        and all(word in words for word in whole)
        and any(word.startswith(last) for word in words)
        and search.model in (None, debater.model)
        and search.persona in (None, debater.persona.key)
        and (search.since is None or debate.created_at >= search.since)
        and (search.until is None or debate.created_at < search.until)
        and search.finished in (None, debate.finished)
    )


# Pages


async def walk(store: DebateStore, search: Search, limit: int) -> list[str]:
    """The ids on all pages."""
    seen: list[str] = []
    page: FoundPage | None = None
    while page is None or page.more:
        page = await store.search(None, search, page.more if page else None, limit)
        assert 0 < len(page.found) <= limit
        seen += [found.debate.id for found in page.found]
    return seen


@pytest.mark.parametrize("text", ["", "tabs"])
@pytest.mark.parametrize("limit", [1, 3, 10, 11])
async def test_pages_together_hold_everything_once_pinned_first(
    store: DebateStore, text: str, limit: int
) -> None:
    for number in range(10):
        await begin(store, f"d{number}")
    for key in ("d3", "d7", "d0"):
        await store.change_debate(key, pinned=True)
    await store.change_debate("d0", pinned=False)
    there = ["d7", "d3", "d9", "d8", "d6", "d5", "d4", "d2", "d1", "d0"]
    assert await walk(store, Search(text=text), limit) == there


async def test_what_comes_meanwhile_does_not_move_a_later_page(store: DebateStore) -> None:
    for number in range(4):
        await begin(store, f"d{number}")
    first = await store.search(None, Search(), limit=2)
    await begin(store, "new")
    await store.delete(["d3"])
    second = await store.search(None, Search(), first.more, 2)
    assert [found.debate.id for found in second.found] == ["d1", "d0"]
    assert second.more is None


@pytest.mark.parametrize(
    "more", ["", "1", "x-1", "2-1", "0-", "0-x", "0-²", "0--1", "0-" + "9" * 99]
)
async def test_a_place_that_is_none_is_refused(store: DebateStore, more: str) -> None:
    with pytest.raises(InvalidInput):
        await store.search(None, Search(), more)


@pytest.mark.parametrize(("limit", "seen"), [(2, 2), (0, 0), (-1, 0), (10**30, 3)])
async def test_a_page_holds_as_many_as_asked(store: DebateStore, limit: int, seen: int) -> None:
    for number in range(3):
        await begin(store, f"d{number}")
    for text in ("", "tabs"):
        assert len((await store.search(None, Search(text=text), limit=limit)).found) == seen


# Whole debates


async def test_whole_debates_are_kept_with_their_trees(store: DebateStore) -> None:
    tree = (a_turn("t0", None), a_turn("t1", "t0"), a_turn("t2", "t1"), a_turn("u2", "t1"))
    first = a_debate("d", tip="t2", imported_at=NOON, title="Came in", pinned=True, finished=True)
    second = a_debate("e", tip="t0", rerun_of="d", forked_from="other")
    await store.add_debates([(first, tree), (second, tree[:1])])
    assert await store.get_debate("d") == first
    assert await store.get_tree("d") == tree
    assert await ids(store) == ["t0", "t1", "t2"]
    assert await store.get_debate("e") == second
    assert await keys(store, text="came u2") == ["d"]


def _bad_trees() -> dict[str, Sequence[Turn]]:
    begun = a_turn("t0", None)
    return {
        "nothing": (),
        "no tip": (a_turn("t9", None),),
        "a child before its parent": (begun, a_turn("t2", "t1"), a_turn("t1", "t0")),
        "twice": (begun, a_turn("t1", "t0"), a_turn("t1", "t0")),
        "two beginnings": (begun, a_turn("t1", None)),
    }


@pytest.mark.parametrize("what", _bad_trees())
async def test_of_whole_debates_all_are_kept_or_none(store: DebateStore, what: str) -> None:
    good = (a_debate("d"), (a_turn("t0", None),))
    with pytest.raises(InvalidInput):
        await store.add_debates([good, (a_debate("e"), _bad_trees()[what])])
    with pytest.raises(InvalidInput):
        await store.add_debates([good, good])
    assert await listed(store) == []
    await store.add_debates([good])
    with pytest.raises(InvalidInput, match="'d'"):
        await store.add_debates([(a_debate("new"), good[1]), good])
    assert await keys(store) == ["d"]
    await store.add_debates([])


# Deleting


async def test_a_deleted_debate_is_gone_for_everything_and_comes_back(store: DebateStore) -> None:
    for key, owner in {"d": "ann", "e": "ann", "f": "bob"}.items():
        await keep(store, key, "Cats", owner=owner)
    assert sorted(await store.ids_of("ann")) == ["d", "e"]
    await store.delete(["d", "nobody", "\ud83d"])
    assert await keys(store) == await keys(store, text="cats") == ["f", "e"]
    asked = ["nobody", "d", "e", "\ud83d", *(f"none{number}" for number in range(1000))]
    assert [debate.owner for debate in await store.hidden(asked)] == ["ann"]
    assert await store.ids_of("ann") == ["e"]
    for call in (
        store.get_debate("d"),
        store.get_turns("d"),
        store.get_tree("d"),
        store.add_turn("d", a_turn("t1", "t0")),
        store.move_tip("d", "t0", "t0"),
        store.change_debate("d", pinned=True),
        store.delete_branch("d", "t0"),
    ):
        with pytest.raises(NotFound):
            await call
    with pytest.raises(InvalidInput):
        await begin(store, "d")  # its id is not free
    await store.restore(["d", "nobody", "e"])
    await store.restore(["d"])
    assert await store.hidden(["d", "e"]) == []
    assert await keys(store, text="cats") == ["f", "e", "d"]
    await store.add_turn("d", a_turn("t1", "t0"))
    assert await ids(store) == ["t0", "t1"]


async def test_a_purge_forgets_what_was_deleted_before_and_nothing_else(
    store: DebateStore,
) -> None:
    for key in ("d", "e", "f"):
        await begin(store, key)
    before = now()
    await store.delete(["d"])
    assert await store.doomed(None, before) == []
    assert await store.purge(None, before) == 0
    assert [debate.id for debate in await store.doomed(None, now() + LATER)] == ["d"]
    assert await store.purge(None, now() + LATER) == 1
    await store.restore(["d"])
    assert await keys(store) == await keys(store, text="tabs") == ["f", "e"]
    await begin(store, "d", turns=1)
    assert await ids(store) == ["t0", "t1"]


async def test_a_purge_goes_by_when_the_last_turn_was_kept(store: DebateStore) -> None:
    for key in ("old", "spoken", "new"):
        if key == "new":
            between = now()
        await begin(store, key)
    await store.add_turn("spoken", a_turn("t1", "t0"))
    assert [debate.id for debate in await store.doomed(between, NOON)] == ["old"]
    assert await store.purge(between, NOON) == 1
    assert await keys(store) == ["new", "spoken"]


async def test_very_many_are_deleted_brought_back_and_purged(store: DebateStore) -> None:
    many = [f"d{number}" for number in range(120)]
    await store.add_debates([(a_debate(key), (a_turn("t0", None),)) for key in many])
    await store.delete([*many, *(f"none{number}" for number in range(1000))])
    assert await listed(store) == []
    await store.restore(many)
    assert len(await listed(store, text="tabs")) == 120
    await store.delete(many)
    assert await store.purge(None, now() + LATER) == 120
    assert await store.doomed(now() + LATER, now() + LATER) == []


async def test_a_stale_change_says_so_also_with_many_lines(store: DebateStore) -> None:
    await begin(store, turns=2)
    await store.move_tip("d", "t1", expected="t2")
    with pytest.raises(StaleTip):
        await store.move_tip("d", "t0", expected="t2")


# Tallies


async def test_tallies_are_by_day_model_and_persona(store: DebateStore) -> None:
    late = datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC)
    for key, owner in {"d": "ann", "e": "ann", "f": "bob", "gone": "ann"}.items():
        await store.add_debate(a_debate(key, owner=owner), a_turn("t0", None, created_at=late))
        for number, (model, moment) in enumerate(
            [("m", late), ("m", late), ("n", late + LATER)], 1
        ):
            turn = a_turn(
                f"t{number}",
                f"t{number - 1}",
                model=model,
                persona="cynic",
                usage=Usage(prompt_tokens=10, completion_tokens=5) if number == 1 else None,
                timings=Timings(total=0.5),
                created_at=moment,
            )
            await store.add_turn(key, turn)
    await store.delete(["gone"])
    first, second = date(2026, 11, 20), date(2026, 11, 21)

    def tally(day: date, model: str, debates: int, turns: int, tokens: int) -> Tally:
        return Tally(
            day=day,
            model=model,
            persona="cynic",
            debates=debates,
            turns=turns,
            prompt_tokens=2 * tokens,
            completion_tokens=tokens,
            seconds=turns / 2,
        )

    day = timedelta(days=1)
    ann = (tally(first, "m", 2, 4, 10), tally(second, "n", 2, 2, 0))
    assert await store.tallies("ann", late - day, late + day) == ann
    assert await store.tallies(None, late - day, late + LATER) == (tally(first, "m", 3, 6, 15),)
    assert await store.tallies("ann", late + LATER, late + day) == ann[1:]
    assert await store.tallies("\ud83d", late - day, late + day) == ()


async def test_old_turns_without_persona_or_model_are_counted(store: DebateStore) -> None:
    await begin(store, turns=1)
    [tally] = await store.tallies(None, NOON, NOON + LATER)
    assert (tally.model, tally.persona, tally.turns, tally.seconds) == ("", "", 1, 0.0)


async def test_while_many_are_kept_others_write_and_see_none_of_them(store: DebateStore) -> None:
    await begin(store, "own")
    many = [whole_debate(f"new{number}", 60) for number in range(30)]
    keeping = asyncio.create_task(store.add_debates(many))
    seen = set()
    for number in range(20):
        await asyncio.sleep(0)
        await store.add_turn("own", a_turn(f"t{number + 1}", f"t{number}"))
        seen.add(len(await store.ids_of("")))
    await keeping
    assert seen <= {1, 31}
    assert len(await store.ids_of("")) == 31
    assert len(await store.get_turns("own")) == 21


@pytest.mark.parametrize("spoiler", ["tree", "id"])
async def test_of_many_debates_all_are_kept_or_none(store: DebateStore, spoiler: str) -> None:
    await begin(store, "own", turns=2)
    many = [whole_debate(f"new{number}", 60) for number in range(12)]
    bad = whole_debate("own", 3) if spoiler == "id" else (many[0][0], many[0][1][:-1])
    if spoiler == "tree":
        bad = (bad[0].model_copy(update={"id": "bad"}), bad[1])
    with pytest.raises(InvalidInput):
        await store.add_debates([*many, bad])
    assert await store.ids_of("") == ["own"]
    assert len(await store.get_turns("own")) == 3
    await store.add_debates(many)
    assert len(await store.ids_of("")) == 13


async def test_keeping_many_that_is_cut_leaves_none(store: DebateStore) -> None:
    many = [whole_debate(f"new{number}", 60) for number in range(40)]
    keeping = asyncio.create_task(store.add_debates(many))
    await asyncio.sleep(0.02)
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping
    assert len(await store.ids_of("")) in (0, 40)


def whole_debate(key: str, turns: int) -> tuple[Debate, list[Turn]]:
    """A debate of so many turns, each behind the one before."""
    line = [a_turn("t0", None)]
    line += [a_turn(f"t{number}", f"t{number - 1}") for number in range(1, turns)]
    return a_debate(key, tip=line[-1].id), line

"""What every store promises, shown on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from rebuttal.errors import InvalidInput, NotFound, StaleTip
from rebuttal.records import Debater, Persona, Timings, Usage, now
from rebuttal.stores.base import DebateStore
from tests.stores import NOON, a_debate, a_store, a_turn, begin, ids, listed

NASTY = {
    "emoji": "👩🏽‍⚖️ against 🦊🇪🇺",
    "right to left": "نقاش \u202eעברית\u202c end",
    "combining": "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘! e\u0301 \u00e9",
    "very long": "It depends. " * 16_667,
    "quotes and code": '\'; DROP TABLE turns; -- "x" \\ %s :id ${a} {b} <script>',
    "whitespace": "  a\tb\r\nc\u2028d\x0b\x85\u00a0 \n",
    "control signs": "\x01\x1b[31m\x7f\x9f\ufeff\ufffe",
    "json": '{"a": [1, null]} \\u0000',
    "empty": "",
}


async def test_a_debate_comes_back_as_it_was(store: DebateStore) -> None:
    persona = Persona(
        key="p", name="Näme", instructions="x", temperature=1.0, colour="#aabbcc", emoji="🦊"
    )
    seats = [
        Debater(seat=f"s{i}", name="N", persona=persona, model="m", stance="for ❤", temperature=0.0)
        for i in range(6)
    ]
    debate = a_debate(
        debaters=tuple(seats),
        rounds=1000,
        language="Ελληνικά",
        seed=-(2**63) + 1,
        forked_from="other",
        owner="ann",
    )
    await store.add_debate(debate, a_turn("t0", None))
    assert await store.get_debate("d") == debate
    assert await listed(store) == [debate]


async def test_a_turn_comes_back_as_it_was(store: DebateStore) -> None:
    await begin(store)
    full = a_turn(
        "t1",
        "t0",
        rounds=7,
        model="llama3.2:1b",
        finish="length",
        usage=Usage(prompt_tokens=2**40, completion_tokens=0, cached_tokens=None),
        timings=Timings(first_token=0.1 + 0.2, total=1e-9),
    )
    await store.add_turn("d", full)
    assert (await store.get_turns("d"))[1] == full


async def test_what_is_kept_is_there_after_closing_and_opening_again(store_address: str) -> None:
    async with a_store(store_address) as store:
        await begin(store, turns=3)
        before = await store.get_debate("d"), await store.get_turns("d")
    async with a_store(store_address) as store:
        assert (await store.get_debate("d"), await store.get_turns("d")) == before


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
async def test_any_text_comes_back_identical(store: DebateStore, text: str) -> None:
    await store.add_debate(
        a_debate(topic=text or "empty", owner=text), a_turn("t0", None, text=text)
    )
    assert (await store.get_turns("d"))[0].text == text
    assert [debate.owner for debate in await listed(store, owner=text)] == [text]


@pytest.mark.parametrize("text", ["\ud83d", "before \udfff after", "a\0b"])
async def test_text_that_no_database_keeps_is_refused_by_the_name_of_its_field(
    store: DebateStore, text: str
) -> None:
    debate = a_debate()
    with pytest.raises(InvalidInput, match=r"^topic: "):
        await store.add_debate(debate.model_copy(update={"topic": text}), a_turn("t0", None))
    seat = debate.debaters[0]
    persona = seat.persona.model_copy(update={"instructions": text})
    seats = (seat, seat.model_copy(update={"persona": persona}))
    with pytest.raises(InvalidInput, match=r"^debaters\.1\.persona\.instructions: "):
        await store.add_debate(debate.model_copy(update={"debaters": seats}), a_turn("t0", None))
    assert await listed(store) == []
    await begin(store)
    with pytest.raises(InvalidInput, match=r"^text: "):
        await store.add_turn("d", a_turn("t1", "t0").model_copy(update={"text": text}))
    assert await ids(store) == ["t0"]


async def test_a_number_beyond_64_bits_is_refused(store: DebateStore) -> None:
    with pytest.raises(InvalidInput, match=r"^seed: "):
        await store.add_debate(a_debate(seed=2**63), a_turn("t0", None))


async def test_a_moment_without_time_zone_is_refused(store: DebateStore) -> None:
    with pytest.raises(InvalidInput, match=r"^created_at: "):
        await store.add_debate(a_debate(created_at=datetime(2026, 1, 1)), a_turn("t0", None))


async def test_seconds_that_are_no_number_are_refused(store: DebateStore) -> None:
    await begin(store)
    with pytest.raises(InvalidInput, match=r"^timings\.total: "):
        await store.add_turn("d", a_turn("t1", "t0", timings=Timings(total=float("inf"))))


@pytest.mark.parametrize("key", ["nobody", "", "\ud83d", "a\0b", "'; --", "d " * 9999])
async def test_an_unknown_debate_is_not_found_whatever_its_id(store: DebateStore, key: str) -> None:
    await begin(store)
    for call in (
        store.get_debate(key),
        store.get_turns(key),
        store.get_tree(key),
        store.add_turn(key, a_turn("t1", "t0")),
        store.move_tip(key, "t0", "t0"),
        store.change_debate(key, pinned=True),
        store.delete_branch(key, "t0"),
    ):
        with pytest.raises(NotFound):
            await call


async def test_a_debate_begins_with_the_turn_that_is_its_tip(store: DebateStore) -> None:
    with pytest.raises(InvalidInput):
        await store.add_debate(a_debate(tip="t9"), a_turn("t0", None))
    with pytest.raises(InvalidInput):
        await store.add_debate(a_debate(), a_turn("t0", "t9"))
    assert await listed(store) == []


async def test_an_id_is_kept_once(store: DebateStore) -> None:
    await begin(store, turns=2)
    with pytest.raises(InvalidInput, match="'d'"):
        await begin(store)
    with pytest.raises(InvalidInput, match="'t1'"):
        await store.add_turn("d", a_turn("t1", "t2"))
    with pytest.raises(InvalidInput, match="'t2'"):
        await store.add_turn("d", a_turn("t2", "t2"))
    assert await ids(store) == ["t0", "t1", "t2"]


async def test_two_debates_may_use_the_same_turn_ids(store: DebateStore) -> None:
    await begin(store, "d", turns=2)
    await begin(store, "e", turns=1)
    assert await ids(store, "d") == ["t0", "t1", "t2"]
    assert await ids(store, "e") == ["t0", "t1"]


async def test_a_turn_moves_the_tip_and_nothing_else(store: DebateStore) -> None:
    await begin(store)
    before = await store.get_debate("d")
    await store.add_turn("d", a_turn("t1", "t0"))
    assert await store.get_debate("d") == before.model_copy(update={"tip": "t1"})


@pytest.mark.parametrize("parent", ["t0", "t1", "nothing", None])
async def test_a_turn_that_does_not_follow_the_tip_is_stale(
    store: DebateStore, parent: str | None
) -> None:
    await begin(store, turns=2)
    with pytest.raises(StaleTip, match="'d'"):
        await store.add_turn("d", a_turn("new", parent))
    assert await ids(store) == ["t0", "t1", "t2"]


async def test_a_turn_of_another_debate_is_no_parent(store: DebateStore) -> None:
    await begin(store, "d")
    await begin(store, "e", turns=1)
    with pytest.raises(StaleTip):
        await store.add_turn("d", a_turn("new", "t1"))
    with pytest.raises(NotFound, match="'t1'"):
        await store.move_tip("d", "t1", expected="t0")
    assert await ids(store) == ["t0"]


async def test_a_branch_shares_the_past_and_leaves_the_other_line_alone(
    store: DebateStore,
) -> None:
    await begin(store, turns=4)
    await store.move_tip("d", "t2", expected="t4")
    assert await ids(store) == ["t0", "t1", "t2"]
    await store.add_turn("d", a_turn("other", "t2"))
    assert await ids(store) == ["t0", "t1", "t2", "other"]
    tree = [turn.id for turn in await store.get_tree("d")]
    assert tree == ["t0", "t1", "t2", "t3", "t4", "other"]
    await store.move_tip("d", "t4", expected="other")
    assert await ids(store) == ["t0", "t1", "t2", "t3", "t4"]


async def test_the_tip_moves_only_from_where_it_was_expected(store: DebateStore) -> None:
    await begin(store, turns=2)
    with pytest.raises(StaleTip):
        await store.move_tip("d", "t0", expected="t1")
    with pytest.raises(NotFound, match="'t9'"):
        await store.move_tip("d", "t9", expected="t2")
    with pytest.raises(NotFound):
        await store.move_tip("d", "\ud83d", expected="t2")
    assert (await store.get_debate("d")).tip == "t2"


async def test_the_order_of_turns_does_not_hang_on_the_clock(store: DebateStore) -> None:
    await store.add_debate(a_debate(), a_turn("t0", None))
    for number in range(1, 6):
        earlier = NOON - timedelta(hours=number)
        await store.add_turn("d", a_turn(f"t{number}", f"t{number - 1}", created_at=earlier))
    assert await ids(store) == ["t0", "t1", "t2", "t3", "t4", "t5"]
    assert [turn.id for turn in await store.get_tree("d")] == await ids(store)


async def test_a_moment_is_the_same_in_any_time_zone(store: DebateStore) -> None:
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    await store.add_debate(a_debate(created_at=tokyo), a_turn("t0", None, created_at=tokyo))
    kept = (await store.get_debate("d")).created_at
    assert (kept, kept.utcoffset()) == (NOON, timedelta())


async def test_an_owner_sees_the_own_debates_only(store: DebateStore) -> None:
    for key, owner in {"a": "ann", "b": "bob", "c": "ann", "d": ""}.items():
        await store.add_debate(a_debate(key, owner=owner), a_turn("t0", None))
    assert [debate.id for debate in await listed(store, owner="ann")] == ["c", "a"]
    assert [debate.id for debate in await listed(store, owner="")] == ["d"]
    assert await listed(store, owner="\ud83d") == []
    assert len(await listed(store)) == 4


async def test_a_deleted_debate_is_gone_with_its_turns_and_no_other(store: DebateStore) -> None:
    await begin(store, "d", turns=3)
    await begin(store, "e", turns=3)
    await store.move_tip("d", "t1", expected="t3")
    await store.delete(["d"])
    assert await store.purge(None, now() + timedelta(seconds=1)) == 1
    with pytest.raises(NotFound):
        await store.get_tree("d")
    assert [debate.id for debate in await listed(store)] == ["e"]
    assert len(await store.get_turns("e")) == 4
    await begin(store, "d")
    assert await ids(store, "d") == ["t0"]

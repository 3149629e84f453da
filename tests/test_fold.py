"""A debate is made shorter in such a way that it goes on as before."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebuttal.line import line_to, next_debater, seated
from rebuttal.records import USER, Debate, Debater, Turn
from rebuttal.stores.fold import fold
from rebuttal.stores.storable import check_tree
from tests.stores import a_debate, a_turn

FEW = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def a_table(*seats: str) -> tuple[Debater, ...]:
    one = a_debate().debaters[0]
    return tuple(one.model_copy(update={"seat": seat, "name": seat}) for seat in seats)


def a_long_debate(chance: random.Random, turns: int) -> tuple[Debate, list[Turn]]:
    """Debaters speak when it is their turn; people begin branches, set tables and buy rounds."""
    debate = a_debate(debaters=a_table("a", "b", "c")[: chance.randint(1, 3)])
    tree = [a_turn("t0", None, rounds=chance.randint(0, 4))]
    tip = "t0"
    while len(tree) < turns:
        if chance.random() < 0.08:
            tip = chance.choice(tree).id
        line = line_to(tree, tip)
        speaker = next_debater(debate, line)
        if speaker is None or chance.random() < 0.1:
            table = a_table(*chance.sample("abcde", 2)) if chance.random() < 0.3 else None
            said = {"speaker": USER, "rounds": chance.randint(0, 3), "debaters": table}
        else:
            said = {"speaker": speaker.seat}
        tip = f"t{len(tree)}"
        tree.append(a_turn(tip, line[-1].id, **said))
    return debate.model_copy(update={"tip": tip}), tree


def owed(debate: Debate, line: tuple[Turn, ...]) -> dict[str, int]:
    """Turns that each seat at the table still has, in the order in which they come."""
    line = (*line,)
    coming: dict[str, int] = {}
    while speaker := next_debater(debate, line):
        coming[speaker.seat] = coming.get(speaker.seat, 0) + 1
        line = (*line, a_turn("x", line[-1].id, speaker=speaker.seat))
    return coming


@FEW
@given(st.randoms(use_true_random=False), st.integers(2, 80), st.integers(10, 40))
def test_every_line_that_is_left_owes_what_it_owed(
    chance: random.Random, turns: int, cap: int
) -> None:
    debate, tree = a_long_debate(chance, turns)
    folded = fold(debate, tree, cap)
    check_tree(debate, folded)
    assert (folded[0].id, folded[0].text) == ("t0", tree[0].text)
    for turn in folded[1:]:
        before, after = line_to(tree, turn.id), line_to(folded, turn.id)
        assert list(owed(debate, before).items()) == list(owed(debate, after).items())
        assert seated(debate, before).debaters == seated(debate, after).debaters


@FEW
@given(st.randoms(use_true_random=False), st.integers(2, 60), st.integers(10, 40))
def test_what_is_left_is_the_newest_and_untouched_beside_its_new_beginning(
    chance: random.Random, turns: int, cap: int
) -> None:
    debate, tree = a_long_debate(chance, turns)
    folded = fold(debate, tree, cap)
    if len(tree) <= cap:
        assert folded == tuple(tree)
    main = [turn.id for turn in line_to(tree, debate.tip)]
    left = [turn.id for turn in line_to(folded, debate.tip)]
    assert left[1:] == main[len(main) - len(left) + 1 :]
    changed = [turn for turn in folded if turn not in tree]
    assert {turn.id for turn in changed} <= {"t0", left[1] if left[1:] else "t0"}


@pytest.mark.parametrize("seats", [1, 2, 6])
def test_a_debate_of_whole_rounds_is_never_longer_than_its_cap(seats: int) -> None:
    table = a_table(*"abcdef"[:seats])
    debate = a_debate(debaters=table)
    tree: tuple[Turn, ...] = (a_turn("t0", None, rounds=500),)
    for number in range(1, 500):
        speaker = table[(number - 1) % seats].seat
        tree = (*tree, a_turn(f"t{number}", tree[-1].id, speaker=speaker))
        debate = debate.model_copy(update={"tip": tree[-1].id})
        tree = fold(debate, tree, 20)
        assert len(tree) <= 20
        assert len(tree) > 20 - seats or number < 20
    assert tree[0].rounds == 500 - (499 - (len(tree) - 1)) // seats


def test_who_spoke_last_does_not_begin_after_a_shortening() -> None:
    debate = a_debate(debaters=a_table("a", "b"), tip="t3")
    tree = (
        a_turn("t0", None, rounds=1),
        a_turn("t1", "t0", speaker="a"),
        a_turn("t2", "t1", speaker="b"),
        a_turn("t3", "t2", speaker=USER, rounds=2, debaters=a_table("b", "a")),
    )
    assert list(owed(debate, tree)) == ["a", "b"]
    assert list(owed(debate, fold(debate, tree, 2))) == ["a", "b"]


def test_side_branches_go_before_anything_of_the_main_line() -> None:
    tree = [a_turn("t0", None, rounds=99)]
    tree += [a_turn(f"t{n}", f"t{n - 1}") for n in range(1, 10)]
    tree += [a_turn("old", "t2"), a_turn("old-2", "old"), a_turn("new", "t8")]
    debate = a_debate(tip="t9")
    assert [turn.id for turn in fold(debate, tree, 12)] == [f"t{n}" for n in range(10)] + ["new"]
    assert [turn.id for turn in fold(debate, tree, 10)] == [f"t{n}" for n in range(10)]
    shorter = fold(debate, tree, 5)
    assert [turn.id for turn in shorter] == ["t0", "t6", "t7", "t8", "t9"]
    assert (shorter[0].rounds, shorter[1].parent_id) == (94, "t0")

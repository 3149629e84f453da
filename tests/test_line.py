"""Walks through a tree of turns."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from rebuttal.line import (
    below,
    cast,
    children,
    end_below,
    line_to,
    next_debater,
    rounds_left,
    rounds_of,
    seated,
    side_by_side,
    turns_owed,
)
from rebuttal.records import USER, Debate, Debater, Turn
from tests.debates import debate, debater, turns

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CYNIC, RATIONAL, POET = debater("a", "Cynic"), debater("b", "Rational"), debater("c", "Poet")


def a_turn(key: str, parent: str | None, speaker: str = "a", **fields: object) -> Turn:
    given_fields = {"id": key, "parent_id": parent, "speaker": speaker, "text": f"says {key}"}
    return Turn.model_validate({**given_fields, "created_at": NOON, **fields})


TREE = [
    a_turn("t0", None, USER, rounds=2),
    a_turn("a1", "t0", "a"),
    a_turn("b1", "a1", "b"),
    a_turn("b1x", "a1", "b"),
    a_turn("a2", "b1", "a"),
    a_turn("a2x", "b1x", "a"),
]


def ids(line: tuple[Turn, ...]) -> list[str]:
    return [turn.id for turn in line]


def test_a_line_leads_from_the_topic_to_its_end() -> None:
    assert ids(line_to(TREE, "a2x")) == ["t0", "a1", "b1x", "a2x"]
    assert line_to(TREE, "nobody") == ()


def test_the_newest_turn_leads_on_to_the_end() -> None:
    assert end_below(TREE, "t0") == "a2x"
    assert end_below(TREE, "b1") == "a2"
    assert end_below(TREE, "a2") == "a2"


def test_everything_below_a_turn_and_nothing_beside_it() -> None:
    assert below(TREE, "b1") == {"b1", "a2"}
    assert below(TREE, "a1") == {"a1", "b1", "b1x", "a2", "a2x"}


def test_children_stand_in_the_order_they_were_said() -> None:
    assert [turn.id for turn in children(TREE)["a1"]] == ["b1", "b1x"]
    assert [turn.id for turn in children(TREE)[None]] == ["t0"]


def test_a_new_table_sits_from_its_turn_on_and_owes_nothing_of_before() -> None:
    first = debate(CYNIC, RATIONAL)
    line = [*turns(("a", "one"), rounds=3)]
    assert (turns_owed(first, line), rounds_left(first, line)) == (5, 3)
    line.append(a_turn("n", "t1", USER, rounds=2, debaters=(RATIONAL, POET)))
    assert seated(first, line).debaters == (RATIONAL, POET)
    assert (turns_owed(first, line), rounds_left(first, line)) == (4, 2)
    for speaker in "bcbc":
        chosen = next_debater(first, line)
        assert chosen is not None
        assert chosen.seat == speaker
        line.append(a_turn(f"x{len(line)}", line[-1].id, speaker))
    assert next_debater(first, line) is None
    assert list(cast(first, line)) == ["a", "b", "c"]
    assert seated(first, line[:2]).debaters == (CYNIC, RATIONAL)


def test_whoever_spoke_last_does_not_open_the_new_table() -> None:
    line = [*turns(("a", "one"), ("b", "two"), rounds=3)]
    line.append(a_turn("n", "t2", USER, rounds=1, debaters=(RATIONAL, POET)))
    chosen = next_debater(debate(CYNIC, RATIONAL), line)
    assert chosen == POET


def test_rounds_are_counted_on_over_a_change_of_the_table() -> None:
    line = [*turns(("a", "one"), ("b", "two"), ("a", "three"), rounds=3)]
    assert rounds_of(line, RATIONAL) == (1, 3)
    line.append(a_turn("n", "t3", USER, rounds=2, debaters=(RATIONAL, POET)))
    assert rounds_of(line, POET) == (2, 4)


def test_two_lines_stand_side_by_side_by_who_spoke() -> None:
    left = [a_turn("t0", None, USER), a_turn("1", "t0", "a"), a_turn("2", "1", "b")]
    right = [
        a_turn("t0", None, USER),
        a_turn("3", "t0", "b"),
        a_turn("4", "3", "a"),
        a_turn("5", "4", "b"),
    ]
    pairs = [tuple(turn and turn.id for turn in pair) for pair in side_by_side(left, right)]
    assert sorted(pairs, key=str) == sorted(
        [("t0", "t0"), ("1", "4"), ("2", "3"), (None, "5")], key=str
    )
    assert pairs[0] == ("t0", "t0")


@st.composite
def lines(draw: st.DrawFn) -> tuple[Debate, list[Turn]]:
    """A debate and what was said in it: topic, notes, changes of the table, and turns as owed."""
    first, everybody = debate(CYNIC, RATIONAL), [CYNIC, RATIONAL, POET]
    line: list[Turn] = [a_turn("t0", None, USER, rounds=draw(st.integers(1, 3)))]
    for number in range(draw(st.integers(0, 14))):
        owed = next_debater(first, line)
        if owed and draw(st.booleans()):
            line.append(a_turn(f"n{number}", line[-1].id, owed.seat))
            continue
        table: tuple[Debater, ...] | None = None
        if draw(st.booleans()):
            table = tuple(draw(st.lists(st.sampled_from(everybody), min_size=1, unique=True)))
        bought = draw(st.integers(0, 2))
        line.append(a_turn(f"n{number}", line[-1].id, USER, rounds=bought, debaters=table))
    return first, line


@given(lines())
def test_what_is_owed_is_spoken_to_its_end_and_no_turn_more(
    said: tuple[Debate, list[Turn]],
) -> None:
    first, line = said
    owed, seats = turns_owed(first, line), {one.seat for one in seated(first, line).debaters}
    spoken = 0
    while chosen := next_debater(first, line):
        assert chosen.seat in seats
        line.append(a_turn(f"s{spoken}", line[-1].id, chosen.seat))
        spoken += 1
    assert spoken == owed
    assert rounds_left(first, line) == 0

"""Branches in the terminal: the tree, other continuations, another run, two debates compared."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.terminal_app import TEA
from tests.test_cli import TWO, Typing


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Typing:
    return Typing(tmp_path / "data", capsys)


@pytest.fixture
def debate(typed: Typing) -> str:
    ended = typed("debate", "Tea or coffee?", *TWO, "--rounds", "1", "--json")
    return str(json.loads(ended.out.splitlines()[0])["debate"])


def rows(typed: Typing, debate: str) -> list[str]:
    ended = typed("tree", debate)
    assert (ended.code, ended.err) == (0, "")
    return ended.out.splitlines()


def test_the_tree_of_a_line_is_its_turns_by_number(typed: Typing, debate: str) -> None:
    assert [line.split()[:2] for line in rows(typed, debate)] == [
        ["0", "Topic"],
        ["1", "Philosopher"],
        ["2", "Cynic"],
    ]


def aside(lines: list[str]) -> str:
    """The beginning of the id of the turn that a side branch begins with."""
    return next(line for line in lines if "├─" in line).split()[0]


def test_a_fresh_answer_leaves_the_old_one_on_a_side_branch(typed: Typing, debate: str) -> None:
    ended = typed("fresh", debate, "2")
    assert (ended.code, ended.err) == (0, "")
    found = rows(typed, debate)
    assert [line.split()[0] for line in found if "├─" not in line] == ["0", "1", "2"]
    old = aside(found)
    again = typed("choose", debate, old)
    assert again.code == 0
    assert aside(again.out.splitlines()) != old


def test_others_go_on_behind_a_turn_after_a_word(typed: Typing, debate: str) -> None:
    ended = typed(
        *("branch", debate, "1", "--seat", "rational:Tea", "--seat", "cynic:Coffee:1b"),
        *("--say", "Now with figures.", "--rounds", "1"),
    )
    assert (ended.code, ended.err) == (0, "")
    assert "Rational" in ended.out
    assert "Philosopher" not in ended.out
    shown = "\n".join(rows(typed, debate))
    assert re.search(r"2  You +Now with figures\.", shown)
    assert re.search(r"3  Rational", shown)
    assert shown.count("├─") == 1


def test_an_edited_turn_is_answered_and_marked(typed: Typing, debate: str) -> None:
    ended = typed("edit", debate, "1", "Tea is a myth.")
    assert ended.code == 0
    assert "Cynic" in ended.out
    assert any("Tea is a myth." in line and "(edited)" in line for line in rows(typed, debate))


def test_a_branch_goes_and_the_shared_past_stays(typed: Typing, debate: str) -> None:
    typed("edit", debate, "1", "Tea is a myth.")
    ended = typed("prune", debate, aside(rows(typed, debate)))
    assert ended.code == 0
    assert [line.split()[0] for line in rows(typed, debate)] == ["0", "1", "2"]
    assert TEA[0][:20] not in ended.out


def test_another_run_with_one_seat_changed_is_compared(typed: Typing, debate: str) -> None:
    ended = typed("rerun", debate, "--seat", "2=rational:Tea")
    assert ended.code == 0
    assert "Rational" in ended.out
    new = ended.err.split()[-1]
    assert f"rebuttal compare {debate} {new}" in " ".join(ended.err.split())
    compared = typed("compare", debate, new)
    assert compared.code == 0
    assert compared.out.count("(the same)") >= 1
    assert "Rational" in compared.out
    assert "Cynic" in compared.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("branch", "9"), "'9' is no turn of this debate."),
        (("fresh", "0"), "No debater said that."),
        (("edit", "0", "x"), "The topic cannot be edited."),
        (("rerun", "--seat", "3=cynic"), "--seat '3=cynic' names no seat."),
    ],
)
def test_what_cannot_be_is_said_in_words(
    typed: Typing, debate: str, words: tuple[str, ...], said: str
) -> None:
    ended = typed(words[0], debate, *words[1:])
    assert ended.code == 1
    assert said in ended.err

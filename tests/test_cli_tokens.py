"""Tokens and panels in a terminal: made, listed, revoked; saved, asked, deleted."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from rebuttal.app import DebateApp
from rebuttal.errors import NotAllowed
from rebuttal.records import Visitor
from rebuttal.settings import load_settings
from tests.terminal_app import COFFEE, TEA
from tests.test_cli import TWO, Typing, typed

__all__ = ["typed"]

THREE = ("save", "three", *TWO, "--chair", "rational:Tea", "--rounds", "1")


def visitor_of(data: Path, secret: str) -> Visitor:
    """Who a program with that secret is."""

    async def found() -> Visitor:
        async with DebateApp(load_settings(data=data)) as app:
            return await app.tokens.visitor(secret)

    return asyncio.run(found())


def test_a_token_is_printed_once_and_alone_then_listed_and_revoked(typed: Typing) -> None:
    made = typed("token", "make", "my editor")
    assert made.code == 0
    assert re.fullmatch(r"rebuttal-[A-Za-z0-9_-]{43}\n", made.out)
    assert "It may read, debate, works until it is revoked, and is shown only now." in made.err
    secret, hash = made.out.strip(), made.err.split()[-1]
    program = visitor_of(typed.data, secret)
    assert (program.operator, program.powers) == (True, ("read", "debate"))
    listed = typed("token", "list").out
    assert listed.splitlines()[1].split()[:4] == [hash, "my", "editor", "read,"]
    assert secret not in listed
    assert typed("token", "revoke", hash[:6]).out == "The token is revoked.\n"
    assert "No token works now." in typed("token", "list").err
    with pytest.raises(NotAllowed):
        visitor_of(typed.data, secret)
    assert "No token is called" in typed("token", "revoke", hash).err


def test_powers_and_days_are_what_was_asked_for(typed: Typing) -> None:
    words = ("--power", "models", "--power", "read", "--days", "3")
    made = typed("token", "make", "keeper", *words)
    assert re.search(r"It may models, read, works until \d{4}-\d\d-\d\d \d\d:\d\d, ", made.err)
    assert visitor_of(typed.data, made.out.strip()).powers == ("models", "read")
    for wrong in (("--power", "all"), ("--days", "0")):
        refused = typed("token", "make", "x", *wrong)
        assert (refused.code, refused.out) == (1, "")
    assert "There are: read, debate, models." in typed("token", "make", "x", "--power", "y").err


def test_a_token_is_revoked_by_its_name_or_by_itself_where_that_is_one(typed: Typing) -> None:
    first, second, third = (typed("token", "make", name).out.strip() for name in ("a", "a", "b"))
    assert "stands for several tokens" in typed("token", "revoke", "a").err
    assert typed("token", "revoke", first).code == 0
    assert typed("token", "revoke", "a").code == 0
    assert typed("token", "revoke", "b").code == 0
    for gone in (first, second, third):
        assert typed("token", "revoke", gone).code == 1


def test_a_panel_is_saved_shown_asked_and_deleted(typed: Typing) -> None:
    kept = typed("panel", *THREE, "--stance", "2=for coffee")
    assert (kept.code, kept.err) == (0, "")
    assert "rebuttal panel ask three" in kept.out
    row = typed("panel", "list").out.splitlines()[1]
    assert row.split() == ["three", "Philosopher,", "Cynic", "1", "Rational"]
    shown = typed("panel", "show", "three").out.splitlines()
    assert shown[0] == "three: 1 round in English"
    assert shown[3].split() == ["2", "Cynic", "Coffee:1b", "for", "coffee"]
    assert shown[4].split() == ["chair", "Rational", "Tea"]
    asked = typed("panel", "ask", "three", "Tea or coffee?")
    assert (asked.code, asked.err) == (0, "")
    lines = asked.out.splitlines()
    assert [line for line in lines if line in TEA + COFFEE] == [TEA[0], COFFEE[0], TEA[1]]
    assert lines.index(COFFEE[0]) < lines.index("Summing up") < lines.index(TEA[1])
    assert typed("panel", "delete", "three").out == "three is forgotten.\n"
    assert "no panel is called 'three'" in typed("panel", "ask", "three", "Tea?").err
    assert "There is no panel yet." in typed("panel", "list").err
    assert "Tea or coffee?" in typed("list").out


def test_a_panels_answer_alone_and_its_events_go_into_a_pipe(typed: Typing) -> None:
    typed("panel", *THREE)
    assert typed("panel", "ask", "three", "Tea or coffee?", "--answer").out == f"{TEA[1]}\n"
    answered = typed("panel", "ask", "three", "Tea or coffee?", "--json").out.splitlines()
    events = [json.loads(line) for line in answered]
    assert (events[0]["kind"], events[-1]["kind"]) == ("debate_started", "debate_finished")
    said = [event["text"] for event in events if event["kind"] == "turn_finished"]
    assert said[-1] == TEA[1]
    assert json.loads(typed("panel", "show", "three", "--json").out)["name"] == "three"
    assert [one["name"] for one in json.loads(typed("panel", "list", "--json").out)] == ["three"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("save", "Not A Name", *TWO, "--chair", "cynic:Tea"), "is no name for a panel"),
        (("save", "x", *TWO, "--chair", "nobody:Tea"), "nobody"),
        (("save", "x", *TWO, "--chair", "cynic:No such model"), "No such model"),
        (("save", "x", *TWO, "--chair", "cynic:Tea", "--rounds", "0"), "rounds: 0"),
        (("save", "x", *TWO), "--chair"),
        (("save", "x", "--chair", "cynic:Tea"), "--seat"),
        (("delete", "x"), "no panel of yours is called 'x'"),
        (("show", "x"), "no panel is called 'x'"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_kept(
    typed: Typing, words: tuple[str, ...], said: str
) -> None:
    ended = typed("panel", *words)
    assert ended.code != 0
    assert said in ended.err
    assert typed("panel", "list", "--json").out == "[]\n"

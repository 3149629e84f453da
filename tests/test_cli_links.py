"""Links in a terminal: made, listed, ended."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rebuttal.cli.links import served_at
from rebuttal.settings import load_settings
from tests.test_cli import TWO, Typing, typed

__all__ = ["typed"]

SECRET = re.compile(r"^http://localhost:7860/shared#([A-Za-z0-9_-]{43})$", re.MULTILINE)


def a_debate(typed: Typing) -> str:
    """The id of a new debate."""
    assert typed("debate", "Tea or coffee?", *TWO, "--rounds", "1").code == 0
    return typed("list").out.splitlines()[1].split()[0]


def test_a_link_is_made_listed_and_ended(typed: Typing) -> None:
    debate = a_debate(typed)
    made = typed("link", debate)
    assert (made.code, made.err) == (0, "")
    assert SECRET.search(made.out)
    assert "It works until it is ended, and is shown only now." in made.out
    name = made.out.split()[-1]
    for command in (("links",), ("links", debate)):
        listed = typed(*command).out.splitlines()[1].split()
        assert listed[:2] == [name, debate]
    assert typed("unlink", name).out == "The link has ended.\n"
    assert len(typed("links").out.splitlines()) == 1
    assert typed("unlink", name).code == 1


def test_a_link_is_ended_by_itself_too(typed: Typing) -> None:
    debate = a_debate(typed)
    found = SECRET.search(typed("link", debate).out)
    assert found
    assert typed("unlink", found[0]).code == 0
    assert "does not work" in typed("unlink", found[0]).err


def test_a_link_lasts_as_long_as_one_says_or_the_profile_does(typed: Typing) -> None:
    debate = a_debate(typed)
    assert re.search(r"works until \d{4}-\d\d-\d\d ", typed("link", debate, "--days", "3").out)
    assert re.search(r"works until \d{4}-", typed("link", debate, "--profile", "lan").out)
    assert typed("link", debate, "--days", "-1").code == 1
    assert "No debate has the id" in typed("link", "x" * 22).err


@pytest.mark.parametrize(
    ("chosen", "address"),
    [
        ({}, "http://localhost:7860"),
        ({"port": 9000}, "http://localhost:9000"),
        ({"host": "192.0.2.7"}, "http://192.0.2.7:7860"),
        ({"hosts": "*.club.example,debates.example"}, "https://debates.example"),
    ],
)
def test_the_address_is_the_likely_one(
    tmp_path: Path, chosen: dict[str, object], address: str
) -> None:
    assert served_at(load_settings(data=tmp_path, **chosen)) == address


def test_another_address_can_be_said(typed: Typing) -> None:
    made = typed("link", a_debate(typed), "--at", "https://debates.example/")
    assert made.out.startswith("https://debates.example/shared#")

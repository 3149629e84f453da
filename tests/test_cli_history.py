"""A history from the terminal; the commands of docs/keeping.md as they are written there."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from rebuttal.records import now
from tests.test_cli import TWO, Typing
from tests.test_keeping import BACKUP, PURGE, RESTORE


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Typing:
    return Typing(tmp_path / "data", capsys)


def begun(typed: Typing, topic: str) -> str:
    ended = typed("debate", topic, *TWO, "--rounds", "1", "--json")
    return str(json.loads(ended.out.splitlines()[0])["debate"])


def test_debates_are_searched_and_the_place_is_shown(typed: Typing) -> None:
    tea, pets = begun(typed, "Tea or coffee?"), begun(typed, "Cats or dogs?")
    found = typed("search", "weighs", "every", "clai").out
    assert tea in found
    assert pets in found
    assert "weighs every claim" in found
    assert typed("search", "dogs", "--model", "Tea", "--persona", "cynic").out.count(pets) == 1
    assert tea not in typed("search", "dogs").out
    for nothing in (("--model", "GPT-9"), ("--until", "2020-01-01"), ("--interrupted",)):
        assert pets not in typed("search", "dogs", *nothing).out
    assert pets in typed("search", '"dogs" *', "--since", "2020-01-01", "--finished").out
    refused = typed("search", "word " * 100)
    assert (refused.code, refused.out) == (1, "")
    assert "400" in refused.err


def test_an_empty_list_says_so_beside_its_heading(typed: Typing) -> None:
    for words, said in (
        (("list",), "Nothing is kept yet."),
        (("search", "dogs"), "Nothing was found."),
        (("purge", "--show"), "Nothing would be forgotten now."),
        (("links",), "No link works now."),
    ):
        ended = typed(*words)
        assert (ended.code, ended.out.count("\n")) == (0, 1)
        assert said in ended.err
    begun(typed, "Cats or dogs?")
    assert not typed("search", "dogs").err


def test_debates_are_named_pinned_deleted_and_brought_back(typed: Typing) -> None:
    first, second = begun(typed, "Tea or coffee?"), begun(typed, "Cats or dogs?")
    assert typed("rename", first, "The\nkitchen question").code == 0
    assert typed("pin", first).code == 0
    listed = typed("list").out
    assert listed.index(first) < listed.index(second)
    assert "* The kitchen question" in listed
    assert typed("pin", first, "--off").code == 0
    assert "*" not in typed("list").out
    deleted = typed("delete", first, second)
    assert f"rebuttal undelete {first} {second}" in deleted.err.replace("\n", " ")
    assert first not in typed("list").out
    assert typed("purge", "--show").out.strip() == "Id  Begun  Topic"
    assert typed("purge").out == "0 forgotten.\n"
    assert typed("undelete", first).code == 0
    assert first in typed("list").out
    missing = typed("delete", "nobody")
    assert (missing.code, "'nobody'" in missing.err) == (1, True)


def test_what_is_kept_too_long_is_shown_and_purged(
    typed: Typing, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = begun(typed, "Tea or coffee?")
    monkeypatch.setenv("REBUTTAL_KEEP_DAYS", "1")
    assert key not in typed("purge", "--show").out
    age(typed.data / "debates.sqlite")
    shown = typed("purge", "--show").out
    assert key in shown
    assert "Tea or coffee?" in shown
    assert key in typed("list").out
    assert typed("purge").out == "1 forgotten.\n"
    assert key not in typed("list").out


def age(file: Path) -> None:
    """Let everything have been kept two days ago."""
    before = (now() - timedelta(days=2)).isoformat(timespec="microseconds")
    with closing(sqlite3.connect(file)) as database:
        database.execute("UPDATE debates SET kept_at = ?", [before])
        database.commit()


def test_the_documents_commands_do_what_is_written(
    typed: Typing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    key = begun(typed, "Tea or coffee?")
    commands = [*PURGE.lines, *BACKUP.lines, *RESTORE.lines]
    ours = [line.split()[1:] for line in commands if line.startswith("rebuttal ")]
    assert [words[0] for words in ours] == ["purge", "purge", "backup", "restore"]
    for words in ours[:3]:
        assert typed(*words).code == 0
    typed("rename", key, "Changed since")
    begun(typed, "Cats or dogs?")
    restored = typed(*ours[3])
    assert (restored.code, restored.out) == (0, "1 debate is here now.\n")
    assert "debates.sqlite.before" in restored.err
    listed = typed("list").out
    assert key in listed
    assert "Changed" not in listed
    assert "Cats" not in listed
    assert typed("search", "coffee").out.count(key) == 1
    again = typed(*ours[2])
    assert (again.code, "already" in again.err) == (1, True)

"""``rebuttal export`` and ``rebuttal import``, as they are typed."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from rebuttal.document import json_of
from tests.branched import branched
from tests.test_cli import Typing, typed

__all__ = ["typed"]


@pytest.fixture
def document(tmp_path: Path) -> Path:
    file = tmp_path / "tea.json"
    file.write_text(json_of(*branched()), "utf-8")
    return file


def test_a_debate_goes_in_and_out(typed: Typing, document: Path, tmp_path: Path) -> None:
    came = typed("import", str(document))
    assert (came.code, came.err) == (0, "1 debate is here now.\n")
    debate_id = came.out.strip()
    assert debate_id in typed("list").out
    assert json.loads(typed("export", debate_id, "--format", "json").out)["rebuttal"] == 2
    assert typed("export", debate_id).out.startswith("# Is tea better than coffee?\n")
    page = tmp_path / "page.html"
    assert typed("export", debate_id, "--format", "html", "--to", str(page)).out == ""
    assert page.read_text("utf-8").startswith("<!doctype html>")


def test_a_history_goes_out_as_a_zip_and_comes_in(
    typed: Typing, document: Path, tmp_path: Path
) -> None:
    for _ in range(3):
        typed("import", str(document))
    file = tmp_path / "all.zip"
    ended = typed("export", "--all", str(file))
    assert (ended.code, ended.out, ended.err) == (0, "", "Every debate is in all.zip.\n")
    assert len(zipfile.ZipFile(file).namelist()) == 7
    came = typed("import", str(file))
    assert (len(came.out.split()), came.err) == (3, "3 debates are here now.\n")


def test_a_file_that_is_there_is_never_written_over(
    typed: Typing, document: Path, tmp_path: Path
) -> None:
    debate_id = typed("import", str(document)).out.strip()
    before = document.read_bytes()
    for words in (("--all", str(document)), (debate_id, "--to", str(document))):
        ended = typed("export", *words)
        assert (ended.code, ended.err) == (
            1,
            "'tea.json' is there already.\nChoose another name.\n",
        )
    assert document.read_bytes() == before
    assert typed("export", debate_id, "--to", str(tmp_path / "no" / "x.md")).code == 1


def test_what_cannot_be_written_to_its_end_leaves_no_file(typed: Typing, tmp_path: Path) -> None:
    ended = typed("export", "none", "--to", str(tmp_path / "x.md"))
    assert ended.code == 1
    assert "No debate has the id 'none'" in ended.err
    assert not (tmp_path / "x.md").exists()


@pytest.mark.parametrize("words", [(), ("some-id", "--all", "x.zip")])
def test_one_debate_or_all_not_neither_nor_both(typed: Typing, words: tuple[str, ...]) -> None:
    ended = typed("export", *words)
    assert (ended.code, ended.out) == (1, "")
    assert "Name one ID, or write --all FILE.zip." in ended.err


def test_a_file_that_is_no_debate_is_refused_by_its_field(typed: Typing, document: Path) -> None:
    document.write_text(document.read_text("utf-8").replace('"seed": 7', '"seed": -7'), "utf-8")
    ended = typed("import", str(document))
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("debate.seed: -7 is not between 0 and")
    assert typed("import", str(document.with_name("none.json"))).code == 1

"""No block of code in the documents stands there untried."""

from __future__ import annotations

import pytest

from tests.snippets import Block, blocks, claims, each_of, find, not_taken, pages, runs


def test_a_test_runs_every_block_of_every_page() -> None:
    claimed = claims()
    untried = [block for page in pages() for block in blocks(page) if block not in claimed]
    told = "\n".join(f"{block}: {block.language}" for block in untried)
    assert not told, f"no test runs these blocks:\n{told}"


def test_blocks_are_found_wherever_they_stand() -> None:
    text = "# A\n\n```sh\nls\n```\n\n- item\n\n  ~~~\n  inside\n  ~~~\n\n"
    text += "> ````yaml\n> a: 1\n> ````\n\n    indented\n"
    found = [(one.line, one.language, one.text) for one in find("a.md", text)]
    assert found == [
        (3, "sh", "ls\n"),
        (9, "", "inside\n"),
        (13, "yaml", "a: 1\n"),
        (17, "", "indented\n"),
    ]


def test_to_claim_a_block_is_not_to_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = find("a.md", "```sh\nls\n```\n\n```sh\npwd\n```\n")
    with monkeypatch.context() as loading:
        loading.delenv("PYTEST_CURRENT_TEST")
        assert first.text == "ls\n"
        assert second.says("pwd")
    assert not_taken([first, second]) == [first, second]
    assert second.lines == ["pwd"]
    assert not_taken([first, second]) == [first]
    assert f"{first} {second}" == "a.md:1 a.md:5"


def test_a_claim_is_a_mark_of_the_test() -> None:
    block = Block("a.md", 1, "sh", "ls\n")

    def one() -> None: ...

    def other(block: Block) -> None: ...

    assert [mark.name for mark in runs(block)(one).pytestmark] == ["usefixtures", "snippets"]  # type: ignore[attr-defined]
    marks = {mark.name: mark.args for mark in each_of([block])(other).pytestmark}  # type: ignore[attr-defined]
    assert (marks["snippets"], marks["parametrize"]) == ((block,), ("block", [block]))

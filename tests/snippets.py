"""Every fenced block of the documents, and the test that runs it.

A test says which blocks it runs, and test_snippets.py tells of those that no test runs, by page
and line. desk.py has the ways to run one.

    FIRST, SECOND = blocks("docs/start.md", "python")

    @runs(FIRST, SECOND)
    def test_the_programs_debate(desk: Desk) -> None:
        assert "Philosopher" in desk.python(FIRST)
        assert "Cynic" in desk.python(SECOND)

    @each("docs/add.md", "yaml")
    def test_the_files_are_read(block: Block, desk: Desk) -> None:
        desk.catalog(block)

Unpacked like this, a block that is added turns the module red until somebody decides who runs it.
A test that claims a block and never takes its text fails: ``text`` and ``lines`` notice when they
are asked for while tests run, and not while their modules are loaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from typing import Any, TypeVar

import pytest
from markdown_it import MarkdownIt

from rebuttal.settings import HOME

Test = TypeVar("Test", bound=Callable[..., Any])

BESIDE = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
"""Pages that are not in docs/."""


class Block:
    """One block of code: where it stands, its language, what it says."""

    def __init__(self, page: str, line: int, language: str, text: str) -> None:
        self.page, self.line, self.language = page, line, language
        self.taken = False
        """Whether something asked for its text while tests ran."""
        self._text = text

    def __repr__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def text(self) -> str:
        """What it says, with a line's end at its end."""
        if "PYTEST_CURRENT_TEST" in os.environ:
            self.taken = True
        return self._text

    @property
    def lines(self) -> list[str]:
        """Its lines, which are commands where it is a shell's."""
        return self.text.splitlines()

    def says(self, words: str) -> bool:
        """Whether these words are in it. To choose it by; that is not to run it."""
        return words in self._text

    @property
    def length(self) -> int:
        """How many lines it has."""
        return self._text.count("\n")


def pages() -> list[str]:
    """Every document."""
    docs = sorted(file.relative_to(HOME).as_posix() for file in (HOME / "docs").rglob("*.md"))
    return [*BESIDE, *docs]


def find(page: str, text: str) -> list[Block]:
    """The blocks of a text in Markdown, fenced or indented, at any depth."""
    tokens = MarkdownIt("commonmark").parse(text)
    return [
        Block(page, token.map[0] + 1, token.info.strip(), token.content)
        for token in tokens
        if token.type in ("fence", "code_block") and token.map
    ]


@cache
def _read(page: str) -> list[Block]:
    return find(page, (HOME / page).read_text("utf-8"))


def blocks(page: str, *languages: str) -> list[Block]:
    """The blocks of a page in their order, of all languages or of these."""
    return [one for one in _read(page) if not languages or one.language in languages]


def runs(*claimed: Block) -> Callable[[Test], Test]:
    """The test takes these blocks and runs them, or reads them as what they are."""

    def mark(test: Test) -> Test:
        pytest.mark.usefixtures("snippets_taken")(test)
        pytest.mark.snippets(*claimed)(test)
        return test

    return mark


def each(page: str, *languages: str) -> Callable[[Test], Test]:
    """The test runs once with each ``block`` of these languages of a page."""
    return each_of(blocks(page, *languages))


def each_of(chosen: list[Block]) -> Callable[[Test], Test]:
    """The test runs once with each ``block`` of these."""

    def mark(test: Test) -> Test:
        pytest.mark.parametrize("block", chosen, ids=repr)(test)
        return runs(*chosen)(test)

    return mark


def not_taken(claimed: Iterable[Block]) -> list[Block]:
    """Those whose text nothing has asked for since tests run."""
    return [block for block in claimed if not block.taken]


@pytest.fixture
def snippets_taken(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that has not taken every block that it claims."""
    yield
    mark = request.node.get_closest_marker("snippets")
    given = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    claimed = [given["block"]] if "block" in given else mark.args
    assert not_taken(claimed) == [], "claimed and not run"


def claims() -> set[Block]:
    """Every block that a test of any module says it runs."""
    files = [
        file
        for file in (HOME / "tests").glob("test_*.py")
        if "tests.snippets" in file.read_text("utf-8")
    ]
    tests = [
        test
        for file in files
        for name, test in vars(import_module(f"tests.{file.stem}")).items()
        if name.startswith("test_")
    ]
    marks = [mark for test in tests for mark in getattr(test, "pytestmark", [])]
    return {block for mark in marks if mark.name == "snippets" for block in mark.args}

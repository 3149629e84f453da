"""The pages that begin, explain and help: what they show is run, and what they quote is caused."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from rebuttal.settings import HOME
from tests.built_in import BuiltIn
from tests.snippets import Block, blocks, runs
from tests.symptoms import KEYS, caused

README = (HOME / "README.md").read_text("utf-8")


@pytest.fixture
def aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with a store of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REBUTTAL_DATA", str(tmp_path / "data"))
    return tmp_path


def printed(program: Block) -> str:
    """What a program prints that runs here: a process for each would take seconds."""
    out = io.StringIO()
    with redirect_stdout(out):
        exec(compile(program.text, repr(program), "exec"), {"__name__": "__main__"})
    return out.getvalue()


# Concepts

WHO_SPEAKS, PRINTED = blocks("docs/concepts.md")
WHAT_IS_HEARD, HEARD, PANEL, SUMMED_UP = blocks("docs/concepts-2.md")


@runs(WHO_SPEAKS, PRINTED, WHAT_IS_HEARD, HEARD, PANEL, SUMMED_UP)
@pytest.mark.usefixtures("aside")
def test_the_programs_of_the_concepts_print_what_the_pages_say() -> None:
    assert printed(WHO_SPEAKS) == PRINTED.text
    assert printed(WHAT_IS_HEARD) == HEARD.text
    assert printed(PANEL) == SUMMED_UP.text


# Troubleshooting

QUOTED = blocks("docs/troubleshooting.md", "text")
(LOOK,) = blocks("docs/troubleshooting.md", "sh")


@runs(*QUOTED)
async def test_every_symptom_is_quoted_as_it_is_told(
    tmp_path: Path, built_in: BuiltIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)
    told = await caused(tmp_path)
    assert [block.text.strip() for block in QUOTED] == [*told.values()]


@runs(LOOK)
def test_where_to_look_first_is_in_the_readme_too() -> None:
    assert LOOK.text in README

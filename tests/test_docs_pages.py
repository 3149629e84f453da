"""The pages that begin, explain and help: what they show is run, and what they quote is caused."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path

import pytest

from rebuttal.settings import HOME
from tests.built_in import BuiltIn
from tests.snippets import Block, blocks, runs
from tests.symptoms import KEYS, caused
from tests.test_architecture import FLOORS

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


# Inside

INSIDE = (HOME / "docs" / "inside.md").read_text("utf-8")


def test_the_floor_plan_on_the_page_is_the_one_that_is_held() -> None:
    plan: dict[int, set[str]] = {floor: set() for floor in FLOORS}
    for floor, rooms in re.findall(r"^\| (\d) \| (.*?) \|", INSIDE, re.M):
        found = re.findall(r"`([\w.]+)`", rooms)
        assert not plan[int(floor)] & {*found}
        plan[int(floor)] |= {*found}
    held = {
        floor: {room if floor > 6 else room.removeprefix("rebuttal.") for room in rooms}
        for floor, rooms in FLOORS.items()
    }
    assert plan == held


def is_there(name: str) -> bool:
    """Whether ``room.module.Class.method`` is one of ours."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        module = f"rebuttal.{'.'.join(parts[:cut])}"
        if (HOME / f"{module.replace('.', '/')}.py").exists():
            found: object = import_module(module)
            for part in parts[cut:]:
                found = getattr(found, part, None)
            return found is not None
    return (HOME / "rebuttal" / parts[0]).is_dir() and len(parts) == 1


def test_every_name_in_the_walk_is_there() -> None:
    walk = INSIDE.partition("## The walk")[2]
    named = re.findall(r"`([a-z_]+(?:\.\w+)+)`", walk)
    assert len(named) > 40
    assert [name for name in named if not is_there(name)] == []
    assert not is_there("live.LiveDebate.begins")


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

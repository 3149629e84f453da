"""SECURITY.md names what there is: tests, settings and commands."""

from __future__ import annotations

import re

from rebuttal.settings import HOME, Settings

PAGE = (HOME / "SECURITY.md").read_text("utf-8")
TABLE = PAGE.partition("## What is guarded")[2].partition("\n## ")[0]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TABLE.splitlines()
    if line.startswith("| ") and not line.startswith("| attack ")
]


def exists(test: str) -> bool:
    """Whether there is such a test, by ``FILE::NAME``."""
    file, _, name = test.partition("::")
    path = HOME / "tests" / file
    return path.is_file() and f"def {name}(" in path.read_text("utf-8")


def test_every_control_has_a_test_that_exists() -> None:
    assert len(ROWS) > 20
    named = {cells[3].strip("`"): cells[0] for cells in ROWS}
    assert len(named) == len(ROWS)
    assert [test for test in named if not exists(test)] == []


def test_a_test_that_does_not_exist_is_found() -> None:
    assert not exists("test_security_page.py::test_nobody_wrote")
    assert not exists("test_nowhere.py::test_a_test_that_does_not_exist_is_found")


def test_every_setting_that_is_named_exists() -> None:
    named = {name for cells in ROWS for name in re.findall(r"`(\w+)`", cells[2])}
    assert named
    assert named <= {*Settings.model_fields}
    assert {name.lower() for name in re.findall(r"REBUTTAL_(\w+)", PAGE)} <= {
        *Settings.model_fields
    }

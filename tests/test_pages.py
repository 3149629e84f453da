"""Pages whose every block is run in the way of its language; what is special has a test of its own.

A page is listed here and nothing more is needed, as long as its shell commands end by themselves,
its programs are whole, and its YAML files say in their first line what they are called.
"""

from __future__ import annotations

import json

from dotenv import dotenv_values

from rebuttal.settings import HOME, Settings
from tests.desk import Desk
from tests.snippets import Block, blocks, each_of

PAGES = ("docs/start.md", "docs/concepts.md", "docs/add.md", "docs/customising.md")


def plain(language: str) -> list[Block]:
    """The blocks of these pages in one language."""
    return [block for page in PAGES if (HOME / page).exists() for block in blocks(page, language)]


SH, PYTHON, YAML, JSON, DOTENV = map(plain, ("sh", "python", "yaml", "json", "dotenv"))


@each_of(PYTHON)
def test_a_program_runs(desk: Desk, block: Block) -> None:
    assert desk.python(block).strip()


@each_of(SH)
def test_a_command_works(desk: Desk, block: Block) -> None:
    desk.sh(block)


@each_of(YAML)
def test_a_file_of_the_catalog_is_read(desk: Desk, block: Block) -> None:
    assert desk.catalog(block).models


@each_of(JSON)
def test_json_is_json(block: Block) -> None:
    assert json.loads(block.text)


@each_of(DOTENV)
def test_a_setting_is_one(desk: Desk, block: Block) -> None:
    file = desk.folder / ".env"
    file.write_text(block.text, "utf-8")
    names = [name for name in dotenv_values(file) if name.startswith("REBUTTAL_")]
    assert {name.removeprefix("REBUTTAL_").lower() for name in names} <= {*Settings.model_fields}

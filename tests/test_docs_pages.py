"""The pages that begin, explain and help: what they show is run, and what they quote is caused."""

from __future__ import annotations

from pathlib import Path

import pytest

from rebuttal.settings import HOME
from tests.built_in import BuiltIn
from tests.snippets import blocks, runs
from tests.symptoms import KEYS, caused

README = (HOME / "README.md").read_text("utf-8")

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

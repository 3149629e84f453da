"""docs/json.md tells every field, and its example comes in."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel

from rebuttal.document import LEFT_OUT, VERSION, Document, KeptTurn
from rebuttal.intake.debates import Arrivals
from rebuttal.records import Debate, Debater, Persona, Sampling, Timings, Usage
from rebuttal.settings import HOME, load_settings
from tests.snippets import blocks, runs

PAGE = (HOME / "docs" / "json.md").read_text("utf-8")
(EXAMPLE,) = blocks("docs/json.md", "json")
SECTIONS: dict[str, type[BaseModel]] = {
    "The debate": Debate,
    "A debater": Debater,
    "A persona": Persona,
    "Sampling": Sampling,
    "A turn": KeptTurn,
    "Usage": Usage,
    "Timings": Timings,
}


def rows(section: str) -> dict[str, str]:
    """The fields of a section's table and their defaults, as they are written."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| ?(.*?) ?\|", text, re.MULTILINE))


@pytest.mark.parametrize(("section", "model"), SECTIONS.items(), ids=SECTIONS.keys())
def test_every_field_is_explained_in_its_order(section: str, model: type[BaseModel]) -> None:
    fields = [name for name in model.model_fields if model is not Debate or name not in LEFT_OUT]
    assert list(rows(section)) == fields


@pytest.mark.parametrize(("section", "model"), SECTIONS.items(), ids=SECTIONS.keys())
def test_defaults_are_those_of_the_code(section: str, model: type[BaseModel]) -> None:
    for name, told in rows(section).items():
        field = model.model_fields[name]
        default = "" if field.is_required() or field.default is None else str(field.default)
        assert told.strip("`") == {"": "", "False": "false"}.get(default, default) or (
            told == "empty" and default == ""
        )


@runs(EXAMPLE)
def test_the_example_comes_in() -> None:
    moment = datetime(2026, 11, 21, tzinfo=UTC)
    [(debate, turns)] = Arrivals(io.BytesIO(EXAMPLE.text.encode()), load_settings(), "", moment)
    assert debate.finished
    assert [turn.speaker for turn in turns] == ["user", "seat1"]


def test_the_page_tells_the_version() -> None:
    assert f"version {VERSION}" in PAGE.split("\n\n")[1]
    assert list(Document.model_fields) == ["rebuttal", "debate", "turns"]

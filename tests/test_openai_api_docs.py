"""docs/openai.md against the real program and its built-in model: openai, curl, and llm."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator

import pytest

from tests.built_in import BuiltIn
from tests.desk import Desk, brief, sit_down
from tests.snippets import blocks, runs

START, CURL, LLM = blocks("docs/openai.md", "sh")
(PROGRAM,) = blocks("docs/openai.md", "python")
(MODELS,) = blocks("docs/openai.md", "yaml")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the commands are a POSIX shell's")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, built_in: BuiltIn) -> Iterator[Desk]:
    """A desk at which what the page says first has been typed."""
    there = sit_down(tmp_path_factory.mktemp("desk"), brief())
    panel, serve = START.lines
    there.sh(panel)
    with there.serving(serve):
        there.write("llm/extra-openai-models.yaml", MODELS)
        yield there


def kept(desk: Desk) -> int:
    """How many debates are in the history."""
    return len(json.loads(desk.sh("curl -s http://127.0.0.1:7860/api/v1/debates"))["items"])


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
@runs(START, CURL)
def test_curl_gets_the_list_and_a_debate(desk: Desk) -> None:
    listed, streamed = map(desk.sh, CURL.lines)
    names = [model["id"] for model in json.loads(listed)["data"]]
    assert {"panel-three", "SmolLM2", "cynic@SmolLM2"} <= {*names}
    assert '"reasoning_content":"**Rational**, round 1 of 1' in streamed
    assert streamed.endswith("data: [DONE]\n\n")


@runs(PROGRAM)
def test_the_program_of_the_page_prints_a_debate_and_its_synthesis(desk: Desk) -> None:
    before = kept(desk)
    said = desk.python(PROGRAM)
    assert said.startswith("**Rational**, round 1 of 1\n\n")
    assert "**Cynic**" in said
    assert "**Scientist**" in said
    assert kept(desk) == before + 1


@runs(MODELS, LLM)
def test_llm_asks_the_panel_and_a_persona(desk: Desk) -> None:
    before = kept(desk)
    panel, persona = map(desk.sh, LLM.lines)
    assert len(panel.split()) > 5
    assert "round 1 of 1" not in panel
    assert len(persona.split()) > 3
    assert kept(desk) == before + 1
    logged = json.loads(desk.sh("llm logs --json"))
    assert [one["model"] for one in logged] == ["three", "cynic"]
    assert all(one["input_tokens"] > 10 and one["output_tokens"] > 5 for one in logged)


def test_llm_goes_on_with_a_conversation_and_shows_what_went_wrong(desk: Desk) -> None:
    desk.sh("llm -m cynic -s 'Answer in five words.' -o max_tokens 20 'I have nine cats.'")
    assert desk.sh("llm -c -o temperature 0 -o seed 1 'How many cats have I?'").strip()
    refused = desk.sh("llm -m three -o logit_bias '{\"5\": 9}' 'Is it?'", code=1)
    assert "Leave out logit_bias" in refused

"""docs/openai.md against the real program and its built-in model: openai, curl, and llm."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rebuttal.settings import HOME
from tests.built_in import BuiltIn
from tests.served import serving

DOCS = (HOME / "docs" / "openai.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", DOCS, re.M | re.S)
(PROGRAM,) = (text for language, text in BLOCKS if language == "python")
(MODELS,) = (text for language, text in BLOCKS if language == "yaml")
COMMANDS = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]
DOCUMENTED = "http://127.0.0.1:7860/"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the commands are a POSIX shell's")


@dataclass(frozen=True)
class Desk:
    """Where somebody sits who does what the page says."""

    folder: Path
    address: str
    env: dict[str, str]

    def run(self, command: str, *, ends: bool = True) -> str:
        """Type a command; what it printed."""
        done = subprocess.run(
            ["sh", "-c", command.replace(DOCUMENTED, self.address)],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
        assert (done.returncode == 0) is ends, done.stderr
        return done.stdout if ends else done.stderr


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, built_in: BuiltIn) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    (folder / "bin").mkdir()
    for name, module in (("rebuttal", "rebuttal"), ("llm", "llm")):
        program = folder / "bin" / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n', "utf-8")
        program.chmod(0o755)
    catalog = (HOME / "models.yaml").read_text("utf-8")
    brief = catalog.replace("    max_tokens: 110\n", "    max_tokens: 20\n")
    assert brief != catalog
    (folder / "models.yaml").write_text(brief, "utf-8")
    env = {
        **os.environ,
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(HOME),
        "REBUTTAL_DATA": str(folder / "data"),
        "REBUTTAL_MODELS": str(folder / "models.yaml"),
        "LLM_USER_PATH": str(folder / "llm"),
    }
    panel = next(one for one in COMMANDS if one.startswith("rebuttal panel"))
    serve = next(one for one in COMMANDS if one.startswith("rebuttal serve"))
    Desk(folder, "", env).run(panel)
    with serving(folder, "-m", *serve.split(), environment=env) as there:
        (folder / "llm").mkdir()
        models = MODELS.replace(DOCUMENTED, there.address)
        (folder / "llm" / "extra-openai-models.yaml").write_text(models, "utf-8")
        yield Desk(folder, there.address, env)


def kept(desk: Desk) -> int:
    """How many debates are in the history."""
    return len(json.loads(desk.run("curl -s http://127.0.0.1:7860/api/v1/debates"))["items"])


def test_every_command_of_the_page_is_tried_here() -> None:
    programs = [command.split()[0] for command in COMMANDS]
    assert programs == ["rebuttal", "rebuttal", "curl", "curl", "llm", "llm"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
def test_curl_gets_the_list_and_a_debate(desk: Desk) -> None:
    listed, streamed = (desk.run(one) for one in COMMANDS if one.startswith("curl"))
    names = [model["id"] for model in json.loads(listed)["data"]]
    assert {"panel-three", "SmolLM2", "cynic@SmolLM2"} <= {*names}
    assert '"reasoning_content":"**Rational**, round 1 of 1' in streamed
    assert streamed.endswith("data: [DONE]\n\n")


def test_the_program_of_the_page_prints_a_debate_and_its_synthesis(desk: Desk) -> None:
    (desk.folder / "ask.py").write_text(PROGRAM.replace(DOCUMENTED, desk.address), "utf-8")
    before = kept(desk)
    said = desk.run(f'"{sys.executable}" ask.py')
    assert said.startswith("**Rational**, round 1 of 1\n\n")
    assert "**Cynic**" in said
    assert "**Scientist**" in said
    assert kept(desk) == before + 1


def test_llm_asks_the_panel_and_a_persona(desk: Desk) -> None:
    before = kept(desk)
    panel, persona = (desk.run(one) for one in COMMANDS if one.startswith("llm"))
    assert len(panel.split()) > 5
    assert "round 1 of 1" not in panel
    assert len(persona.split()) > 3
    assert kept(desk) == before + 1
    logged = json.loads(desk.run("llm logs --json"))
    assert [one["model"] for one in logged] == ["three", "cynic"]
    assert all(one["input_tokens"] > 10 and one["output_tokens"] > 5 for one in logged)


def test_llm_goes_on_with_a_conversation_and_shows_what_went_wrong(desk: Desk) -> None:
    desk.run("llm -m cynic -s 'Answer in five words.' -o max_tokens 20 'I have nine cats.'")
    assert desk.run("llm -c -o temperature 0 -o seed 1 'How many cats have I?'").strip()
    refused = desk.run("llm -m three -o logit_bias '{\"5\": 9}' 'Is it?'", ends=False)
    assert "Leave out logit_bias" in refused

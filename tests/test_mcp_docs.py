"""What docs/mcp.md says is run: its files, its commands, its program."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from rebuttal.mcp import NEEDED
from rebuttal.settings import HOME
from tests.desk import environment
from tests.served import serving
from tests.snippets import Block, blocks, runs

PAGE = (HOME / "docs" / "mcp.md").read_text("utf-8")
INSTALL, SERVE = blocks("docs/mcp.md", "sh")
HERE, ELSEWHERE = blocks("docs/mcp.md", "json")
(PROGRAM,) = blocks("docs/mcp.md", "python")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the page's shell is a POSIX one")


def entry(file: Block) -> dict[str, Any]:
    """What a program's file says of Rebuttal."""
    said: dict[str, Any] = json.loads(file.text)["mcpServers"]["rebuttal"]
    return said


def started(folder: Path) -> dict[str, str]:
    """What a program that starts ``rebuttal`` gives it: of its own environment only that."""
    env = environment(folder)
    return {name: env[name] for name in ("PATH", "PYTHONPATH", "REBUTTAL_DATA")}


@runs(INSTALL)
def test_the_extra_is_what_the_program_needs() -> None:
    assert INSTALL.text.strip().endswith('-m pip install ".[mcp]"')
    project = tomllib.loads((HOME / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["optional-dependencies"]["mcp"] == [NEEDED]


@runs(HERE)
async def test_the_file_for_a_program_here_starts_it_and_the_table_names_its_tools(
    tmp_path: Path,
) -> None:
    server = StdioServerParameters(**entry(HERE), env=started(tmp_path), cwd=tmp_path)
    async with Client(server) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (`\w+`.*) \|$", PAGE, re.M))
    assert {*rows} == {*tools}
    for name, tool in tools.items():
        assert tool.annotations
        assert (rows[name] == "`read`") == tool.annotations.read_only_hint


@runs(SERVE, ELSEWHERE)
async def test_the_command_for_programs_elsewhere_serves_them(tmp_path: Path) -> None:
    variable, command = SERVE.text.split(" ", 1)
    name, value = variable.split("=")
    assert command.split()[0] == "rebuttal"
    env = started(tmp_path) | {name: value, "PYTHONUNBUFFERED": "1"}
    with serving(tmp_path, "-m", *command.split(), environment=env) as served:
        path = entry(ELSEWHERE)["url"].rpartition("/")[2]
        async with Client(f"{served.address}{path}") as client:
            assert (await client.list_tools()).tools


@runs(PROGRAM)
def test_the_program_debates(tmp_path: Path) -> None:
    env = environment(tmp_path)
    # What starts it passes on nothing of ours.
    needed = [f'export {name}="{env[name]}"\n' for name in ("PYTHONPATH", "REBUTTAL_DATA")]
    rebuttal = tmp_path / "bin" / "rebuttal"
    shell = rebuttal.read_text("utf-8").replace("\n", "\n" + "".join(needed), 1)
    rebuttal.write_text(shell.replace("-m rebuttal", "-m tests.mcp_app"), "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.text],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stderr) == (0, "")
    names = [speech.partition(":")[0] for speech in done.stdout.strip().split("\n\n")]
    assert names == ["Moderator", "Philosopher", "Cynic"]

"""What the README says is run: its commands, its files, its program."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from rebuttal.catalog import Endpoint, Model, Weights, load_catalog
from rebuttal.cli.commands import page, terminal
from rebuttal.records import Persona, Record
from rebuttal.settings import HOME, OPTIONS, Settings

README = (HOME / "README.md").read_text("utf-8")
PAGES = ("README.md", "SECURITY.md", "docs/deploy.md")
"""What speaks of commands."""
KEYS = ("_API_KEY", "_TOKEN", "_KEY")


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    language: str
    text: str

    @property
    def file(self) -> str:
        """The file that its first line names."""
        return self.text.splitlines()[0].removeprefix("# ")


BLOCKS = [Block(*found) for found in re.findall(r"^```(\w+)\n(.*?)^```", README, re.M | re.S)]
COMMANDS = [
    line
    for block in BLOCKS
    if block.language == "sh"
    for line in block.text.splitlines()
    if "rebuttal " in line and "requirements" not in line
]


def environment(tmp_path: Path) -> dict[str, str]:
    """A machine without keys on which ``rebuttal`` is installed."""
    program = tmp_path / "bin" / "rebuttal"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rebuttal "$@"\n', "utf-8")
    program.chmod(0o755)
    env = {name: value for name, value in os.environ.items() if not name.endswith(KEYS)}
    return env | {
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(HOME),
        "REBUTTAL_DATA": str(tmp_path / "data"),
        "COLUMNS": "80",
    }


def run(command: list[str], tmp_path: Path) -> str:
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_picture_and_the_two_commands_come_first() -> None:
    first, second = (
        block.text for block in BLOCKS if block.language == "sh" and "-m venv" in block.text
    )
    assert [block.text for block in BLOCKS[:2]] == [first, second]
    assert README.index("![") < README.index("```sh")
    for command, needs, ends in (
        (first, "requirements.txt", "debate_app.py"),
        (second, "requirements-dev.txt", "-m pytest -n 2 --dist loadfile"),
    ):
        assert command.count("\n") == 1
        assert f"-r {needs} " in command
        assert command.endswith(f"{ends}\n")
        assert (HOME / needs).exists()


def test_powershell_gets_the_same_two_commands() -> None:
    expected = [
        block.text.replace("python3 -m venv", "py -3 -m venv")
        .replace(" && ", "; ")
        .replace(".venv/bin/", ".venv\\Scripts\\")
        for block in BLOCKS[:2]
    ]
    assert [block.text for block in BLOCKS if block.language == "powershell"] == expected


@pytest.mark.skipif(sys.platform == "win32", reason="the README's shell is a POSIX one")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_works(command: str, tmp_path: Path) -> None:
    said = run(["sh", "-c", command], tmp_path)
    assert said.strip()
    if "--json" in command:
        assert json.loads(said.splitlines()[-1])["kind"] == "debate_finished"


@pytest.mark.skipif(sys.platform == "win32", reason="the README's shell is a POSIX one")
def test_the_commands_for_what_was_kept_work_one_after_another(tmp_path: Path) -> None:
    env = environment(tmp_path)
    given = {"ID": "", "OTHER": "", "LINK": ""}

    def typed(command: str) -> str:
        for name, value in given.items():
            command = re.sub(rf"\b{name}\b", value, command)
        done = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env=env, capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    begun = typed('rebuttal debate "Is tea better than coffee?" --rounds 1 --json')
    given["ID"] = given["OTHER"] = json.loads(begun.splitlines()[0])["debate"]
    rows = re.findall(r"^\| `rebuttal .*", README, re.M)
    commands = [command for row in rows for command in re.findall(r"`(rebuttal [^`]+)`", row)]
    assert len(commands) == 14
    for command in commands:
        said = typed(command)
        if " link " in command:
            given["LINK"] = said.split()[0]


def test_the_program_in_the_readme_runs(tmp_path: Path) -> None:
    (program,) = (block.text for block in BLOCKS if block.language == "python")
    (tmp_path / "example.py").write_text(program, "utf-8")
    said = run([sys.executable, "example.py"], tmp_path)
    assert said.count("turn_finished") == 3
    assert "debate_finished" in said.splitlines()[-1]


def test_the_files_in_the_readme_are_read(tmp_path: Path) -> None:
    for block in BLOCKS:
        if block.language == "yaml":
            file = tmp_path / block.file
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text, "utf-8")
    catalog = load_catalog(tmp_path / "models.yaml", tmp_path / "personas")
    assert [*catalog.models] == ["My Qwen", "Big one"]
    assert [persona.name for persona in catalog.personas.values()] == ["Detective"]


LETTING_IN = [
    line.partition("debate_app.py ")[2]
    for block in BLOCKS[2:]
    if block.language == "sh"
    for line in block.text.splitlines()
    if "debate_app.py" in line
]


@pytest.mark.parametrize(
    ("options", "profile"), [*zip(LETTING_IN, ["lan", "public", "lan"], strict=True)]
)
def test_letting_others_in_sets_the_limits_that_fit(
    options: str, profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    served: list[Settings] = []
    with pytest.raises(SystemExit) as ended:
        page(served.append)(args=options.split(), prog_name="debate_app.py")
    assert ended.value.code == 0
    assert [settings.profile for settings in served] == [profile]
    assert served[0].owners


def _command(code: str) -> list[str]:
    return re.findall(r"^`rebuttal ([a-z-]+)", code)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_is_mentioned_exists(page: str) -> None:
    typed = terminal(lambda settings: None)
    commands = {
        command.name or (command.callback.__name__ if command.callback else "")
        for command in typed.registered_commands
    } | {group.name for group in typed.registered_groups}
    prose = re.sub(r"^```.*?^```", "", (HOME / page).read_text("utf-8"), flags=re.M | re.S)
    mentioned = {found for code in re.findall(r"`[^`]+`", prose) for found in _command(code)}
    assert mentioned
    assert mentioned <= commands


def test_the_settings_table_says_what_the_settings_say() -> None:
    rows = re.findall(r"^\| `--(\w+)` \| `(\w+)` \| (.*) \|$", README, re.M)
    assert [name for name, _, _ in rows] == [*OPTIONS]
    for name, variable, meaning in rows:
        assert variable == f"REBUTTAL_{name.upper()}"
        assert meaning == Settings.model_fields[name].description


@pytest.mark.parametrize("page", [*PAGES, "docs/settings.md", "docs/testing.md"])
def test_what_a_page_links_to_is_there(page: str) -> None:
    text, folder = (HOME / page).read_text("utf-8"), (HOME / page).parent
    headings = {
        re.sub(r"[^\w -]", "", name).lower() for name in re.findall(r"^#+ (.*)", text, re.M)
    }
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    inside = {link[1:].replace("-", " ") for link in links if link.startswith("#")}
    assert inside <= headings
    files = [link.partition("#")[0] for link in links if not link.startswith("#")]
    assert [file for file in files if not (folder / file).exists()] == []


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Endpoint, {"name"}),
        (Model, {"label", "listed", "others"}),
        (Weights, set()),
        (Persona, {"key"}),
    ],
)
def test_every_field_of_the_files_is_explained(kind: type[Record], given: set[str]) -> None:
    explained = set(re.findall(r"`(\w+)`", (HOME / "docs" / "catalog.md").read_text("utf-8")))
    assert set(kind.model_fields) - given <= explained

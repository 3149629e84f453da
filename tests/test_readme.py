"""What the README says is run: its commands, its files, its program."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from rebuttal.catalog import Endpoint, Model, Weights
from rebuttal.cli.commands import page, terminal
from rebuttal.records import Persona, Record
from rebuttal.settings import HOME, OPTIONS, Settings
from tests.desk import Desk
from tests.snippets import Block, blocks, each_of, runs

README = (HOME / "README.md").read_text("utf-8")
PAGES = ("README.md", "SECURITY.md", "docs/deploy.md")
"""What speaks of commands."""
FIRST, SECOND, *SHELL = blocks("README.md", "sh")
COMMANDS = [block for block in SHELL if block.says("rebuttal ")]
LETTING_IN = [block for block in SHELL if block.says("debate_app.py ")]
POWERSHELL = blocks("README.md", "powershell")
FILES = blocks("README.md", "yaml")
(PROGRAM,) = blocks("README.md", "python")

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="the README's shell is a POSIX one")


@runs(FIRST, SECOND)
def test_a_picture_and_the_two_commands_come_first() -> None:
    assert blocks("README.md")[:2] == [FIRST, SECOND]
    assert README.index("![") < README.index("```sh")
    for block, needs, ends in (
        (FIRST, "requirements.txt", "debate_app.py"),
        (SECOND, "requirements-dev.txt", "-m pytest -n 2 --dist loadfile"),
    ):
        (command,) = block.lines
        assert f"-r {needs} " in command
        assert command.endswith(ends)
        assert (HOME / needs).exists()


@runs(*POWERSHELL)
def test_powershell_gets_the_same_two_commands() -> None:
    expected = [
        block.text.replace("python3 -m venv", "py -3 -m venv")
        .replace(" && ", "; ")
        .replace(".venv/bin/", ".venv\\Scripts\\")
        for block in (FIRST, SECOND)
    ]
    assert [block.text for block in POWERSHELL] == expected


@POSIX
@each_of(COMMANDS)
def test_a_command_of_the_readme_works(block: Block, real_desk: Desk) -> None:
    said = real_desk.sh(block)
    assert said.strip()
    if block.says("--json"):
        assert json.loads(said.splitlines()[-1])["kind"] == "debate_finished"


@POSIX
def test_the_commands_for_what_was_kept_work_one_after_another(desk: Desk) -> None:
    begun = desk.sh('rebuttal debate "Is tea better than coffee?" --rounds 1 --json')
    desk.given = dict.fromkeys(("ID", "OTHER"), json.loads(begun.splitlines()[0])["debate"])
    rows = re.findall(r"^\| `rebuttal .*", README, re.M)
    commands = [command for row in rows for command in re.findall(r"`(rebuttal [^`]+)`", row)]
    assert len(commands) == 14
    for command in commands:
        said = desk.sh(command)
        if " link " in command:
            desk.given["LINK"] = said.split()[0]


@runs(PROGRAM)
def test_the_program_in_the_readme_runs(desk: Desk) -> None:
    said = desk.python(PROGRAM)
    assert said.count("turn_finished") == 3
    assert "debate_finished" in said.splitlines()[-1]


@runs(*FILES)
def test_the_files_in_the_readme_are_read(desk: Desk) -> None:
    catalog = desk.catalog(*FILES)
    assert [*catalog.models] == ["My Qwen", "Big one"]
    assert [persona.name for persona in catalog.personas.values()] == ["Detective"]


@runs(*LETTING_IN)
def test_letting_others_in_sets_the_limits_that_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    served: list[Settings] = []
    for block in LETTING_IN:
        program, *options = block.text.split()[1:]
        with pytest.raises(SystemExit) as ended:
            page(served.append)(args=options, prog_name=program)
        assert ended.value.code == 0
    assert [settings.profile for settings in served] == ["lan", "public", "lan"]
    assert all(settings.owners for settings in served)


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

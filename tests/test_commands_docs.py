"""Commands of pages that have no tests of their own: sharing, sign-in, performance, checks."""

from __future__ import annotations

import argparse
import json
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from rebuttal.settings import HOME
from tests.desk import Desk
from tests.glass import Glass
from tests.snippets import Block, blocks, each_of, pages, runs

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the commands are a POSIX shell's")

(LINKS,) = blocks("docs/sharing.md", "sh")
(USERS,) = blocks("docs/sign-in.md", "sh")
LIVE, _ = blocks("docs/terminal.md", "text")
MEASURED = blocks("docs/performance.md", "sh")
ALL, OLLAMA, GGUF, SCHEMA, PARTS, ASKED = blocks("docs/testing.md", "sh")
(CHECK,) = blocks("CONTRIBUTING.md", "sh")


@runs(LINKS)
def test_a_link_is_made_listed_and_ended(desk: Desk) -> None:
    begun = desk.sh('rebuttal debate "Is tea better than coffee?" --rounds 1 --json')
    desk.given["ID"] = json.loads(begun.splitlines()[0])["debate"]
    make, look, end = LINKS.lines
    made = desk.sh(make)
    assert desk.given["ID"] in desk.sh(look)
    (documented,) = re.findall(r"unlink (\w+)", end)
    desk.given[documented] = made.split()[0]
    desk.sh(end)
    assert desk.given["ID"] not in desk.sh("rebuttal links")


@runs(USERS)
def test_users_come_and_go_and_the_page_asks_for_them(desk: Desk) -> None:
    add, look, remove, serve = USERS.lines
    desk.sh(add, said="a long password\n")
    assert "anna" in desk.sh(look)
    with desk.serving(serve) as page:
        assert page.process.poll() is None
    desk.sh(remove)
    assert "anna" not in desk.sh(look)


class ParsedError(Exception):
    """A benchmark has understood its command line."""


@each_of(MEASURED)
def test_a_benchmark_of_the_page_understands_its_command(
    block: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = argparse.ArgumentParser.parse_args

    def only_parse(parser: argparse.ArgumentParser, arguments: list[str] | None = None) -> None:
        parse(parser, arguments)
        raise ParsedError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", only_parse)
    for line in block.lines:
        python, option, module, *words = shlex.split(re.sub(r"^(\w+=\S+ )+", "", line))
        assert (python, option) == (".venv/bin/python", "-m")
        file = HOME.joinpath(*module.split(".")).with_suffix(".py")
        if not words and "argparse" not in file.read_text("utf-8"):
            continue
        monkeypatch.setattr(sys, "argv", [str(file), *words])
        monkeypatch.delitem(sys.modules, module, raising=False)  # another test imported it
        with pytest.raises(ParsedError):
            runpy.run_module(module, run_name="__main__")


def parts() -> set[str]:
    """What .ci/run can be asked for."""
    text = (HOME / ".ci" / "run").read_text("utf-8")
    return set(re.findall(r"^    (\w+)\) ", text, re.M))


@runs(PARTS, CHECK)
def test_every_part_of_the_check_is_one_and_is_explained() -> None:
    words = [line.partition("#")[0].split() for line in [*PARTS.lines, *CHECK.lines]]
    named = {word for _, *rest in words for word in rest}
    assert named <= parts()
    assert parts() - {"all", "system"} <= named
    assert all((HOME / script).exists() for script, *_ in words)


@runs(ASKED)
def test_addresses_on_the_web_are_asked_with_the_configuration_of_the_site() -> None:
    (asked,) = ASKED.lines
    build = re.findall(
        r"^  (\.venv/bin/python -m sphinx .*)", (HOME / ".ci" / "run").read_text(), re.M
    )
    words, built = shlex.split(asked), shlex.split(*build)
    assert words[:5] == [*built[:3], "-b", "linkcheck"]
    assert words[words.index("-c") :][:2] == built[built.index("-c") :][:2]
    addresses = [
        address
        for name in pages()
        for address in re.findall(r"\]\((https?:[^)]*)\)", (HOME / name).read_text("utf-8"))
    ]
    assert [
        one for one in addresses if not re.fullmatch(r"https://[\w.-]+(/[\w.~/#-]*)?", one)
    ] == []


@runs(ALL, OLLAMA, GGUF)
def test_the_commands_of_the_tests_select_tests() -> None:
    project = tomllib.loads((HOME / "pyproject.toml").read_text("utf-8"))
    markers = {line.split(":")[0] for line in project["tool"]["pytest"]["ini_options"]["markers"]}
    asked = [words for block in (ALL, OLLAMA, GGUF) for words in map(shlex.split, block.lines)]
    tests = [words[words.index("pytest") + 1 :] for words in asked if "pytest" in words]
    assert tests == [["-n", "2", "--dist", "loadfile"], ["-m", "ollama"], ["-m", "gguf"]]
    assert {"ollama", "gguf"} <= markers
    written = "".join(file.read_text("utf-8") for file in (HOME / "tests").glob("*.py"))
    assert {name for words in asked for name in re.findall(r"(REBUTTAL_TEST_\w+)=", words[0])} <= {
        *re.findall(r"REBUTTAL_TEST_\w+", written)
    }


@runs(SCHEMA)
def test_the_interface_is_asked_at_length_with_files_that_are_there() -> None:
    serve, ask = (shlex.split(line.rstrip(" &")) for line in SCHEMA.lines)
    assert serve[1:3] == ["-m", "tests.api_app"]
    variables = dict(word.split("=") for word in ask[:2])
    hooks = HOME.joinpath(*variables["SCHEMATHESIS_HOOKS"].split(".")).with_suffix(".py")
    assert hooks.exists()
    config = HOME / ask[ask.index("--config-file") + 1]
    assert "${REBUTTAL_TEST_API_TOKEN}" in config.read_text("utf-8")
    assert "REBUTTAL_TEST_API_TOKEN" in variables
    helped = subprocess.run(
        [sys.executable, *ask[3:5], "run", "--help"], capture_output=True, encoding="utf-8"
    )
    assert helped.returncode == 0
    assert "-n" in helped.stdout


SHAPES = (
    r"^🦉 Philosopher  round 1 of 2  .*\d+ tokens · [\d.]+ s",
    r"^│ \w+",
    r"^── \w+ speaks · round \d of 2 · \d+:\d\d ─+$",
    r"^▶ \w+ +\S+ +~?\d+ tokens/s +█*░* +\d+%$",
    r"^  \w+ +\S+ +~?\d+ tokens/s +█*░* +\d+%$",
)
"""Lines of a live debate: what was said, how it stands, who speaks, who listens."""


@runs(LIVE)
def test_the_picture_of_a_live_debate_has_the_lines_that_one_has(tmp_path: Path) -> None:
    seen = Glass(80, 24)
    seats = ("--seat", "philosopher:Tea", "--seat", "cynic:Held", "--rounds", "2")
    seen.run("debate", "Tea or coffee?", *seats, data=tmp_path)
    shown = seen.until(lambda: re.search(SHAPES[3], seen.shown, re.M))
    seen.interrupt()
    seen.end()
    seen.close()
    for shape in SHAPES:
        assert re.search(shape, LIVE.text, re.M), shape
        assert re.search(shape, shown, re.M), shape

"""Where somebody sits who does what a page says: a fresh folder, no keys, the commands on the path.

What is called SmolLM2 at a ``desk`` is scripted and speaks at once (speaker.py); at a ``real_desk``
it is the built-in model, with short answers.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rebuttal.catalog import Catalog, load_catalog
from rebuttal.settings import HOME
from tests.built_in import BuiltIn
from tests.served import Served, serving
from tests.snippets import Block

KEYS = ("_API_KEY", "_TOKEN", "_KEY")
DOCUMENTED = "http://127.0.0.1:7860"
"""Where the pages say that Rebuttal listens."""
SHORT = 20
"""Tokens of an answer."""
SCRIPTED = """\
endpoints:
  Stage: {{address: "{address}", needs_key: false}}
models:
  SmolLM2: {{endpoint: Stage, model: small}}
"""


@dataclass
class Desk:
    """A folder, and the environment of what is started in it."""

    folder: Path
    env: dict[str, str]
    address: str = DOCUMENTED
    given: dict[str, str] = field(default_factory=dict)
    """What stands for the words in capitals, such as ID."""

    def sh(self, command: Block | str, *, code: int = 0, said: str = "") -> str:
        """Type it into a shell that ends at the first failure; what it printed.

        What it printed on stderr, where it shall end with a ``code``.
        """
        done = subprocess.run(
            ["sh", "-ec", self._filled(command)],
            cwd=self.folder,
            env=self.env,
            input=said,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )
        assert done.returncode == code, f"{command}: {done.stderr}"
        return done.stderr if code else done.stdout

    def python(self, program: Block | str) -> str:
        """Run a whole program; what it printed. It must end well and without a word on stderr."""
        file = self.write("program.py", program)
        done = subprocess.run(
            [sys.executable, str(file)],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )
        assert (done.returncode, done.stderr) == (0, ""), f"{program}: {done.stderr}"
        return done.stdout

    def write(self, name: str, what: Block | str) -> Path:
        """A file of that name in the folder."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self._filled(what), "utf-8")
        return file

    @contextmanager
    def serving(self, command: str) -> Iterator[Served]:
        """Start ``rebuttal serve ...``; what is typed meanwhile goes to where it listens."""
        program, *words = command.split()
        assert program == "rebuttal"
        command_line = ("-m", "rebuttal", *words)
        with serving(self.folder, *command_line, environment=self.env, within=self.folder) as there:
            self.address = there.address.rstrip("/")
            yield there
        self.address = DOCUMENTED

    def catalog(self, *files: Block | str) -> Catalog:
        """Write files that say in their first line what they are called; what is read of them.

        A persona's is called ``personas/NAME.yaml``, the models' ``models.yaml``; where a page has
        none of one kind, those of the checkout are there.
        """
        for file in files:
            text = file if isinstance(file, str) else file.text
            name = text.splitlines()[0].removeprefix("# ")
            assert name == "models.yaml" or name.startswith("personas/"), (
                f"{file!r}: which file is it?"
            )
            self.write(name, text)
        models, personas = (
            own if (own := self.folder / name).exists() else HOME / name
            for name in ("models.yaml", "personas")
        )
        return load_catalog(models, personas)

    def _filled(self, what: Block | str) -> str:
        text = what if isinstance(what, str) else what.text
        for word, value in self.given.items():
            text = re.sub(rf"\b{word}\b", value, text)
        return text.replace(DOCUMENTED, self.address)


def program(folder: Path, name: str, module: str) -> None:
    """A command that runs a module of this Python."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n', "utf-8")
    file.chmod(0o755)


def environment(folder: Path) -> dict[str, str]:
    """A machine without keys on which ``rebuttal``, ``llm`` and ``.venv/bin/python`` are."""
    program(folder / "bin", "rebuttal", "-m rebuttal")
    program(folder / "bin", "llm", "-m llm")
    program(folder / ".venv" / "bin", "python", "")
    env = {name: value for name, value in os.environ.items() if not name.endswith(KEYS)}
    return env | {
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(HOME),
        "REBUTTAL_DATA": str(folder / "data"),
        "LLM_USER_PATH": str(folder / "llm"),
        "COLUMNS": "80",
    }


def sit_down(folder: Path, catalog: str) -> Desk:
    """A desk in an empty folder, with these models."""
    (folder / "catalog.yaml").write_text(catalog, "utf-8")
    models = {"REBUTTAL_MODELS": str(folder / "catalog.yaml")}
    return Desk(folder, environment(folder) | models)


def brief() -> str:
    """The models of the checkout, the built-in one with short answers."""
    catalog = (HOME / "models.yaml").read_text("utf-8")
    short = catalog.replace("    max_tokens: 110\n", f"    max_tokens: {SHORT}\n", 1)
    assert short != catalog
    return short


@pytest.fixture
def desk(tmp_path: Path, speaker: str) -> Desk:
    """A desk of its own for a test, with a scripted model."""
    return sit_down(tmp_path, SCRIPTED.format(address=speaker))


@pytest.fixture
def real_desk(tmp_path: Path, built_in: BuiltIn) -> Desk:
    """A desk of its own for a test, with the built-in model."""
    return sit_down(tmp_path, brief())

"""The package as others install it: all that it needs is in the wheel, and it works from there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

import rebuttal
from rebuttal.catalog import load_catalog
from rebuttal.settings import HOME

KEPT_OUT = {"__pycache__"}
WEIGHTS = ("REBUTTAL_CACHE", "REBUTTAL_WEIGHTS")
"""Where tests find the built-in model's."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from this tree by the backend that pyproject.toml names."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=HOME, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip has put the wheel, far from the checkout; what it needs is there already."""
    target = tmp_path_factory.mktemp("installed")
    options = ("-q", "--no-deps", "--no-compile", "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target)]
    done = subprocess.run(
        [*command, str(wheel)], capture_output=True, encoding="utf-8", timeout=120
    )
    assert done.returncode == 0, done.stderr
    return target


def environment(installed: Path, folder: Path) -> dict[str, str]:
    """A machine on which nothing but the wheel is Rebuttal's, and nothing is set."""
    there = {
        name: value
        for name, value in os.environ.items()
        if name in WEIGHTS or not name.startswith("REBUTTAL_")
    }
    return there | {
        "PYTHONPATH": str(installed),
        "REBUTTAL_DATA": str(folder / "data"),
        "REBUTTAL_OFFLINE": "true",
        "COLUMNS": "100",
    }


def run(installed: Path, folder: Path, *words: str) -> str:
    """What the installed command prints."""
    program = next((installed / "bin").glob("rebuttal*"))
    done = subprocess.run(
        [program, *words],
        cwd=folder,
        env=environment(installed, folder),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def files(folder: Path, prefix: str = "") -> set[str]:
    """Every file below, by its path in there."""
    return {
        prefix + file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if file.is_file() and not KEPT_OUT & {*file.parts}
    }


def test_every_file_of_the_package_is_in_the_wheel_and_no_other(wheel: Path) -> None:
    expected = files(HOME / "rebuttal", "rebuttal/")
    expected |= {"rebuttal/models.yaml"} | files(HOME / "personas", "rebuttal/personas/")
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == expected
    assert {"rebuttal/py.typed", "rebuttal/ui/page.css", "rebuttal/web/shared.html"} <= names


def test_the_wheel_says_what_the_tree_says(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        said = HeaderParser().parsestr(archive.read(name).decode())
    assert said["Version"] == rebuttal.__version__
    assert said["Requires-Python"]
    needs = [line for line in said.get_all("Requires-Dist", []) if "extra ==" not in line]
    asked = (HOME / "requirements.txt").read_text("utf-8").splitlines()
    asked = [line for line in asked if line and not line.startswith("#")]
    assert len(needs) == len(asked)
    assert set(said.get_all("Provides-Extra", [])) == {"keyring", "mcp", "notebooks"}


def test_the_installed_command_lists_its_models_and_personas(
    installed: Path, tmp_path: Path
) -> None:
    assert "serve" in run(installed, tmp_path, "--help")
    catalog = load_catalog(HOME / "models.yaml", HOME / "personas")
    personas = run(installed, tmp_path, "personas")
    assert all(persona.name in personas for persona in catalog.personas.values())
    assert "SmolLM2" in run(installed, tmp_path, "models")
    code = "import rebuttal; print(rebuttal.__file__)"
    where = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(installed, tmp_path),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert Path(where.stdout.strip()).is_relative_to(installed)


@pytest.mark.usefixtures("built_in")
def test_the_installed_command_debates_and_finds_what_was_said(
    installed: Path, tmp_path: Path
) -> None:
    assert run(installed, tmp_path, "debate", "Is tea better?", "--rounds", "1").strip()
    assert "Is tea better?" in run(installed, tmp_path, "search", "tea")


@contextmanager
def served(installed: Path, folder: Path) -> Iterator[str]:
    """The address of the installed page."""
    program = next((installed / "bin").glob("rebuttal*"))
    env = environment(installed, folder) | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [program, "serve"], cwd=folder, env=env, stdout=subprocess.PIPE, encoding="utf-8"
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "http://" in line, line
        yield line.split("at ")[1].split()[0]
    finally:
        process.kill()
        process.communicate()


def test_the_installed_page_has_its_looks_and_scripts(installed: Path, tmp_path: Path) -> None:
    with served(installed, tmp_path) as address, httpx.Client(base_url=address) as client:
        page = client.get("/").text
    for name in ("page.css", "page.js"):
        text = (HOME / "rebuttal" / "ui" / name).read_text("utf-8")
        rule = next(line.strip() for line in text.splitlines() if len(line.strip()) > 30)
        assert rule[:30] in page or rule[:30].replace('"', '\\"') in page

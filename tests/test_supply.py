"""What a deployment installs: the lock fits the requirements, and licences are judged."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from rebuttal.settings import HOME

LOCK = (HOME / "requirements.lock").read_text("utf-8")
PYTHON = {"python_version": "3.12", "python_full_version": "3.12.0"}


def wanted(name: str) -> list[Requirement]:
    """The requirements of a file, and of those it includes."""
    found: list[Requirement] = []
    for line in (HOME / name).read_text("utf-8").splitlines():
        if line.startswith("-r "):
            found += wanted(line[3:])
        elif line and not line.startswith("#"):
            found.append(Requirement(line))
    return found


def locked(lock: str) -> dict[str, str]:
    """Versions by name. Raises AssertionError for a line without a hash."""
    versions: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", lock):
        if entry.startswith("#") or not entry.strip():
            continue
        pin = re.match(r"([\w.-]+)==(\S+)", entry)
        assert pin, f"not pinned: {entry[:60]!r}"
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), f"{pin[1]} has no hash"
        versions[canonicalize_name(pin[1])] = pin[2]
    return versions


def unmet(lock: str) -> list[str]:
    """Requirements that the lock does not fulfil."""
    versions = locked(lock)
    return [
        str(requirement)
        for requirement in wanted("requirements-server.txt")
        if not requirement.marker or requirement.marker.evaluate(PYTHON)
        if versions.get(canonicalize_name(requirement.name), "0") not in requirement.specifier
    ]


def test_the_lock_fulfils_the_requirements() -> None:
    assert unmet(LOCK) == [], "write it anew with: .ci/supply lock"


@pytest.mark.parametrize(
    ("there", "planted", "offence"),
    [
        (r"^gradio==6\.\S+", "gradio==5.0.0", "gradio"),
        (r"^psycopg==[^ ]+", "another==1.0", "psycopg"),
    ],
)
def test_a_lock_that_does_not_fit_is_found(there: str, planted: str, offence: str) -> None:
    changed, count = re.subn(there, planted, LOCK, flags=re.M)
    assert count == 1
    assert [line for line in unmet(changed) if line.startswith(offence)]


def test_a_line_without_a_hash_is_found() -> None:
    with pytest.raises(AssertionError, match="rich has no hash"):
        locked("rich==15.0.0\n")


def test_the_lock_names_no_place_that_it_comes_from() -> None:
    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links", LOCK) == []


def judged(tmp_path: Path, *packages: tuple[str, str]) -> tuple[int, str]:
    """What the judge of licences says, and its exit code."""
    listed = [{"Name": name, "License": licence} for name, licence in packages]
    file = tmp_path / "licences.json"
    file.write_text(json.dumps(listed), "utf-8")
    command = [sys.executable, str(HOME / ".ci" / "licences.py"), str(file)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("name", "licence", "may"),
    [
        ("gradio", "Apache Software License", True),
        ("click", "BSD-3-Clause", True),
        ("psycopg", "LGPL-3.0-only", True),
        ("psycopg", "GNU Lesser General Public License v3 (LGPLv3)", True),
        ("tqdm", "MPL-2.0 AND MIT", True),
        ("somelib", "LGPL-3.0-only", False),
        ("somelib", "MPL-2.0", False),
        ("somelib", "GPL-3.0-or-later", False),
        ("psycopg", "GPL-3.0-or-later AND LGPL-3.0-only", False),
        ("somelib", "GNU General Public License v2 (GPLv2)", False),
        ("somelib", "GNU Affero General Public License v3", False),
        ("somelib", "AGPL-3.0-only", False),
        ("somelib", "UNKNOWN", False),
        ("somelib", "", False),
    ],
)
def test_licences_are_judged(tmp_path: Path, name: str, licence: str, may: bool) -> None:
    code, said = judged(tmp_path, (name, licence), ("rich", "MIT"))
    assert code == (0 if may else 1)
    assert f"2 packages, {0 if may else 1} that may not be shipped" in said

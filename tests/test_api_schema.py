"""Every route of the description asked by schemathesis, with all its checks: nothing may fail."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.listening import ANN, served, token
from tests.stores import ROOT

ROOMY = [f"tokens_per_{who}=1000000000" for who in ("day", "visitor", "network")]
ROOMY += [f"requests_per_{who}=1000000" for who in ("visitor", "network")]
EXAMPLES, SEED = "2", "20261120"
"""Requests of a kind for each route. By hand: all phases in both, many more, and any seed."""


def ask(address: str, folder: Path, secret: str, phases: str) -> str:
    """What schemathesis says of the server there."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", str(ROOT / "tests" / "schemathesis.toml")),
            *("run", f"{address}api/v1/openapi.json", "--checks", "all", "--no-color"),
            *("--phases", phases, "--continue-on-failure"),
            *("-n", EXAMPLES, "--seed", SEED, "--no-shrink", "--generation-database", "none"),
        ],
        cwd=folder,
        env={
            **os.environ,
            "REBUTTAL_TEST_API_TOKEN": secret,
            "SCHEMATHESIS_HOOKS": "tests.schemathesis_hooks",
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        encoding="utf-8",
        timeout=200,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("profile", "phases"), [("local", "examples,fuzzing,stateful"), ("public", "examples,coverage")]
)
def test_all_that_is_described_is_true(tmp_path: Path, profile: str, phases: str) -> None:
    secret = token(tmp_path, ANN) if profile == "public" else "none"
    with served(tmp_path, f"profile={profile}", *ROOMY) as there:
        said = ask(there.address, tmp_path, secret, phases)
    asked = re.search(r"(\d+) generated, (\d+) passed", said)
    assert asked, said[-6000:]
    assert asked[1] == asked[2]
    assert int(asked[1]) > 200
    assert re.search(r"Selected: (\d+)/\1\n +Tested: \1\n", said), said[-3000:]
    assert "failures" not in said.splitlines()[-1]

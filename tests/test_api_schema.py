"""Every route of the description asked by schemathesis, with all its checks: nothing may fail."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.listening import ANN, served, token
from tests.stores import ROOT

ROOMY = [f"tokens_per_{who}=1000000000" for who in ("day", "visitor", "network")]
ROOMY += [f"requests_per_{who}=1000000" for who in ("visitor", "network")]
EXAMPLES, SEED = "2", "20261120"
"""Requests of a kind for each route. By hand: all phases in both, many more, and any seed."""


def ask(address: str, folder: Path, secret: str, *options: str) -> str:
    """What schemathesis says of the server there."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", str(ROOT / "tests" / "schemathesis.toml")),
            *("run", f"{address}api/v1/openapi.json", "--checks", "all", "--no-color"),
            *("--continue-on-failure", "--workers", "2", *options),
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


def test_all_that_is_described_is_true_of_a_public_server(tmp_path: Path) -> None:
    """Each field of each route, within its bounds and beyond them."""
    secret = token(tmp_path, ANN)
    with served(tmp_path, "profile=public", *ROOMY) as there:
        said = ask(there.address, tmp_path, secret, "--phases", "examples,coverage")
    check(said, 1500)
    assert re.search(r"Selected: (\d+)/\1\n +Tested: \1\n", said), said[-3000:]


def test_all_that_is_described_is_true_at_home(tmp_path: Path) -> None:
    """Generated requests, and orders one after the other that lead from one to the next."""
    phases = ("--phases", "examples,fuzzing,stateful", "--max-time", "15")
    with served(tmp_path) as there:
        said = ask(there.address, tmp_path, "none", *phases)
    check(said, 20)


def check(said: str, least: int) -> None:
    """So many requests were made, and nothing failed."""
    asked = re.search(r"(\d+) generated, (\d+) passed", said)
    assert asked, said[-6000:]
    assert asked[1] == asked[2]
    assert int(asked[1]) > least
    assert "failures" not in said.splitlines()[-1]

"""rebuttal budget, halt and go-on: typed beside a debate that runs in another process."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import date
from pathlib import Path

import pytest

from rebuttal.budget import Report
from rebuttal.cli.terminal import stdout
from rebuttal.cli.till import print_report
from rebuttal.providers.scripted import ScriptedModel
from rebuttal.stores.base import Cost, Figures
from tests.debates import watch_to_rest
from tests.paying import ANN, public_app, seats
from tests.test_budget import LINES
from tests.test_cli import Typing, typed
from tests.test_cli_process import running

__all__ = ["typed"]


def test_a_halt_typed_here_cuts_the_debate_of_another_process_within_three_seconds(
    tmp_path: Path, typed: Typing
) -> None:
    words = ("debate", "Tea?", "--seat", "cynic:Endless", "--json")
    with running(*words, data=tmp_path / "data") as process:
        assert process.stdout
        while json.loads(process.stdout.readline())["kind"] != "turn_delta":
            pass
        assert "go-on" in typed("halt", "--reason", "A bill came.").out
        began = time.perf_counter()
        out, _ = process.communicate(timeout=20)
        assert time.perf_counter() - began < 4
    last = json.loads(out.splitlines()[-1])
    assert last["kind"] == "debate_paused"
    assert "A bill came." in last["message"]
    refused = typed("debate", "Coffee?", "--seat", "cynic:Tea")
    assert refused.code == 1
    assert "A bill came." in refused.err
    assert "halted: A bill came." in typed("budget").out
    assert typed("go-on").code == 0
    assert typed("debate", "Coffee?", "--seat", "cynic:Tea", "--rounds", "1").code == 0
    assert "halted" not in typed("budget").out


def test_the_figures_stand_beside_the_limits_of_the_profile(tmp_path: Path, typed: Typing) -> None:
    async def spend() -> None:
        model = ScriptedModel(LINES)
        async with public_app(tmp_path / "data", model, tokens_per_visitor=10**6) as app:
            debate_id = await app.start("Cats?", seats("Scripted"), rounds=1, visitor=ANN)
            await watch_to_rest(app, debate_id)

    (tmp_path / "data").mkdir()
    asyncio.run(spend())
    lines = typed("budget", "--profile", "public").out.splitlines()
    assert lines[0].split() == [*lines[0].split()[:2], "Tokens", "USD"]
    visitors = next(line for line in lines if "visitors: 1" in line)
    assert "of 200,000" in visitors
    assert " of " not in next(
        line for line in typed("budget").out.splitlines() if "visitors: 1" in line
    ).replace("most of one", "")


def test_small_money_is_shown_with_its_parts_of_a_cent(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {"app": Figures(1, Cost(1234, 2_100_000), Cost(1234, 2_100_000))}
    limits = {"app": (5_000_000, 2_000_000_000), "visitor": (None, None), "network": (None, None)}
    report = Report(date(2026, 11, 20), "EUR", figures, limits, None)  # type: ignore[arg-type]
    print_report(report, "public", stdout())
    shown = capsys.readouterr().out
    assert "1,234 of 5,000,000" in shown
    assert "0.0021 of 2.00" in shown

"""The kill switch: one word stops every debate in every process."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from rebuttal.errors import BudgetSpent, InvalidInput, NotAllowed
from rebuttal.events import DebateFinished, DebatePaused
from rebuttal.providers.scripted import Line, ScriptedModel
from tests.debates import watch_to_rest
from tests.paying import ANN, EVE, public_app, seats

LINES = ["Cats nap through parliament.", "Sleep has never disqualified a senator."]


async def test_a_halt_cuts_every_debate_in_every_process_and_refuses_new_ones(
    tmp_path: Path,
) -> None:
    endless = ScriptedModel([Line("and so on ", next="again")], repeat=True, delay=0.02)
    async with (
        public_app(tmp_path, endless, running=1, running_per_visitor=None) as left,
        public_app(tmp_path, endless) as right,
        public_app(tmp_path) as operator,
    ):
        debates = [
            (left, await left.start("Cats?", seats("Scripted"), visitor=ANN)),
            (left, await left.start("In line?", seats("Scripted"), visitor=ANN)),
            (right, await right.start("Dogs?", seats("Scripted"), visitor=EVE)),
        ]
        await asyncio.sleep(1.5)
        assert endless.open == 2  # without a halt it would go on for ever
        began = time.perf_counter()
        await operator.halt("A bill came.")
        for app, debate_id in debates:
            last = (await watch_to_rest(app, debate_id))[-1]
            assert isinstance(last, DebatePaused)
            assert "A bill came." in last.message
        assert time.perf_counter() - began < 3
        assert endless.open == 0
        for app, debate_id in debates:
            with pytest.raises(BudgetSpent, match=r"A bill came\."):
                await app.start("More?", seats("Scripted"))
            with pytest.raises(BudgetSpent, match=r"A bill came\."):
                await app.resume(debate_id)
        assert len(await left.debates()) == 3
        assert (await operator.budget()).halted == "A bill came."
        await operator.go_on()
        app, debate_id = debates[0]
        await app.resume(debate_id, visitor=ANN)
        await asyncio.sleep(0.1)
        assert endless.open == 1
        assert (await app.transcript(debate_id))[1].finish == "stopped"


async def test_the_watchman_lives_only_while_debates_run(tmp_path: Path) -> None:
    def watchmen() -> list[str]:
        return [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "watchman"]

    async with public_app(tmp_path, ScriptedModel(LINES, delay=0.05)) as app:
        debate_id = await app.start("Cats?", seats("Scripted"), rounds=1, visitor=ANN)
        await asyncio.sleep(0.05)
        assert watchmen() == ["watchman"]
        assert isinstance((await watch_to_rest(app, debate_id))[-1], DebateFinished)
        await asyncio.sleep(1.2)
        assert watchmen() == []


async def test_halt_go_on_and_figures_are_the_operators(tmp_path: Path) -> None:
    async with public_app(tmp_path) as app:
        for call in (app.halt(visitor=ANN), app.go_on(visitor=ANN), app.budget(visitor=ANN)):
            with pytest.raises(NotAllowed):
                await call
        with pytest.raises(InvalidInput):
            await app.halt("x" * 501)
        assert (await app.budget()).halted is None

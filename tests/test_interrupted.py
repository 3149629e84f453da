"""A process that is killed in mid-debate, again and again: nothing that was finished is lost."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

from rebuttal.app import DebateApp
from rebuttal.records import Turn
from rebuttal.settings import load_settings
from tests.debates import watch_to_rest
from tests.terminal_app import chat_models

ROUNDS, KILLS = 10, 6
ROOT = Path(__file__).resolve().parent.parent


def run_and_kill(
    folder: Path, *command: str, known: set[str], after: int, wait: float
) -> tuple[str, list[str]]:
    """Run until ``after`` new turns were told, kill; the debate's id and the new turns' ids."""
    process = subprocess.Popen(
        (sys.executable, "-m", "tests.terminal_app", *command, "--json", "--data", str(folder)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    debate_id, told = "", []
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            debate_id = event.get("debate", debate_id)
            if event["kind"] == "turn_finished" and event["turn_id"] not in known:
                told.append(event["turn_id"])
            if len(told) >= after:
                break
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            process.kill()
    return debate_id, told


async def read(folder: Path, debate_id: str) -> tuple[str, tuple[Turn, ...]]:
    """State and transcript as the next process finds them."""
    async with DebateApp(load_settings(data=folder), chat_models=chat_models()) as app:
        return await app.state(debate_id), await app.transcript(debate_id)


async def test_a_killed_process_loses_no_finished_turn_and_the_next_goes_on(tmp_path: Path) -> None:
    chance = random.Random(7)
    seats = ("--seat", "rational:Tea", "--seat", "cynic:Coffee:1b", "--rounds", str(ROUNDS))
    command: tuple[str, ...] = ("debate", "Tea?", *seats)
    told: list[str] = []
    debate_id = ""
    for _ in range(KILLS):
        begun, more = run_and_kill(
            tmp_path,
            *command,
            known=set(told),
            after=chance.randint(1, 3),
            wait=chance.uniform(0, 0.15),
        )
        debate_id = debate_id or begun
        told += more
        state, turns = await read(tmp_path, debate_id)
        kept = {turn.id for turn in turns}
        assert set(told) <= kept
        assert state == "interrupted"
        command = ("resume", debate_id)
    async with DebateApp(load_settings(data=tmp_path), chat_models=chat_models()) as app:
        await app.resume(debate_id)
        await watch_to_rest(app, debate_id)
        speakers = [turn.speaker for turn in await app.transcript(debate_id)]
    assert speakers == ["user", *["seat1", "seat2"] * ROUNDS]

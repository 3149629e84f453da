"""Processes killed at random moments: what was acknowledged is there, and the trees are whole."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Self

from rebuttal.records import Turn
from rebuttal.stores.sql import SqlStore
from tests.running import start

ROUNDS, WRITERS = 9, 3


class Writer:
    """A process that keeps debates and turns and says so after each; its words are collected."""

    def __init__(self, address: str) -> None:
        self._process = start("-m", "tests.writer", address, environment=os.environ)
        self._said: list[str] = []
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout
        self._said.extend(self._process.stdout)

    def wait_for_words(self, within: float) -> None:
        end = time.monotonic() + within
        while not self._said and self._process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        assert self._said, "the process kept nothing"

    def kill(self) -> set[tuple[str, str]]:
        """End it in the middle of whatever it does; the debate and turn of every whole line."""
        assert self._process.poll() is None, "the process ended by itself"
        self.__exit__()
        whole = [line.split() for line in self._said if line.endswith("\n")]
        return {(debate, turn) for _, debate, turn in whole}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.kill()
        self._process.wait()
        self._listener.join()
        assert self._process.stdout
        self._process.stdout.close()


def faults(file: Path) -> list[object]:
    """What is wrong with the database as a whole; nothing, if all is well."""
    queries = (
        "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
        "SELECT * FROM pragma_foreign_key_check",
        "SELECT id FROM debates d WHERE NOT EXISTS"
        " (SELECT 1 FROM turns t WHERE t.debate_id = d.id AND t.id = d.tip)",
        "SELECT debate_id FROM turns GROUP BY debate_id HAVING sum(parent_id IS NULL) <> 1",
        "SELECT child.id FROM turns child JOIN turns parent ON parent.id = child.parent_id"
        " AND parent.debate_id = child.debate_id WHERE parent.seq >= child.seq",
    )
    with closing(sqlite3.connect(file)) as connection:
        return [row for query in queries for row in connection.execute(query)]


def is_line(turns: tuple[Turn, ...], tip: str) -> bool:
    """Whether each turn follows the one before, from the topic to the tip."""
    parents = [turn.parent_id for turn in turns]
    return parents == [None, *(turn.id for turn in turns[:-1])] and turns[-1].id == tip


async def check(address: str, kept: set[tuple[str, str]]) -> None:
    """Every acknowledged turn is in the tree of its debate, and every main line is one."""
    async with SqlStore.open(address) as store:
        for key in {debate for debate, _ in kept}:
            tree = {(key, turn.id) for turn in await store.get_tree(key)}
            assert {pair for pair in kept if pair[0] == key} <= tree
            assert is_line(await store.get_turns(key), (await store.get_debate(key)).tip)


def test_no_kill_loses_an_acknowledged_turn(tmp_path: Path) -> None:
    file = tmp_path / "debates.db"
    address = f"sqlite:///{file}"
    kept: set[tuple[str, str]] = set()
    for _ in range(ROUNDS):
        with ExitStack() as running:
            writers = [running.enter_context(Writer(address)) for _ in range(WRITERS)]
            for writer in writers:
                writer.wait_for_words(within=60)
            for writer in writers:
                time.sleep(random.uniform(0, 0.15))
                kept |= writer.kill()
        asyncio.run(check(address, kept))
        assert faults(file) == []
    print(f"{ROUNDS * WRITERS} kills, {len(kept)} acknowledged turns")
    assert len(kept) > ROUNDS * WRITERS

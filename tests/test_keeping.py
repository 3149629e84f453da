"""Backup and restore as docs/keeping.md has them, while debates are being written."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from rebuttal.errors import InvalidInput, NotAllowed, StoreError
from rebuttal.providers.scripted import ScriptedModel
from rebuttal.records import Search, Visitor
from rebuttal.stores.base import DebateStore
from rebuttal.stores.sql import SqlStore
from rebuttal.stores.sql_backup import back_up, restore
from tests.debates import scripted_app
from tests.desk import Desk
from tests.postgres import find_programs
from tests.snippets import blocks, runs
from tests.stores import a_turn, begin, ids, listed

PURGE, BACKUP, RESTORE, DUMP, LOAD, OUT_AND_IN = blocks("docs/keeping.md", "sh")


@asynccontextmanager
async def speaking(store: DebateStore) -> AsyncIterator[list[str]]:
    """Turns come one after the other; the list names those that are kept."""
    await begin(store)
    kept = ["t0"]

    async def speak() -> None:
        while True:
            turn = a_turn(f"t{len(kept)}", kept[-1], text=f"Word{len(kept)} " * 50)
            await store.add_turn("d", turn)
            kept.append(turn.id)
            if len(kept) == 5:
                begun.set()

    begun = asyncio.Event()
    task = asyncio.create_task(speak())
    await begun.wait()
    try:
        yield kept
    finally:
        task.cancel()
        await asyncio.wait([task])


async def whole(store: DebateStore, before: list[str], after: list[str]) -> None:
    """The store holds what was kept before, nothing that was not kept after, and finds it."""
    there = await ids(store)
    assert there[: len(before)] == before
    assert there == after[: len(there)]
    for word in ("Word1", f"Word{len(there) - 1}"):
        assert [debate.id for debate in await listed(store, text=word)] == ["d"]


async def test_a_backup_is_whole_while_a_debate_is_being_written(tmp_path: Path) -> None:
    file, copy = tmp_path / "debates.sqlite", tmp_path / "copy.sqlite"
    async with SqlStore.open(f"sqlite:///{file}") as store, speaking(store) as kept:
        for number in range(5):
            before = list(kept)
            copy = tmp_path / f"copy{number}.sqlite"
            await asyncio.to_thread(back_up, file, copy)
            after = [*kept, f"t{len(kept)}"]
            assert stat.S_IMODE(copy.stat().st_mode) == 0o600
            async with SqlStore.open(f"sqlite:///{copy}") as read:
                await whole(read, before, after)
        assert len(kept) > len(before)  # nobody had to wait
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".part")]


async def test_a_backup_is_one_file(tmp_path: Path) -> None:
    file, copy = tmp_path / "debates.sqlite", tmp_path / "copy"
    async with SqlStore.open(f"sqlite:///{file}") as store:
        await begin(store, turns=3)
        back_up(file, copy)
    with closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert opened.execute("SELECT count(*) FROM turns").fetchone() == (4,)
    assert sorted(os.listdir(tmp_path)) == ["copy", "debates.sqlite"]


async def test_a_restore_brings_back_what_was_and_keeps_what_is_beside(tmp_path: Path) -> None:
    file, copy = tmp_path / "debates.sqlite", tmp_path / "copy"
    async with SqlStore.open(f"sqlite:///{file}") as store:
        await begin(store, turns=3)
        back_up(file, copy)
        await begin(store, "later")
        await store.delete(["d"])
    assert restore(copy, file) == (1, "debates.sqlite.before")
    async with SqlStore.open(f"sqlite:///{file}") as store:
        assert [debate.id for debate in await listed(store, text="tabs")] == ["d"]
        assert len(await ids(store)) == 4
        await store.add_turn("d", a_turn("t4", "t3"))
    async with SqlStore.open(f"sqlite:///{file}.before") as store:
        assert [debate.id for debate in await listed(store)] == ["later"]
    shutil.rmtree(tmp_path / "new", ignore_errors=True)
    assert restore(copy, tmp_path / "new" / "debates.sqlite") == (1, "")


async def test_what_is_no_backup_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "debates.sqlite"
    async with SqlStore.open(f"sqlite:///{file}") as store:
        await begin(store, turns=200)
    back_up(file, tmp_path / "copy")
    kept = file.read_bytes()
    damaged = bytearray((tmp_path / "copy").read_bytes())
    damaged[40_960:81_920] = os.urandom(40_960)
    (tmp_path / "damaged").write_bytes(damaged)
    (tmp_path / "diary").write_text("Dear diary. " * 1000)
    with closing(sqlite3.connect(tmp_path / "other")) as other:
        other.execute("CREATE TABLE alembic_version (version_num TEXT)")
    with closing(sqlite3.connect(shutil.copy(tmp_path / "copy", tmp_path / "newer"))) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.commit()
    for name in ("damaged", "diary", "other", "newer", "missing"):
        with pytest.raises(InvalidInput, match=name):
            restore(tmp_path / name, file)
    assert file.read_bytes() == kept
    assert [name for name in os.listdir(tmp_path) if name.startswith("debates")] == [file.name]


async def test_a_backup_overwrites_nothing(tmp_path: Path) -> None:
    file = tmp_path / "debates.sqlite"
    with pytest.raises(StoreError, match=r"no debates\.sqlite"):
        back_up(file, tmp_path / "copy")
    async with SqlStore.open(f"sqlite:///{file}") as store:
        await begin(store)
    (tmp_path / "copy").write_text("precious")
    with pytest.raises(InvalidInput, match="copy"):
        back_up(file, tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "precious"
    with pytest.raises(StoreError, match="cannot be written"):
        back_up(file, tmp_path / "nowhere" / "copy")


async def test_backups_are_the_operators_and_of_files(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, ScriptedModel(["Yes."] * 9)) as app:
        await app.history.find(Search())
        await app.history.back_up(tmp_path / "copy")
        for call in (app.history.back_up, app.history.restore):
            with pytest.raises(NotAllowed):
                await call(tmp_path / "copy", visitor=Visitor(owner="c:eve"))
    address = "postgresql://somebody@127.0.0.1:9/debates"
    async with scripted_app(tmp_path, ScriptedModel(["Yes."]), database=address) as app:
        with pytest.raises(InvalidInput, match="database") as caught:
            await app.history.back_up(tmp_path / "other")
        assert "docs/keeping.md" in caught.value.hint


@runs(PURGE, BACKUP, RESTORE, OUT_AND_IN)
def test_the_commands_of_the_page_work_one_after_another(desk: Desk) -> None:
    begun = desk.sh('rebuttal debate "Is tea better than coffee?" --rounds 1 --json')
    desk.given["ID"] = json.loads(begun.splitlines()[0])["debate"]
    desk.sh(f"rebuttal export {desk.given['ID']} --to debate.json --format json")
    for block in (PURGE, BACKUP, RESTORE):
        desk.sh(block)
    assert (desk.folder / "debates-monday.sqlite").exists()
    assert (desk.folder / "data" / "debates.sqlite.before").exists()
    assert "Is tea better than coffee?" in desk.sh(OUT_AND_IN)
    assert desk.sh("rebuttal list").count("Is tea better than coffee?") == 3


@runs(DUMP, LOAD)
@pytest.mark.postgres
async def test_postgresqls_commands_work_as_they_are_written(
    empty_postgres: str, tmp_path: Path
) -> None:
    programs = find_programs()
    assert programs
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "REBUTTAL_DATABASE": empty_postgres}
    dump, *load = [line for block in (DUMP, LOAD) for line in block.lines]

    def run(command: str) -> None:
        subprocess.run(["sh", "-ec", command], check=True, cwd=tmp_path, env=environment)

    async with SqlStore.open(empty_postgres) as store, speaking(store) as kept:
        before = list(kept)
        await asyncio.to_thread(run, dump)
        after = [*kept, f"t{len(kept)}"]
    for command in load:
        await asyncio.to_thread(run, command)
    restored = f"{empty_postgres.rpartition('/')[0]}/debates_restored"
    async with SqlStore.open(restored) as store:
        await whole(store, before, after)
        await store.add_turn("d", a_turn("new", (await ids(store))[-1], text="Afterwards."))
        assert [debate.id for debate in await listed(store, text="afterwards word1")] == ["d"]

"""Disks and files that refuse: each a StoreError to act on, nothing lost, and then it goes on."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from rebuttal.errors import InvalidInput, StoreError
from rebuttal.stores.sql import SqlStore
from tests.refusals import goes_on, refused, spoken_well
from tests.stores import ROOT, a_turn, begin, ids


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "debates.db"


def at(file: Path) -> str:
    return f"sqlite:///{file}"


def sound(file: Path) -> bool:
    with closing(sqlite3.connect(file)) as connection:
        checks = ("integrity_check", "foreign_key_check")
        return [connection.execute(f"PRAGMA {c}").fetchall() for c in checks] == [[("ok",)], []]


# The disk


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may grow beyond ``size`` bytes."""
    resource = pytest.importorskip("resource", reason="needs a limit on the size of files")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_disk_that_takes_no_more_is_said_and_survived(file: Path) -> None:
    async with SqlStore.open(at(file)) as store:
        await begin(store, turns=2)
        with largest_file(512 * 1024):
            error = await refused(store, text="x" * 2_000_000)
        assert "debates.db: the disk" in error.message
        assert "space" in error.hint
        await goes_on(store, ["t0", "t1", "t2"])
    assert sound(file)


FILL_A_SMALL_DISK = """
import asyncio, os, sys
from rebuttal.errors import StoreError
from rebuttal.stores.sql import SqlStore
from tests.stores import a_turn, begin, ids

async def main() -> None:
    ballast = os.path.join(sys.argv[1], "ballast")
    with open(ballast, "wb") as file:
        file.write(bytes(200_000))
    async with SqlStore.open(f"sqlite:///{sys.argv[1]}/debates.db") as store:
        await begin(store)
        kept = ["t0"]
        try:
            while len(kept) < 500:
                await store.add_turn("d", a_turn(f"t{len(kept)}", kept[-1], text="x" * 5000))
                kept.append(f"t{len(kept)}")
        except StoreError as error:
            print(len(kept) > 3, error)
        print(await ids(store) == kept)
        os.unlink(ballast)
        await store.add_turn("d", a_turn("after", kept[-1]))
        print(await ids(store) == [*kept, "after"])

asyncio.run(main())
"""


def test_a_full_disk_is_said_and_survived(tmp_path: Path) -> None:
    disk = "mount -t tmpfs -o size=700k tmpfs"
    alone = ["unshare", "-rm", "sh", "-c"]
    if (
        not shutil.which("unshare")
        or subprocess.run(
            [*alone, f'{disk} "$0"', tmp_path], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("needs unshare and the right to mount a small disk of its own")
    program = [sys.executable, "-c", FILL_A_SMALL_DISK, str(tmp_path)]
    done = subprocess.run(
        [*alone, f'{disk} "$3" && exec "$0" "$@"', *program],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    said = done.stdout.splitlines()
    assert said == [
        "True debates.db: the disk is full.   Free some space and try again. "
        "What was kept before is safe.",
        "True",
        "True",
    ], done.stderr


READ_ONLY = """
import asyncio, os, sys
from rebuttal.errors import RebuttalError
from rebuttal.stores.sql import SqlStore
from tests.stores import begin

async def main() -> None:
    async with SqlStore.open(sys.argv[1]) as store:
        await begin(store, sys.argv[2])

try:
    asyncio.run(main())
    print("kept")
except RebuttalError as error:
    print(f"{type(error).__name__}|{error.message}|{error.hint}")
"""


def as_a_mortal(address: str, key: str) -> list[str]:
    """What a process says that keeps a debate and that permissions bind, root or not."""
    mortal: list[str] = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root may write anywhere, and setpriv is not there to take that away")
        mortal = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    done = subprocess.run(
        [*mortal, sys.executable, "-c", READ_ONLY, address, key],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return done.stdout.strip().split("|")


needs_permissions = pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")


@needs_permissions
def test_a_read_only_file_is_said_and_nothing_is_lost(file: Path) -> None:
    assert as_a_mortal(at(file), "first") == ["kept"]
    file.chmod(0o400)
    kind, message, hint = as_a_mortal(at(file), "second")
    assert (kind, message) == ("StoreError", "debates.db: the file or its folder is read-only.")
    assert "Allow writing" in hint
    file.chmod(0o600)
    assert as_a_mortal(at(file), "third") == ["kept"]
    assert sound(file)


@needs_permissions
def test_a_read_only_folder_is_said_and_nothing_is_lost(file: Path) -> None:
    file.parent.chmod(0o500)
    kind, message, hint = as_a_mortal(at(file), "first")
    assert (kind, message) == ("StoreError", "debates.db: cannot be created: Permission denied.")
    assert "--data" in hint
    file.parent.chmod(0o700)
    assert as_a_mortal(at(file), "second") == ["kept"]
    file.parent.chmod(0o500)
    kind, message, hint = as_a_mortal(at(file), "third")
    assert (kind, message) == ("StoreError", "debates.db: the file or its folder is read-only.")
    file.parent.chmod(0o700)
    assert as_a_mortal(at(file), "fourth") == ["kept"]


@needs_permissions
async def test_the_file_and_its_folder_are_for_their_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "debates.db"
    before = os.umask(0)
    try:
        async with SqlStore.open(at(file)) as store:
            await begin(store)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"debates.db": 0o600, "debates.db-wal": 0o600, "debates.db-shm": 0o600}
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreError, match=r"^debates\.db: cannot be created: Not a directory\."):
        SqlStore.open(at(tmp_path / "taken" / "debates.db"))
    with pytest.raises(StoreError) as caught:
        SqlStore.open(at(tmp_path))
    spoken_well(caught.value)


# The file


async def test_a_locked_database_is_waited_for_then_said_then_goes_on(file: Path) -> None:
    async with SqlStore.open(at(file)) as store:
        await begin(store, turns=1)
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            writing = asyncio.create_task(refused(store))
            await asyncio.sleep(0.3)
            assert await ids(store) == ["t0", "t1"]  # reading goes on
            assert not writing.done()
            error = await writing
            assert error.message == "debates.db: another program keeps it locked."
            other.execute("ROLLBACK")
        await goes_on(store, ["t0", "t1"])


async def test_a_short_lock_is_only_a_wait(file: Path) -> None:
    async with SqlStore.open(at(file)) as store:
        await begin(store)
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            writing = asyncio.create_task(store.add_turn("d", a_turn("t1", "t0")))
            await asyncio.sleep(0.2)
            other.execute("COMMIT")
            await writing
        assert await ids(store) == ["t0", "t1"]


def test_a_file_that_is_no_database_is_said_and_left_alone(file: Path) -> None:
    file.write_bytes(b"My diary. " * 1000)
    with pytest.raises(StoreError, match="not an SQLite database") as caught:
        SqlStore.open(at(file))
    spoken_well(caught.value)
    assert file.read_bytes() == b"My diary. " * 1000


async def test_a_damaged_file_is_said_and_a_backup_in_its_place_goes_on(file: Path) -> None:
    async with SqlStore.open(at(file)) as store:
        await begin(store, turns=60)
    backup = shutil.copy(file, file.with_name("backup"))
    async with SqlStore.open(at(file)) as store:
        damage(file)
        with pytest.raises(StoreError, match="damaged") as caught:
            await store.get_turns("d")
        spoken_well(caught.value)
        os.replace(backup, file)
        await goes_on(store, [f"t{number}" for number in range(61)])
    assert sound(file)


def damage(file: Path) -> None:
    """Noise in place of everything but the schema."""
    schema = 10 * 4096
    with file.open("r+b") as opened:
        opened.seek(schema)
        opened.write(os.urandom(file.stat().st_size - schema))


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps an open file where it is")
async def test_a_file_taken_away_is_said_and_goes_on_when_it_is_back(file: Path) -> None:
    async with SqlStore.open(at(file)) as store:
        await begin(store, turns=1)
        away = file.parent / "elsewhere"
        away.mkdir()
        for part in file.parent.glob("debates.db*"):
            part.rename(away / part.name)
        with pytest.raises(StoreError, match="cannot be opened") as caught:
            await store.add_turn("d", a_turn("lost", "t1"))
        spoken_well(caught.value)
        assert list(file.parent.glob("debates.db*")) == []
        for part in away.iterdir():
            part.rename(file.parent / part.name)
        await goes_on(store, ["t0", "t1"])
    assert sound(file)


async def test_a_row_that_was_tampered_with_is_said(file: Path) -> None:
    async with SqlStore.open(at(file)) as store:
        await begin(store, "d")
        await begin(store, "e")
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("UPDATE debates SET debaters = '[{' WHERE id = 'd'")
            other.execute("UPDATE turns SET created_at = 'noon' WHERE debate_id = 'd'")
        for call in (store.get_debate("d"), store.get_turns("d")):
            with pytest.raises(StoreError, match="cannot be read") as caught:
                await call
            spoken_well(caught.value)
        await goes_on(store, ["t0"], "e")


def test_a_database_of_a_newer_version_is_said_and_left_alone(file: Path) -> None:
    asyncio.run(SqlStore.open(at(file)).close())
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="newer version") as caught:
        SqlStore.open(at(file))
    assert spoken_well(caught.value).hint == "Update Rebuttal."


def test_a_migration_that_fails_leaves_nothing_behind(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("CREATE TABLE turns (somebody TEXT)")
    with pytest.raises(StoreError, match="turns already exists") as caught:
        SqlStore.open(at(file))
    spoken_well(caught.value)
    with closing(sqlite3.connect(file)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("turns",)]
        other.execute("DROP TABLE turns")
    asyncio.run(SqlStore.open(at(file)).close())


# The address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "debates.db",
        "mysql://rebuttal:open-sesame-4711@localhost/x",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///a\0b",
        "postgresql://rebuttal:open-sesame-4711@localhost:port/x",
        "postgresql://rebuttal:open-sesame-4711@localhost:99999999/x",
        "postgresql://rebuttal:open-sesame-4711@home@localhost/x",
        "postgresql://rebuttal:12/open@sesame-4711@localhost/x",
        "postgresql://rebuttal:open-sesame-4711@[::1/x",
    ],
)
def test_an_address_that_cannot_be_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        SqlStore.open(address)
    error: BaseException | None = caught.value
    assert caught.value.hint
    while error:
        assert "sesame" not in str(error)
        error = None if error.__suppress_context__ else error.__cause__ or error.__context__


@pytest.mark.parametrize("name", ["with space.db", "50%.db", "a?b#c.db", "ünï☃.db", "a+b&c=d.db"])
async def test_any_name_of_a_file_is_that_file(tmp_path: Path, name: str) -> None:
    async with SqlStore.open(at(tmp_path / name)) as store:
        await begin(store)
    assert os.listdir(tmp_path) == [name]


async def test_a_relative_file_stays_the_same_when_the_folder_changes(tmp_path: Path) -> None:
    before = Path.cwd()
    try:
        os.chdir(tmp_path)
        store = SqlStore.open("sqlite:///here.db")
        os.chdir(before)
        await begin(store)
        await store.close()
    finally:
        os.chdir(before)
    assert (tmp_path / "here.db").exists()


def test_without_psycopg_the_error_names_the_package_to_install() -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from rebuttal.stores.sql import SqlStore\n"
        "from rebuttal.errors import StoreError\n"
        "try: SqlStore.open('postgresql://u:open-sesame-4711@localhost/x')\n"
        "except StoreError as error: print(error.message, '|', error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "psycopg, which is not installed" in done.stdout
    assert 'pip install "psycopg[binary]' in done.stdout

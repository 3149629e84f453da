"""The file of users and the commands that write it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import pytest
from argon2 import PasswordHasher

from rebuttal.errors import InvalidInput, NotFound
from rebuttal.settings import HOME
from rebuttal.users import HASHER, Users

PASSWORD = "correct horse battery"


@pytest.fixture
def users(tmp_path: Path) -> Users:
    there = Users(tmp_path / "users")
    there.put("anna", PASSWORD)
    return there


def test_a_user_is_known_by_name_and_password_alone(users: Users) -> None:
    assert users.check("anna", PASSWORD)
    for name, password in [
        ("anna", PASSWORD + " "),
        ("anna", ""),
        ("anna", "\ud83d\x00"),
        ("Anna", PASSWORD),
        ("bob", PASSWORD),
        ("", ""),
        ("anna:", PASSWORD),
    ]:
        assert not users.check(name, password), (name, password)


def test_the_file_tells_no_password_and_is_its_owners_alone(users: Users) -> None:
    users.put("bob", PASSWORD)
    text = users.file.read_text()
    assert PASSWORD not in text
    anna, bob = text.splitlines()
    assert anna.startswith("anna:$argon2id$")
    assert anna.partition(":")[2] != bob.partition(":")[2]
    if os.name != "nt":
        assert stat.S_IMODE(users.file.stat().st_mode) == 0o600


def test_a_password_typed_with_other_keys_is_the_same(users: Users) -> None:
    users.put("jürgen", "Schlüsselbund")
    assert users.check("jürgen", "Schlu\u0308sselbund")


def test_a_change_is_seen_by_who_has_read_the_file_before(users: Users) -> None:
    elsewhere = Users(users.file)
    first = users.mark("anna")
    assert first is not None
    assert not elsewhere.put("anna", PASSWORD + "!")
    assert users.mark("anna") not in (first, None)
    assert not users.check("anna", PASSWORD)
    elsewhere.remove("anna")
    assert users.mark("anna") is None
    assert not users.check("anna", PASSWORD + "!")
    with pytest.raises(NotFound, match="'anna'"):
        elsewhere.remove("anna")


def test_a_file_that_is_away_or_damaged_lets_nobody_in(users: Users) -> None:
    kept = users.file.read_bytes()
    for data in (b"anna:plain\n", b"anna\n", b"\xff\n", kept + b"eve:\n", kept + b":$argon2id$\n"):
        users.file.write_bytes(data)
        assert not users.check("anna", PASSWORD)
        assert users.mark("anna") is None
        with pytest.raises(InvalidInput, match="users") as caught:
            users.names()
        assert str(users.file.parent) not in str(caught.value)
    users.file.unlink()
    assert users.mark("anna") is None
    with pytest.raises(InvalidInput, match="No such file"):
        users.names()
    users.file.write_bytes(kept)
    assert users.check("anna", PASSWORD)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\n", "a/b", "x" * 41, "<b>", "\u202eanna"])
def test_a_name_that_could_be_misread_is_refused(users: Users, name: str) -> None:
    with pytest.raises(InvalidInput, match="no name"):
        users.put(name, PASSWORD)
    assert users.names() == ["anna"]


@pytest.mark.parametrize("password", ["", "short77", "x" * 501])
def test_a_short_or_endless_password_is_refused(users: Users, password: str) -> None:
    with pytest.raises(InvalidInput, match=r"8 to 500"):
        users.put("bob", password)


def test_a_hash_of_other_costs_is_made_anew_at_the_next_sign_in(users: Users) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    users.file.write_text(f"anna:{old}\n")
    assert users.check("anna", PASSWORD)
    kept = users.file.read_text().strip().partition(":")[2]
    assert kept != old
    assert not HASHER.check_needs_rehash(kept)
    assert users.check("anna", PASSWORD)


def test_writers_at_once_lose_nobody(users: Users) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: Users(users.file).put(f"user{n}", PASSWORD), range(8)))
    assert sorted(users.names()) == ["anna", *(f"user{n}" for n in range(8))]


def test_an_unknown_name_takes_as_long_as_a_wrong_password(users: Users) -> None:
    def seconds(name: str) -> float:
        begun = time.perf_counter()
        users.check(name, "wrong password")
        return time.perf_counter() - begun

    pairs = [(seconds("anna"), seconds("nobody")) for _ in range(15)]
    known, unknown = (median(times) for times in zip(*pairs, strict=True))
    assert 0.6 < unknown / known < 1.6, f"{known:.4f} {unknown:.4f}"


def rebuttal(file: Path | None, *words: str, typed: str = "") -> tuple[int, str, str]:
    """Exit code, stdout and stderr of ``rebuttal user``; ``typed`` comes through a pipe."""
    option = ["--auth", str(file)] if file else []
    command = [sys.executable, "-m", "rebuttal", "user", *words, *option]
    done = subprocess.run(
        command, cwd=HOME, input=typed, capture_output=True, encoding="utf-8", timeout=30
    )
    return done.returncode, done.stdout, done.stderr


def test_users_are_added_listed_and_removed_by_commands(tmp_path: Path) -> None:
    file = tmp_path / "users"
    added = rebuttal(file, "add", "anna", typed=f"{PASSWORD}\n")
    assert added == (0, "anna may sign in now.\n", "")
    assert Users(file).check("anna", PASSWORD)
    assert rebuttal(file, "list") == (0, "anna\n", "")
    code, out, _ = rebuttal(file, "add", "anna", typed="another password")
    assert (code, "another password" in out) == (0, True)
    assert Users(file).check("anna", "another password")
    assert rebuttal(file, "remove", "anna")[0] == 0
    assert Users(file).names() == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "anna"], "0 characters"),
        (["add", "a b"], "no name"),
        (["list"], "No such file"),
        (["remove", "anna"], "no user 'anna'"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, words: list[str], said: str) -> None:
    code, out, err = rebuttal(tmp_path / "users", *words)
    assert (code, out) == (1, "")
    assert said in err
    assert "Traceback" not in err


def test_without_a_file_the_command_asks_for_one() -> None:
    code, _, err = rebuttal(None, "list")
    assert code == 1
    assert "--auth FILE" in err


def test_a_password_is_no_argument(tmp_path: Path) -> None:
    code, _, err = rebuttal(tmp_path / "users", "add", "anna", PASSWORD)
    assert code == 1
    assert "unexpected extra argument" in err
    assert not (tmp_path / "users").exists()


@pytest.mark.skipif(os.name == "nt", reason="needs a Unix terminal")
@pytest.mark.parametrize(("second", "code"), [(PASSWORD, 0), ("something else", 1)])
def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(
    tmp_path: Path, second: str, code: int
) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "rebuttal", "user", "add", "anna"]
    process = subprocess.Popen(
        [*command, "--auth", str(tmp_path / "users")],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=HOME,
        start_new_session=True,
    )
    os.close(theirs)
    shown = read_until(ours, b"Password for anna: ")
    os.write(ours, f"{PASSWORD}\n".encode())
    shown += read_until(ours, b"again: ")
    os.write(ours, f"{second}\n".encode())
    assert process.wait(20) == code
    shown += read_until(ours, b"may sign in" if code == 0 else b"different")
    os.close(ours)
    assert PASSWORD.encode() not in shown
    assert (tmp_path / "users").exists() == (code == 0)


def read_until(terminal: int, text: bytes) -> bytes:
    """What a terminal shows up to ``text``."""
    shown = b""
    while text not in shown:
        shown += os.read(terminal, 4096)
    return shown

"""Keys stay out of logs and tracebacks, and come from the places they may come from."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backends import fail, null
from keyrings.alt.file import PlaintextKeyring

from rebuttal.material import redact
from rebuttal.redaction import Redaction, install, learn
from rebuttal.settings import KEYRING, known_secrets, read_key

KEY = "opensesame-Ab12Cd34"
VARIABLE = "REBUTTAL_TEST_HIDDEN_KEY"


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What a handler writes that knows nothing of keys."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    # A server that ran in this process before keeps its access log from the root, or still.
    loggers = logging.getLogger(), logging.getLogger("uvicorn.access")
    level = loggers[1].level
    loggers[1].setLevel(logging.INFO)
    for logger in loggers:
        logger.addHandler(handler)
    yield written
    loggers[1].setLevel(level)
    for logger in loggers:
        logger.removeHandler(handler)


@pytest.fixture
def redaction() -> Iterator[Redaction]:
    """Redacts this process while the test runs."""
    make, stderr = logging.getLogRecordFactory(), sys.stderr
    yield install([KEY])
    logging.setLogRecordFactory(make)
    sys.stderr = stderr


def leak_everywhere() -> None:
    """Log the key in each way that a library might."""
    logger = logging.getLogger("some.library")
    logger.error("the key is " + KEY)
    logger.error("the key is %s", KEY)
    logger.error("%(said)s", {"said": f"<{KEY}>"})
    logger.error(
        "HTTP Request: GET %s", type("Url", (), {"__str__": lambda _: f"http://u:{KEY}@h/"})()
    )
    logger.error("in two halves: opensesame%s", "-Ab12Cd34")
    logger.error("Bearer %s", "Zz99Yy88Xx77")
    logger.error("header %s", {"authorization": "Bearer Zz99Yy88Xx77", "x-api-key": "Zz99Yy88Xx77"})
    logger.error("header %s", [(b"x-api-key", b"Zz99Yy88Xx77")])
    logger.error("a question /v1?key=Zz99Yy88Xx77&x=1")
    logger.error("stack", stack_info=True)
    try:
        raise ValueError(f"refused {KEY}")
    except ValueError:
        logger.exception("it broke")
    logging.getLogger("uvicorn.access").error(
        '%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", "GET", f"/?key={KEY}", "1.1", 200
    )


def test_without_redaction_the_keys_are_in_the_log(log: StringIO) -> None:
    leak_everywhere()
    assert log.getvalue().count(KEY) >= 6
    assert log.getvalue().count("Zz99Yy88Xx77") >= 4


def test_no_key_is_in_the_log(log: StringIO, redaction: Redaction) -> None:
    leak_everywhere()
    assert KEY not in log.getvalue()
    assert "Zz99Yy88Xx77" not in log.getvalue()
    assert log.getvalue().count("[key]") >= 12
    assert "Traceback" in log.getvalue()
    assert 'GET /?key=[key] HTTP/1.1" 200' in log.getvalue()


def test_a_key_in_an_address_is_known_in_its_other_spelling(redaction: Redaction) -> None:
    redaction.learn(["p@ss/wörd+1"])
    assert "w%C3%B6rd" not in redaction.redact("postgresql://u:p%40ss%2Fw%C3%B6rd%2B1@h/db")


def test_a_record_that_cannot_be_formatted_is_left_to_its_handler(redaction: Redaction) -> None:
    record = redaction("x", logging.ERROR, "f", 1, "%d %d", ("one",), None)
    assert record.args == ("one",)


def test_installing_twice_is_once(redaction: Redaction) -> None:
    stderr = sys.stderr
    assert install(["another-key"]) is redaction
    assert sys.stderr is stderr
    learn("third-key-here", "", "short")
    assert redaction.redact("another-key third-key-here short") == "[key] [key] short"


@pytest.mark.parametrize(
    "leak",
    [
        "sk-ant-api03-Ab12Cd34Ef56",
        "sk-or-v1-Ab12Cd34Ef56",
        "github_pat_Ab12Cd34Ef56",
        "AKIAAB12CD34EF56GH78",
        "eyJhbGciOiJIUzI1NiJ9.eyJAb12Cd34Ef56.Ab12Cd34Ef56",
        "x-api-key: Ab12Cd34Ef56",
        "{'x-api-key': 'Ab12Cd34Ef56'}",
        '{"client_secret": "Ab12Cd34Ef56"}',
    ],
)
def test_further_shapes_of_keys(leak: str) -> None:
    assert "[key]" in redact(leak)
    assert "Ab12Cd34Ef56" not in redact(leak)


PROGRAM = f"""
import asyncio, logging, os, sys, threading, traceback
from rebuttal.redaction import install
from rebuttal.settings import known_secrets
if sys.argv[1] == "on":
    install(known_secrets())
key = os.environ["{VARIABLE}"]
def bad(*_): raise RuntimeError("refused " + key)
class Bad:
    __del__ = bad
thread = threading.Thread(target=bad)
thread.start()
thread.join()
async def loop():
    asyncio.get_running_loop().call_soon(bad)
    await asyncio.sleep(0.01)
asyncio.run(loop())
Bad()
try:
    bad()
except RuntimeError:
    traceback.print_exc()
print("on stderr", key, file=sys.stderr)
logging.getLogger("x").warning("logged %s", key)
bad()
"""


@pytest.mark.parametrize(("redaction", "shown"), [("off", KEY), ("on", "[key]")])
def test_whatever_a_process_prints_on_stderr_is_redacted(
    tmp_path: Path, redaction: str, shown: str
) -> None:
    environment = {"PYTHONPATH": str(Path(__file__).parent.parent), VARIABLE: KEY}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, redaction],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 5
    assert done.stderr.count(f"refused {shown}") == 5
    assert f"on stderr {shown}" in done.stderr
    assert f"logged {shown}" in done.stderr


# --- where keys come from -------------------------------------------------------------------------


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Any]:
    """A keyring of files, in the place of the system's."""
    before, files = keyring.get_keyring(), PlaintextKeyring()
    files.file_path = str(tmp_path / "ring.cfg")
    keyring.set_keyring(files)
    yield files
    keyring.set_keyring(before)


def test_a_key_comes_from_the_environment_else_dotenv_else_the_keyring(
    ring: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redaction: Redaction
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_key(VARIABLE) is None
    keyring.set_password(KEYRING, VARIABLE, " from-the-ring\n")
    assert read_key(VARIABLE) == "from-the-ring"
    (tmp_path / ".env").write_text(f"{VARIABLE}=from-dotenv\n")
    assert read_key(VARIABLE) == "from-dotenv"
    monkeypatch.setenv(VARIABLE, "from-environment")
    assert read_key(VARIABLE) == "from-environment"
    said = "from-the-ring from-dotenv from-environment"
    assert redaction.redact(said) == "[key] [key] [key]"


@pytest.mark.parametrize("missing", [fail.Keyring, null.Keyring])
def test_without_a_keyring_there_is_no_key_and_no_error(
    ring: Any, missing: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    keyring.set_keyring(missing())
    assert read_key(VARIABLE) is None


def test_secrets_are_known_by_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("MY_API_KEY=from-dotenv\nPLAIN=word\n")
    monkeypatch.setenv("REBUTTAL_DATABASE", "postgresql://u:p4ssw0rd@host/db")
    monkeypatch.setenv("REBUTTAL_SECRET", "s" * 40)
    assert {"from-dotenv", "p4ssw0rd", "s" * 40} <= {*known_secrets()}
    assert "word" not in known_secrets()
    (tmp_path / ".env").write_bytes(b"\xff")
    assert "p4ssw0rd" in known_secrets()


@pytest.mark.parametrize(
    "said",
    [
        "http://localhost:7860/shared#{}",
        "see /shared#{} for it",
        "GET /?debate=abc&sid={} HTTP/1.1",
        "https://debates.example/?sid={}",
    ],
)
def test_an_address_that_opens_something_is_told_without_what_opens_it(
    redaction: Redaction, said: str
) -> None:
    secret = "Ab1-" * 10 + "_-x"
    assert redaction.redact(said.format(secret)) == said.format("[key]")
    assert redaction.redact("/shared#head, reside=nothing-of-importance-at-all") == (
        "/shared#head, reside=nothing-of-importance-at-all"
    )

"""The port of the page: the usual one, the next free one, or the one that was asked for."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from rebuttal.errors import InvalidInput
from rebuttal.serving import FIRST_PORT, free_port, house_addresses

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"


def serve(folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (sys.executable, "debate_app.py", "--data", str(folder), *options),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "REBUTTAL_PORT"}
        | {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "intranet.example"},
    )


def test_a_taken_port_is_passed_over_and_an_asked_one_is_refused() -> None:
    with socket.create_server((HOST, free_port(HOST, None))) as taken:
        port = taken.getsockname()[1]
        assert free_port(HOST, None) > port
        with pytest.raises(InvalidInput, match=f"Port {port} is taken"):
            free_port(HOST, port)


def test_an_asked_port_that_is_taken_ends_at_once_in_words(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with serve(tmp_path, "--port", str(port)) as process:
            out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"Port {port} is taken." in err
    assert "Traceback" not in out + err


def test_others_of_the_network_are_told_an_address_that_is_not_this_machine_for_itself() -> None:
    named, *numbered = house_addresses(7860)
    assert named == f"http://{socket.gethostname()}:7860/"
    assert all(address.endswith(":7860/") and "127.0.0.1" not in address for address in numbered)


@pytest.mark.skipif(sys.platform == "win32", reason="ends the page with SIGINT")
def test_the_next_free_port_is_taken_and_said(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with suppress(OSError):  # somebody else may hold it already, which does as well
            stack.enter_context(socket.create_server((HOST, FIRST_PORT)))
        process = stack.enter_context(serve(tmp_path))
        stack.callback(process.kill)
        assert process.stdout is not None
        said = process.stdout.readline()
        address = said.split()[3]
        with urllib.request.urlopen(address, timeout=30) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert f"(port {FIRST_PORT} is taken; " in said
    assert f":{FIRST_PORT}/" not in address
    assert process.returncode in (0, 130)

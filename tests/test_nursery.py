"""A process that starts the quick way is as one that starts the long way."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.running import start

LONG_WAY = {"PYTHONHASHSEED": "1"}
"""Read when Python starts, so that the nursery cannot give it."""


@pytest.mark.parametrize("more", [{}, LONG_WAY])
def test_words_folder_environment_and_exit_status_are_its_own(
    tmp_path: Path, more: dict[str, str]
) -> None:
    (tmp_path / "told.py").write_text(
        "import os, sys\n"
        "print(sys.argv[1:], os.getcwd(), os.environ['TOLD'], __name__)\n"
        "sys.exit(3)\n"
    )
    process = start(
        "-m", "told", "a b", environment={**os.environ, "TOLD": "so", **more}, folder=tmp_path
    )
    assert process.stdout
    with process.stdout as told:
        assert told.read() == f"['a b'] {tmp_path} so __main__\n"
    assert process.wait(20) == 3


@pytest.mark.parametrize("more", [{}, LONG_WAY])
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_by_a_signal_as_any_other(more: dict[str, str], sent: signal.Signals) -> None:
    command = ("-m", "http.server", "0", "--bind", "127.0.0.1")
    process = start(*command, environment={**os.environ, "PYTHONUNBUFFERED": "1", **more})
    assert process.stdout
    with process.stdout as told:
        told.readline()
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.send_signal(sent)
        assert process.wait(20) == -sent == process.poll()

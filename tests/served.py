"""The page as a process of its own, for tests that look at it from outside."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Served:
    """Where it is, and the process."""

    address: str
    process: subprocess.Popen[str]

    def end(self) -> int:
        """Ask it to end, and wait. Returns its exit status."""
        self.process.terminate()
        return self.process.wait(15)


@contextmanager
def serving(folder: Path, module: str = "tests.page_app") -> Iterator[Served]:
    """Start the page and wait until it says where it is."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, str(folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "http://" in line, f"the page did not start: {line!r}"
        yield Served(line.split("at ")[1].split()[0], process)
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()

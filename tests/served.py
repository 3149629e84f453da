"""The page as a process of its own, for tests that look at it from outside."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.running import Running, start


@dataclass
class Served:
    """Where it is, and the process."""

    address: str
    process: Running

    def end(self) -> int:
        """Ask it to end, and wait. Returns its exit status."""
        self.process.terminate()
        return self.process.wait(15)


@contextmanager
def serving(
    folder: Path,
    *command: str,
    environment: Mapping[str, str] | None = None,
    within: Path | None = None,
) -> Iterator[Served]:
    """Start the scripted page, or what ``command`` starts, and wait until it says where it is.

    The process works in the folder ``within``, or where this one does.
    """
    arguments = command or ("-m", "tests.page_app", str(folder))
    process = start(*arguments, environment={**os.environ, **(environment or {})}, folder=within)
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

"""Lines typed before, in a private file, for the Up key."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from prompt_toolkit.history import History

from rebuttal.material import clean, redact
from rebuttal.private_file import write_private

KEPT = 1000
"""Lines, where a file had twice as many."""


class Recall(History):
    """A line of JSON each, the newest last. What looks like a key is left out of it.

    A line that begins with a space is not kept. Where the file cannot be written, lines are
    recalled as long as the program runs.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def load_history_strings(self) -> Iterable[str]:
        lines = self._read()
        if len(lines) > 2 * KEPT:
            with suppress(OSError):
                write_private(self._file, "".join(_written(line) for line in lines[-KEPT:]))
        return reversed(lines[-KEPT:])

    def store_string(self, string: str) -> None:
        if string.startswith(" "):
            return
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(_written(string))

    def _read(self) -> list[str]:
        lines = []
        with suppress(OSError):
            for line in self._file.read_text("utf-8", "replace").splitlines():
                with suppress(ValueError):
                    lines.append(clean(str(json.loads(line))))
        return lines


def _written(line: str) -> str:
    return json.dumps(redact(line)) + "\n"

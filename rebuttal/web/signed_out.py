"""Sessions that ended before their time: a cookie that was copied is worth nothing after that."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from rebuttal.private_file import only_writer, write_private

KEPT = 10_000
_LINE = re.compile(r"^(\S+) (\d{1,12})$", re.MULTILINE)


class SignedOut:
    """Ids of ended sessions, in a file that every process of one data folder reads.

    A line ``id seconds`` each: when the session would have ended by itself and may be forgotten.
    """

    def __init__(self, file: Path, clock: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock
        self._seen: object = None
        self._ends: dict[str, int] = {}

    def __contains__(self, session: str) -> bool:
        return session in self._read()

    def add(self, session: str, ends: int) -> None:
        """End a session that would last until ``ends``. Raises OSError."""
        with only_writer(self._file):
            now = self._clock()
            kept = {id: end for id, end in self._read().items() if end > now} | {session: ends}
            lines = [f"{id} {end}\n" for id, end in [*kept.items()][-KEPT:]]
            write_private(self._file, "".join(lines))

    def _read(self) -> dict[str, int]:
        try:
            state = self._file.stat()
        except FileNotFoundError:
            return {}
        seen = (state.st_mtime_ns, state.st_size, state.st_ino)
        if seen != self._seen:
            pairs = _LINE.findall(self._file.read_text("ascii", "replace"))
            self._ends = {id: int(end) for id, end in pairs}
            self._seen = seen
        return self._ends

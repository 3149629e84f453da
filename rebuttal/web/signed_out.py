"""Sessions that ended before their time: a cookie that was copied is worth nothing after that."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rebuttal.private_file import only_writer, write_private

KEPT = 10_000
_LINE = re.compile(r"^(\S+) (\d{1,12}) (\S+)$", re.MULTILINE)


class _Ended(NamedTuple):
    until: int
    owner: str


class SignedOut:
    """Ids of ended sessions, in a file that every process of one data folder reads.

    A line ``id seconds owner`` each: when the session would have ended by itself and may be
    forgotten. With too many, whoever has ended most loses their own oldest.
    """

    def __init__(self, file: Path, clock: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock
        self._seen: object = None
        self._ended: dict[str, _Ended] = {}

    def __contains__(self, session: str) -> bool:
        return session in self._read()

    def add(self, session: str, owner: str, until: int) -> None:
        """End a session of ``owner`` that would last so long. Raises OSError."""
        with only_writer(self._file):
            now = self._clock()
            kept = {id: ended for id, ended in self._read().items() if ended.until > now}
            kept[session] = _Ended(until, owner)
            if len(kept) > KEPT:
                most = Counter(ended.owner for ended in kept.values()).most_common(1)[0][0]
                del kept[next(id for id, ended in kept.items() if ended.owner == most)]
            lines = [f"{id} {until} {owner}\n" for id, (until, owner) in kept.items()]
            write_private(self._file, "".join(lines))

    def _read(self) -> dict[str, _Ended]:
        try:
            state = self._file.stat()
        except FileNotFoundError:
            return {}
        seen = (state.st_mtime_ns, state.st_size, state.st_ino)
        if seen != self._seen:
            lines = _LINE.findall(self._file.read_text("utf-8", "replace"))
            self._ended = {id: _Ended(int(until), owner) for id, until, owner in lines}
            self._seen = seen
        return self._ended

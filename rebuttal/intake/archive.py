"""A file that somebody sends -> the documents in it, one at a time, never more than allowed."""

from __future__ import annotations

import re
import stat
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from rebuttal.errors import InvalidInput
from rebuttal.material import one_line

MOST_ENTRIES = 50_000
"""Entries of a zip: each takes memory before anything is unpacked."""
LONGEST_NAME = 500
CHUNK = 64 * 1024
TOLD = (".md", ".txt", ".html")
"""Endings of files that a zip of ours holds for people."""

# What zipfile and zlib raise for a file that is cut, changed or never was a zip.
_BROKEN = (
    *(BadZipFile, zlib.error, EOFError, OSError, NotImplementedError),
    *(RuntimeError, ValueError, OverflowError, IndexError, AttributeError),
)
_ENTRY_SIGN = b"PK\x01\x02"


class Parcel:
    """The documents in a file, which is a zip or a document itself; it stays open meanwhile.

    ``most`` is how many bytes all of them may have, counted while they are unpacked. Everything
    raises InvalidInput for more, and for a zip that is not as ours are.
    """

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file, self._most = file, most
        self._zip: ZipFile | None = None
        self.names: tuple[str, ...] = ("",)
        """Of the documents in a zip; empty for a document itself."""
        with _in_words():
            file.seek(0)
            if file.read(2) == b"PK":
                self._open_zip()

    def documents(self) -> Iterator[tuple[str, bytes]]:
        """Each with its name, one at a time."""
        bounded = _Bounded(self._most)
        for name in self.names:
            yield name, self._read(name, bounded)

    def document(self, name: str) -> bytes:
        """One of them, once more."""
        return self._read(name, _Bounded(self._most))

    def _read(self, name: str, bounded: _Bounded) -> bytes:
        with _in_words():
            if self._zip:
                with self._zip.open(name) as source:
                    return bounded.read(source)
            self._file.seek(0)
            return bounded.read(self._file)

    def _open_zip(self) -> None:
        self._file.seek(0)
        _refuse_many_entries(self._file)
        self._zip = ZipFile(self._file)
        entries = self._zip.infolist()
        _refuse_doubles(entries)
        self.names = tuple(entry.filename for entry in entries if _is_document(entry))
        if not self.names:
            raise InvalidInput("The zip holds no debate.", "Import what Rebuttal has exported.")


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except _BROKEN:
        raise InvalidInput("The zip is broken.", "Download it again.") from None


def too_large(most: int) -> InvalidInput:
    """The refusal of more than ``most`` bytes."""
    return InvalidInput(
        f"The file holds more than {most / 2**20:.3g} MiB, which is all that may come in here.",
        "Import it in parts; whoever runs this can allow more with REBUTTAL_MAX_IMPORT_KIB.",
    )


class _Bounded:
    """Reads until ``most`` bytes have been read in all, then refuses."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most

    def read(self, source: IO[bytes]) -> bytes:
        """Everything in ``source``."""
        pieces = []
        while piece := source.read(CHUNK):
            self._left -= len(piece)
            if self._left < 0:
                raise too_large(self._most)
            pieces.append(piece)
        return b"".join(pieces)


def _refuse_many_entries(file: IO[bytes]) -> None:
    """Before zipfile makes an object of each: whatever the headers say, an entry has its sign."""
    count, end = 0, b""
    while chunk := file.read(CHUNK):
        count += (end + chunk).count(_ENTRY_SIGN)
        end = chunk[1 - len(_ENTRY_SIGN) :]
        if count > MOST_ENTRIES:
            raise InvalidInput(f"The zip has more than {MOST_ENTRIES} entries.")
    file.seek(0)


def _refuse_doubles(entries: list[ZipInfo]) -> None:
    names = Counter(entry.filename for entry in entries)
    name, count = max(names.items(), key=lambda item: item[1], default=("", 0))
    if count > 1:
        raise InvalidInput(f"The zip has {count} entries called {_shown(name)!r}.")


def _is_document(entry: ZipInfo) -> bool:
    """Whether it is to be read. Raises InvalidInput for what no export holds."""
    _refuse_tricks(entry)
    path = PurePosixPath(entry.filename)
    if entry.is_dir() or path.parts[0] == "__MACOSX" or path.name.startswith("."):
        return False
    ending = path.suffix.lower()
    if ending != ".json" and ending not in TOLD:
        raise InvalidInput(
            f"The zip holds {_shown(entry.filename)!r}, which is no debate.",
            "Import what Rebuttal has exported.",
        )
    return ending == ".json"


_WAY_OUT = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)|^[/\\]|^[A-Za-z]:|\\|^$")


def _refuse_tricks(entry: ZipInfo) -> None:
    """What could do harm elsewhere is refused here, too, though nothing is written by its name."""
    problem = ""
    if _WAY_OUT.search(entry.filename):
        problem = "is a path out of its folder"
    elif len(entry.filename) > LONGEST_NAME:
        problem = "has too long a name"
    elif stat.S_ISLNK(entry.external_attr >> 16):
        problem = "is a link"
    elif entry.flag_bits & 0x41:
        problem = "is encrypted"
    elif entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        problem = "is packed in a way that is not read here"
    if problem:
        raise InvalidInput(f"{_shown(entry.filename)!r} in the zip {problem}.")


def _shown(name: str) -> str:
    return one_line(name, 100)

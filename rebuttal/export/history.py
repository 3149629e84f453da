"""A whole history as a zip that is written while it is sent."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from rebuttal.document import json_of
from rebuttal.export.markdown import markdown_of
from rebuttal.markdown import markdown_line
from rebuttal.material import one_line
from rebuttal.records import Debate, Turn

LONGEST_NAME = 60
LEVEL = 6
README = """\
# Debates

Each debate is here twice: as Markdown to read, and as JSON that Rebuttal takes back, alone or with
this whole file: `rebuttal import`.

"""


class HistoryZip:
    """``add`` debates, then ``close``; each returns the bytes that are ready to be sent.

    Besides the debate at hand only names are held in memory.
    """

    def __init__(self) -> None:
        self._sent = _Sent()
        self._zip = ZipFile(self._sent, "w", ZIP_DEFLATED, compresslevel=LEVEL)
        self._lines: list[str] = []

    def add(self, debate: Debate, tree: Sequence[Turn]) -> bytes:
        """The debate as JSON and as Markdown."""
        name = f"{len(self._lines) + 1:05}{_slug(debate.title or debate.topic)}"
        self._write(f"debates/{name}.json", json_of(debate, tree), debate.created_at)
        self._write(f"debates/{name}.md", markdown_of(debate, tree), debate.created_at)
        heading = markdown_line(debate.title or debate.topic, 200)
        day = f"{debate.created_at:%Y-%m-%d}"
        self._lines.append(f"- {day} [{heading}](<debates/{name}.md>)")
        return self._sent.take()

    def close(self) -> bytes:
        """The index, and what makes a zip of it."""
        at = datetime.now()
        self._write("index.md", README + "\n".join(self._lines) + "\n", at)
        self._zip.close()
        return self._sent.take()

    def _write(self, name: str, text: str, moment: datetime) -> None:
        entry = ZipInfo(name, _zip_date(moment))
        entry.compress_type, entry.external_attr = ZIP_DEFLATED, 0o644 << 16
        self._zip.writestr(entry, text)


class _Sent(io.RawIOBase):
    """A file that can only be written, once; what was written is taken away."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._pieces.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


_NO_NAME = re.compile(r"[\W_]+")


def _slug(text: str) -> str:
    """Letters and figures of any language with dashes between; empty where there are none."""
    words = _NO_NAME.sub("-", unicodedata.normalize("NFC", one_line(text, LONGEST_NAME * 2)))
    short = words.strip("-").lower()[:LONGEST_NAME].strip("-")
    return f"-{short}" if short else ""


def _zip_date(moment: datetime) -> tuple[int, int, int, int, int, int]:
    """What a zip can say: from 1980, in steps of two seconds."""
    return (max(moment.year, 1980), *moment.timetuple()[1:6])

"""Whether a GGUF file is the expected one, found out once and remembered."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from rebuttal.catalog import Weights
from rebuttal.errors import WeightsError
from rebuttal.providers.gguf import MAGIC


def check(file: Path, weights: Weights, stamps: Path) -> None:
    """Raise WeightsError unless ``file`` is what ``weights`` names.

    The sum of a file is taken once; a stamp in the folder ``stamps`` says that this very file, by
    size, time and inode, had it.
    """
    try:
        found = os.stat(file)
        with file.open("rb") as opened:
            magic = opened.read(len(MAGIC))
    except OSError as exc:
        raise WeightsError(f"{file.name}: {exc.strerror or exc}") from exc
    if magic != MAGIC:
        raise WeightsError(f"{file.name}: not a GGUF file", "Fetch or copy it again.")
    if weights.size and found.st_size != weights.size:
        raise WeightsError(
            f"{file.name}: {found.st_size} bytes instead of {weights.size}",
            "Fetch or copy it again.",
        )
    if weights.sha256 is None:
        return
    stamp = stamps / f"{hashlib.sha256(str(file.absolute()).encode()).hexdigest()[:24]}.json"
    mark = {
        "sha256": weights.sha256,
        "size": found.st_size,
        "mtime_ns": found.st_mtime_ns,
        "inode": found.st_ino,
    }
    if _read(stamp) == mark:
        return
    sum_found = sum_of(file)
    if sum_found != weights.sha256:
        raise WeightsError(
            f"{file.name}: its sha256 is {sum_found} instead of {weights.sha256}",
            "It is another file, or was damaged: fetch or copy it again.",
        )
    _write(stamp, mark)


def sum_of(file: Path) -> str:
    """The sha256 of a file. Raises WeightsError."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as exc:
        raise WeightsError(f"{file.name}: {exc.strerror or exc}") from exc


def _read(stamp: Path) -> Any:
    try:
        return json.loads(stamp.read_bytes())
    except (OSError, ValueError):
        return None


def _write(stamp: Path, mark: dict[str, Any]) -> None:
    # Where the cache cannot be written, the sum is taken at every start instead.
    with suppress(OSError):
        stamp.parent.mkdir(parents=True, exist_ok=True)
        part = stamp.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(mark))
        os.replace(part, stamp)

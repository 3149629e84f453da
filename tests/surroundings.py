"""What the tests' processes and all that they start find around them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ENOUGH = 4 * 2**30
"""Bytes that a run may fill, several times over."""


def settle() -> None:
    """Keep what was compiled, and keep files in memory where there is room.

    A process that may not keep bytecode compiles the whole package when it starts; and stores wait
    for the disk after each word of a debate.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if "TMPDIR" not in os.environ and _has_room(MEMORY):
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # to be asked for anew


def _has_room(folder: Path) -> bool:
    """Whether it is a folder for everybody, with room, from which programs can be started."""
    if not os.access(folder, os.W_OK) or shutil.disk_usage(folder).free < ENOUGH:
        return False
    return not os.statvfs(folder).f_flag & os.ST_NOEXEC

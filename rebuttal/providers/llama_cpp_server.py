"""llama.cpp's own server as a process of its own. Run as a file, it imports nothing of ours.

A line of JSON comes in (the settings), one goes out (``address``, or ``error``); it ends when
standard input does, so that no server outlives the app that started it.

Why not inside the app's process: xllamacpp keeps Python's global lock while it loads (4 s for a
1.5B model: nothing else runs, Stop neither), a server stopped right after its start never returns,
and two servers share what the first to stop takes down.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any


def main() -> None:
    """Load, report, and serve until standard input ends."""
    # Ctrl-C in a terminal reaches every process of it; only the app decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settings = json.loads(sys.stdin.readline())
    try:
        server = load(settings)
    except Exception as exc:
        report(error=str(exc), kind=type(exc).__name__)
        return
    report(address=server.listening_address, device=device())
    sys.stdin.read()
    # Not by way of the server's own end, which may wait for ever.
    os._exit(0)


def report(**fields: str) -> None:
    """Tell the app how it went."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def device() -> str:
    """What the layers of a model lie on: a build that knows a GPU puts all of them there."""
    import xllamacpp

    kinds = [str(one["type"]) for one in xllamacpp.get_device_info()]
    return "GPU" if any("GPU" in kind for kind in kinds) else "CPU"


def load(settings: dict[str, Any]) -> Any:
    """A running server on a free port of this machine only, closed to everyone without the key."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["file"]
    params.model_alias = {settings["model"]}
    params.api_keys = [settings["key"]]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.cors_origins = ""
    params.cors_credentials = False
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = 1
    params.n_ctx = settings["context"] * settings["slots"]
    params.n_parallel = settings["slots"]
    params.cache_ram_mib = settings["cache_mib"]
    # A copy of every idle slot at every turn costs time and finds nothing the slot itself has not.
    params.cache_idle_slots = False
    params.fit_params = False
    # A run over nothing, 0.5 s of a 1.5B model; the first prompt is no slower for its absence.
    params.warmup = False
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["threads"]
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()

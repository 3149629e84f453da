"""Starts Rebuttal's page: ``python debate_app.py``. Also what a Hugging Face Space runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from rebuttal.__main__ import serve_main

PERSISTENT = Path("/data")
"""Where a Space has its disk that outlasts a restart, if it has one."""


def main() -> None:
    """Serve the page until Ctrl-C."""
    if "SPACE_ID" in os.environ:
        os.environ.update(space_settings(os.environ, PERSISTENT))
    if os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true"):
        claim_gpu()
    serve_main(sys.argv[1:], Path(__file__).name)


def space_settings(environment: Mapping[str, str], persistent: Path) -> dict[str, str]:
    """What a Space needs beyond what its owner has set."""
    # It is reached from outside its container, at the port that Spaces expect.
    needed = {"REBUTTAL_HOST": "0.0.0.0", "REBUTTAL_PORT": "7860"}
    if os.access(persistent, os.W_OK):
        needed |= {
            "REBUTTAL_DATA": str(persistent / "rebuttal"),
            "REBUTTAL_CACHE": str(persistent / "rebuttal" / "cache"),
        }
    return {name: value for name, value in needed.items() if not environment.get(name)}


def claim_gpu() -> None:
    """Name a function for the card of a ZeroGPU Space, which is not started without one.

    Nothing calls it: debates speak through servers and through a model on the processor.
    """
    # Read by Gradio when it is imported, which the next line does.
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000")
    import spaces

    spaces.GPU(_idle)
    # Read again by Gradio, which would let a single event wait for its turn.
    del os.environ["SPACES_ZERO_GPU"]


def _idle() -> None:
    pass


if __name__ == "__main__":
    main()

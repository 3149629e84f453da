"""Starts Rebuttal's page: ``python debate_app.py``. Also what a Hugging Face Space runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rebuttal.__main__ import serve_main


def main() -> None:
    """Serve the page until Ctrl-C."""
    if "SPACE_ID" in os.environ:
        # A Space is reached from outside its container, at the port that Spaces expect.
        os.environ.setdefault("REBUTTAL_HOST", "0.0.0.0")
        os.environ.setdefault("REBUTTAL_PORT", "7860")
    serve_main(sys.argv[1:], Path(__file__).name)


if __name__ == "__main__":
    main()

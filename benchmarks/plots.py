"""Draws what was measured, benchmarks/results/NAME.json, as docs/plots/NAME.svg.

    python -m benchmarks.plots [NAME ...]

``benchmarks.drawn.NAME`` has a function ``draw`` that makes a figure of the result's figures.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from matplotlib import style
from matplotlib.figure import Figure

from benchmarks.figures import RESULTS

PLOTS = Path(__file__).parent.parent / "docs" / "plots"
STYLE = Path(__file__).with_suffix(".mplstyle")


def names() -> list[str]:
    """The benchmarks whose results are kept and drawn."""
    drawn = {file.stem for file in (Path(__file__).parent / "drawn").glob("[!_]*.py")}
    return sorted(drawn & {file.stem for file in RESULTS.glob("*.json")})


def digest(name: str) -> str:
    """Which figures a plot was made of: the beginning of their SHA-256."""
    return hashlib.sha256((RESULTS / f"{name}.json").read_bytes()).hexdigest()[:16]


def draw(name: str, folder: Path = PLOTS) -> Path:
    """Make the plot of one result; the file."""
    result = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    with style.context(STYLE):
        figure: Figure = import_module(f"benchmarks.drawn.{name}").draw(result["figures"])
        file = folder / f"{name}.svg"
        source = f"{name}.json {digest(name)}"
        figure.savefig(file, metadata={"Date": None, "Source": source})
    # Its lines end in spaces, which a diff shows.
    text = "\n".join(line.rstrip() for line in file.read_text("utf-8").splitlines())
    file.write_text(text + "\n", "utf-8")
    return file


def main(arguments: Sequence[str]) -> None:
    for name in arguments or names():
        print(draw(name).name)


if __name__ == "__main__":
    main(sys.argv[1:])

"""What every benchmark prints and writes: tables, medians, and how busy the machine was."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psutil

RESULTS = Path(__file__).parent / "results"
"""Where the figures are kept that docs/performance.md tells of, one file a benchmark."""


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The title, then aligned columns; the first is flush left."""
    lines = [("", *head), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head) + 1)]
    shown = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join((title, *(line.rstrip() for line in shown)))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median over the pairs, each measured in one go."""
    return median(one / other for one, other in zip(ours, theirs, strict=True))


def load() -> str:
    """How busy the machine is, where that is known."""
    if not hasattr(os, "getloadavg"):
        return "load unknown"
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def add_json(parser: argparse.ArgumentParser) -> None:
    """The option that every benchmark has."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure here")


def write_json(file: Path | None, figures: object) -> None:
    """Write them, if a file is wanted, with when, where, and how they were measured."""
    if file:
        result = {
            "command": " ".join(("python -m", _module(), *sys.argv[1:])),
            "date": datetime.now(UTC).date().isoformat(),
            "machine": machine(),
            "load": load(),
            "figures": figures,
        }
        file.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")


def machine() -> str:
    """What this machine is, without its name."""
    memory = psutil.virtual_memory().total / 2**30
    python = platform.python_version()
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, Python {python}"


def _module() -> str:
    """The benchmark that runs, as ``python -m`` calls it."""
    found = getattr(sys.modules["__main__"], "__spec__", None)
    return found.name if found else Path(sys.argv[0]).stem

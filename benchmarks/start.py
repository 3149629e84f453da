"""How long from the start of a process to the page, and to the first words of a first debate?

    python -m benchmarks.start --pairs 5        (about 2.5 minutes)

*Page*: from the start of ``debate_app.py`` until ``/`` answers with 200, asked every 10 ms, beside
a bare Gradio page of three tabs. *First words*: a debate on the built-in model is asked for over
HTTP as soon as the page is served; the model is loaded then, its weights are on the disk. In the
terminal: from the start of ``rebuttal debate`` until the first words. All in turn, in one run.

Python's bytecode lies in a folder of our own: ``warm``, where an unmeasured start has written it,
is what a user has from the second start on; ``none`` is Python with PYTHONDONTWRITEBYTECODE=1.
``as-is`` leaves that to the environment.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import get_args

from benchmarks.figures import add_json, load, ratio, table, write_json
from benchmarks.started import (
    Bytecode,
    bare_page,
    environment,
    free_port,
    our_page,
    seconds_to_terminal_words,
    seconds_to_words,
    served,
)

PAGE, BARE = "page", "bare page"
WORDS = "page, to the first words"
TERMINAL = "terminal, to the first words"


def starts(folder: Path, pairs: int, bytecode: Bytecode) -> dict[str, list[float]]:
    """Seconds of every start, in turn, by what was started."""
    env = environment(folder, bytecode)
    measured: dict[str, list[float]] = {}
    unmeasured = 1 if bytecode == "warm" else 0
    for number in range(pairs + unmeasured):
        taken = _once(folder, env)
        if number >= unmeasured:
            for name, seconds in taken.items():
                measured.setdefault(name, []).append(seconds)
    return measured


def _once(folder: Path, env: dict[str, str]) -> dict[str, float]:
    port = free_port()
    with served(our_page(folder, port), port, env) as page:
        words = page + seconds_to_words(port)
    port = free_port()
    with served(bare_page(folder, port), port, env) as bare:
        pass
    terminal = seconds_to_terminal_words(folder, env)
    return {PAGE: page, BARE: bare, WORDS: words, TERMINAL: terminal}


def rows(measured: Mapping[str, Mapping[str, Sequence[float]]]) -> list[tuple[str, ...]]:
    """A line for each kind of start: medians, the page's ratio to the bare one."""
    return [
        (
            f"bytecode {bytecode}",
            f"{median(taken[PAGE]):.2f}",
            f"{median(taken[BARE]):.2f}",
            f"{ratio(taken[PAGE], taken[BARE]):.2f}",
            f"{median(taken[WORDS]):.2f}",
            f"{median(taken[TERMINAL]):.2f}",
        )
        for bytecode, taken in measured.items()
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pairs", type=int, default=5, help="starts of each side")
    parser.add_argument(
        "--bytecode", nargs="+", choices=get_args(Bytecode), default=("warm", "none")
    )
    add_json(parser)
    args = parser.parse_args(arguments)
    before = load()
    measured = {}
    for bytecode in args.bytecode:
        with tempfile.TemporaryDirectory() as folder:
            measured[bytecode] = starts(Path(folder), args.pairs, bytecode)
    title = f"Seconds from the start, medians of {args.pairs}; {before}, then {load()}"
    head = ("page served", "bare page", "ratio", "first words", "terminal: first words")
    print(table(title, head, rows(measured)))
    write_json(args.json, measured)


if __name__ == "__main__":
    main()

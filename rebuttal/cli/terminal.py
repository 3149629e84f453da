"""The two consoles, and how an error is said on one."""

from __future__ import annotations

import sys
from io import TextIOWrapper

from rich.console import Console

from rebuttal.errors import RebuttalError
from rebuttal.material import clean


def prepare_streams() -> None:
    """Let files and pipes be UTF-8, and no stream ever fail for one character."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="replace")


def stdout() -> Console:
    """For what was asked for."""
    return Console(highlight=False, markup=False, emoji=False)


def stderr() -> Console:
    """For what is said beside it: problems, hints, waiting."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def say_problem(message: str, hint: str = "") -> None:
    """What happened, and below it what to do now."""
    console = stderr()
    console.print(clean(message), style="bold red", soft_wrap=True)
    if hint:
        console.print(clean(hint), soft_wrap=True)


def say_error(error: RebuttalError) -> None:
    """Our error, once, without a traceback."""
    say_problem(error.message, error.hint)

"""The order of the files: those that take long first, so that no process is left with one alone."""

from __future__ import annotations

from collections import Counter

import pytest

LONG = (
    "two_processes",
    "redis_outages",
    "notebooks",
    "readme",
    "api_schema",
    "canary",
    "benchmarks",
    "wheel",
    "supply",
    "llama_cpp",
    "remote",
    "proxies",
    "sticky",
    "browser",
    "browser_history",
    "browser_processes",
    "browser_tree",
    "hostile_page",
    "gone",
    "ui_entries",
    "budget",
    "generated",
    "space",
    "redis_app",
    "redis_random",
    "guard_flood",
    "guard_limits",
    "guard_bodies",
    "deploy",
    "api_events",
    "weights",
    "kills",
)
"""What takes ten seconds or more in a file, whatever the number of its tests."""


def long_first(items: list[pytest.Item]) -> None:
    """Then those with many tests; within a file as it is written."""
    tests = Counter(item.path for item in items)

    def place(item: pytest.Item) -> tuple[int, int, str]:
        name = item.path.stem.removeprefix("test_")
        place = LONG.index(name) if name in LONG else len(LONG)
        return place, -tests[item.path], str(item.path)

    items.sort(key=place)

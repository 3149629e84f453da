"""The page behind its guard, as each profile has it, and the same page without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.served import Served, serving


def peak(served: Served) -> float:
    """The most MiB that the page's process has held since ``forget_peak``."""
    status = Path(f"/proc/{served.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def forget_peak(served: Served) -> float:
    """Count the peak anew, from what is held now, which is told."""
    Path(f"/proc/{served.process.pid}/clear_refs").write_text("5")
    return peak(served)


@dataclass
class Pair:
    """The same page with the control and without."""

    off: Served
    on: Served


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """On this machine: unguarded, and guarded as by default."""
    bare, shut = tmp_path_factory.mktemp("bare"), tmp_path_factory.mktemp("shut")
    # Started as the usual port is taken by either; both find one.
    with (
        serving(bare, "-m", "tests.page_app", str(bare), "unguarded") as off,
        serving(shut) as on,
    ):
        yield Pair(off, on)


@pytest.fixture(scope="module")
def strangers_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """As strangers get it: the public profile, which takes another name too."""
    folder = tmp_path_factory.mktemp("public")
    environment = {
        "REBUTTAL_PROFILE": "public",
        "REBUTTAL_HOSTS": "debates.example,*.club.example",
        "REBUTTAL_PROXIES": "127.0.0.200",
    }
    with serving(folder, environment=environment) as page:
        yield page

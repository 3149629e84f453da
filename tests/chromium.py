"""Chromium, for tests that look at the page as a person does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
NEEDS_CHROMIUM = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="Chromium is missing: apt-get install chromium, or see docs"
    ),
]
_ARGUMENTS = [
    *("--no-sandbox", "--headless=new", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
]

PATIENCE = 20_000
"""Milliseconds that a page may take for what a test expects: the machine may be busy."""
expect.set_options(timeout=PATIENCE)


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """A browser, with further arguments of its command line."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*_ARGUMENTS, *arguments]
        )
        yield running
        if running.is_connected():
            running.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of a file."""
    with chromium() as running:
        yield running

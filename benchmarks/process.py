"""Processes that a benchmark measures: started, heard, ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

from rebuttal.settings import HOME


@contextmanager
def running(module: str, *words: str, **env: str) -> Iterator[str]:
    """Run a module of ours; its first line."""
    command = [sys.executable, "-m", module, *words]
    with subprocess.Popen(
        command, cwd=HOME, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@contextmanager
def serving(*words: str, **env: str) -> Iterator[str]:
    """A whole Rebuttal with these options; its address."""
    with running("rebuttal", "serve", *words, **env) as said:
        _, found, rest = said.partition("at ")
        if not found:
            raise RuntimeError("Rebuttal did not start")
        yield rest.split()[0].rstrip("/")


async def chromium(stack: AsyncExitStack) -> Any:
    """A browser that ends with the stack."""
    from playwright.async_api import async_playwright

    from tests.chromium import CHROMIUM

    started = await stack.enter_async_context(async_playwright())
    arguments = ["--no-sandbox", "--disable-gpu"]
    browser = await started.chromium.launch(executable_path=CHROMIUM, args=arguments)
    stack.push_async_callback(browser.close)
    return browser

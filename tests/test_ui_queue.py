"""Gradio's queue looks for events seldom while nobody uses the page, and at once while somebody
does."""

from __future__ import annotations

import asyncio
from typing import Any

import gradio as gr
import pytest

from rebuttal.ui import queue
from rebuttal.ui.queue import RESTING, SELDOM, QueuePace
from rebuttal.ui.raw import RawBlocks


async def described() -> tuple[RawBlocks, Any]:
    with RawBlocks() as demo:
        gr.Button()
    return demo, demo._queue


async def test_the_queue_rests_from_its_start_until_the_page_is_used_and_after_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue, "RESTS_AFTER", 0.05)
    demo, looked = await described()
    quick = looked.sleep_when_free
    assert quick < RESTING
    demo.run_startup_events()
    try:
        assert (looked.sleep_when_free, looked.progress_update_sleep_when_free) == (RESTING, SELDOM)
        await demo.process_api(None, [])
        assert looked.sleep_when_free == quick
        async with asyncio.timeout(10):
            while looked.sleep_when_free != RESTING:  # noqa: ASYNC110 - an attribute tells nobody
                await asyncio.sleep(0.01)
    finally:
        looked.close()


async def test_gradio_sleeps_as_long_as_the_attributes_say(monkeypatch: pytest.MonkeyPatch) -> None:
    _, looked = await described()
    QueuePace(looked)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        looked.close()

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await looked.start_processing()
    looked.stopped = False
    await looked.start_progress_updates()
    assert slept == [RESTING, SELDOM]

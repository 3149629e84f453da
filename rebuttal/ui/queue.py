"""Gradio's queue, as much of it as whoever guards the page has to see and to mend."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import gradio as gr


class PageQueue:
    """Reads Gradio's own bookkeeping; the one place that depends on how it is kept (6.31)."""

    def __init__(self, demo: gr.Blocks) -> None:
        self._demo = demo
        self._queue: Any = demo._queue

    def works(self) -> bool:
        """Whether it still takes up events. Once stopped, it never does again."""
        return not self._queue.stopped

    def is_full(self) -> bool:
        """Whether every place for a running event is taken."""
        return bool(self._queue.active_jobs) and None not in self._queue.active_jobs

    def takes(self, fn_index: int, inputs: int, queued: bool) -> bool:
        """Whether there is such an event, with that many inputs, in or beside the queue."""
        event: Any = self._demo.fns.get(fn_index)
        if event is None or event.fn is None or bool(event.queue) is not queued:
            return False
        return len(event.inputs) == inputs

    def pending(self, session_hash: str) -> Collection[str]:
        """Ids of the tab's events that are not over."""
        ids: Collection[str] = self._queue.pending_event_ids_session.get(session_hash, ())
        return ids

    def holds(self, session_hash: str) -> bool:
        """Whether there is a place for messages to the tab."""
        return session_hash in self._queue.pending_messages_per_session

    def backlog(self, session_hash: str) -> int:
        """Messages that wait for the tab."""
        waiting = self._queue.pending_messages_per_session.get(session_hash)
        return waiting.qsize() if waiting is not None else 0

    async def forget(self, session_hash: str) -> None:
        """End the tab's events and drop what waits for it."""
        # In this order: an event in line whose messages are gone would end the queue's worker.
        await self._queue.clean_events(session_hash=session_hash)
        self._queue.pending_messages_per_session.pop(session_hash, None)
        self._queue.pending_event_ids_session.pop(session_hash, None)


RESTS_AFTER = 30.0
"""Seconds without an event after which the queue looks less often."""
RESTING = 0.02
"""Seconds between two looks then. Gradio's own, a thousandth, takes 5 % of a core for nothing."""
SELDOM = 1.0
"""Seconds between two looks for a progress, of which our events tell none."""


class QueuePace:
    """How often Gradio's queue looks for events: as Gradio has it while the page is used.

    The queue cannot be woken (6.31), and an attribute says how long it sleeps.
    """

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self._quick: float = queue.sleep_when_free
        self._used_at = 0.0
        self._waiting = False
        queue.progress_update_sleep_when_free = SELDOM
        queue.sleep_when_free = RESTING

    def use(self) -> None:
        """Somebody uses the page: what comes next is taken up at once."""
        loop = asyncio.get_running_loop()
        self._used_at = loop.time()
        if not self._waiting:
            self._waiting = True
            self._queue.sleep_when_free = self._quick
            loop.call_later(RESTS_AFTER, self._rest)

    def _rest(self) -> None:
        loop = asyncio.get_running_loop()
        left = self._used_at + RESTS_AFTER - loop.time()
        if left > 0:
            loop.call_later(left, self._rest)
        else:
            self._waiting = False
            self._queue.sleep_when_free = RESTING

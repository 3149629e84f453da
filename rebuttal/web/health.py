"""Whether Rebuttal works, for whoever watches over it: true, short, and without secrets."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from rebuttal.app import DebateApp
from rebuttal.errors import RebuttalError
from rebuttal.records import Visitor
from rebuttal.web.sessions import Queue

BEAT = 1.0
"""Seconds between two looks at how late the event loop is."""
LATE = 2.0
"""Seconds of lateness at which we say that it does not work."""
KEPT = 5.0
"""Seconds for which an answer of the store holds."""
STORE_WITHIN = 3.0

_NOBODY = Visitor(owner="healthz")


class Health:
    """Looks at the queue, the store and the event loop, which may be ``late`` seconds late.

    Without a page there is no queue.
    """

    def __init__(self, app: DebateApp, queue: Queue | None, late: float = LATE) -> None:
        self._allowed = late
        self._app = app
        self._queue = queue
        self._late: deque[float] = deque(maxlen=10)
        self._store = (True, -KEPT)
        self._asking = asyncio.Lock()

    async def beat(self) -> None:
        """Sleep a moment and notice by how much it was longer."""
        before = time.monotonic()
        await asyncio.sleep(BEAT)
        self._late.append(time.monotonic() - before - BEAT)

    async def report(self) -> tuple[bool, dict[str, object]]:
        """Whether it works, and each finding. ``degraded`` works, and not as it should."""
        lag = max(self._late, default=0.0)
        queue = self._queue is None or self._queue.works()
        store = await self._reaches_store()
        well = queue and store and lag < self._allowed
        found: dict[str, object] = {"queue": queue, "store": store, "lag_ms": round(lag * 1000)}
        works = "degraded" if self._app.is_degraded else "ok"
        return well, {"status": works if well else "failing", **found}

    async def _reaches_store(self) -> bool:
        async with self._asking:
            reached, at = self._store
            if time.monotonic() - at > KEPT:
                reached = await self._ask_store()
                self._store = (reached, time.monotonic())
            return reached

    async def _ask_store(self) -> bool:
        try:
            async with asyncio.timeout(STORE_WITHIN):
                await self._app.debates(limit=1, visitor=_NOBODY)
        except (RebuttalError, TimeoutError):
            return False
        return True

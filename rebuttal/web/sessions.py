"""Whose tab is whose, and how many Gradio's queue holds at once.

Gradio keeps what it has to say to a tab under the tab's ``session_hash``, 2,000 of them; the next
one throws the oldest out, and its queue dies when it next writes there. So there are never as many.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from rebuttal.settings import Settings
from rebuttal.web.asgi import Refused

UNOPENED = 20.0
"""Seconds in which a tab that has joined the queue must read what it says."""
LINGERS = 5.0
"""Seconds for which a tab that was read to the end is kept: it may just be about to read on."""
EVENTS = 12
"""Listeners of one tab at once; the page has two for each of its three tables."""
BACKLOG = 2000
"""Messages that may wait for a tab that reads too slowly."""

REMEMBERED = 5000
"""Tabs whose owner is known, whether or not they have joined."""

Abort = Callable[[], None]
"""Cuts a connection at once, whatever is still to be written."""


class Queue(Protocol):
    """Gradio's queue, as much of it as has to be known here."""

    def works(self) -> bool:
        """Whether it still takes up events. Once stopped, it never does again."""
        ...

    def is_full(self) -> bool:
        """Whether every place for a running event is taken."""
        ...

    def takes(self, fn_index: int, inputs: int, queued: bool) -> bool:
        """Whether there is such an event, with that many inputs, in or beside the queue."""
        ...

    def pending(self, session_hash: str) -> Collection[str]:
        """Ids of the tab's events that are not over."""
        ...

    def holds(self, session_hash: str) -> bool:
        """Whether there is a place for messages to the tab."""
        ...

    def backlog(self, session_hash: str) -> int:
        """Messages that wait for the tab."""
        ...

    async def forget(self, session_hash: str) -> None:
        """End the tab's events and drop what waits for it."""
        ...


@dataclass(slots=True)
class Session:
    """A tab that has joined the queue. ``who`` and ``network`` are what caps count."""

    hash: str
    who: str
    network: str
    touched: float
    busy: int = 0
    stream: Abort | None = None
    was_read: bool = False


class Sessions:
    """Every tab with something in the queue; who joined first owns its name."""

    def __init__(
        self, settings: Settings, queue: Queue, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._clock = clock
        self._owners: OrderedDict[str, str] = OrderedDict()
        self._known: dict[str, Session] = {}
        self._of: Counter[str] = Counter()
        self._at: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._known)

    def find(self, session_hash: str, who: str) -> Session:
        """The visitor's tab. Raises Refused, the same for a foreign one and for none."""
        session = self._known.get(session_hash)
        if session is None or session.who != who:
            raise Refused(404, "There is nothing here.")
        return session

    def is_foreign(self, session_hash: str, who: str) -> bool:
        """Whether somebody else has that tab."""
        session = self._known.get(session_hash)
        owner = session.who if session else self._owners.get(session_hash, who)
        return owner != who

    def meet(self, session_hash: str, who: str) -> bool:
        """Whether a tab is a new one; it is the visitor's now. Raises Refused for another's."""
        if self.is_foreign(session_hash, who):
            raise Refused(404, "There is nothing here.")
        is_new = session_hash not in self._owners
        self._owners[session_hash] = who
        self._owners.move_to_end(session_hash)
        if len(self._owners) > REMEMBERED:
            self._owners.popitem(last=False)
        return is_new

    async def join(self, session_hash: str, who: str, network: str) -> Session:
        """The visitor's tab, which may put one more event into the queue. Raises Refused."""
        if self._queue.is_full():
            await self._make_room(network)
        session = self._known.get(session_hash)
        if session is None:
            session = await self._admit(session_hash, who, network)
        if len(self._queue.pending(session_hash)) + session.busy >= EVENTS:
            raise Refused(429, "This tab already follows enough; close another one.", 5)
        session.touched = self._clock()
        return session

    async def _admit(self, session_hash: str, who: str, network: str) -> Session:
        settings = self._settings
        if self._is_crowded(who, network):
            await self.sweep(lingers=0)
        if _reached(self._of[who], settings.sessions_per_visitor):
            raise Refused(429, "You have too many tabs at work; close one and try again.", UNOPENED)
        if _reached(self._at[network], settings.sessions_per_network):
            raise Refused(429, "Too many tabs at work from your network; try again soon.", UNOPENED)
        if len(self._known) >= settings.sessions:
            await self._make_room(network)
        session = Session(session_hash, who, network, self._clock())
        self._known[session_hash] = session
        self._of[who] += 1
        self._at[network] += 1
        return session

    def _is_crowded(self, who: str, network: str) -> bool:
        settings = self._settings
        return (
            _reached(self._of[who], settings.sessions_per_visitor)
            or _reached(self._at[network], settings.sessions_per_network)
            or len(self._known) >= settings.sessions
        )

    async def _make_room(self, network: str) -> None:
        """Whoever holds most gives something up for whoever holds least. Raises Refused."""
        biggest, held = max(self._at.items(), key=lambda item: item[1], default=("", 0))
        if held <= self._at[network] + 1:
            raise Refused(429, "Everything is taken here right now; try again soon.", UNOPENED)
        theirs = (session for session in self._known.values() if session.network == biggest)
        victim = min(theirs, key=lambda session: (session.stream is not None, session.touched))
        await self.forget(victim)

    def open(self, session: Session, abort: Abort) -> None:
        """The tab begins to read. Raises Refused where it reads already."""
        # Gradio drops what waits for a tab when any of its streams ends.
        if session.stream is not None:
            raise Refused(429, "This tab is being read already.", 5)
        if not self._queue.holds(session.hash):
            raise Refused(404, "There is nothing here.")
        session.stream, session.was_read = abort, True

    async def close(self, session: Session) -> None:
        """The tab has stopped reading."""
        session.stream = None
        session.touched = self._clock()
        if self._known.get(session.hash) is not session:
            await self._queue.forget(session.hash)

    async def forget(self, session: Session) -> None:
        """End everything of that tab; of one that is being read, once its connection is cut."""
        if self._known.get(session.hash) is not session:
            return
        del self._known[session.hash]
        for counter, key in ((self._of, session.who), (self._at, session.network)):
            counter[key] -= 1
            if not counter[key]:
                del counter[key]
        if session.stream is not None:
            session.stream()
        else:
            await self._queue.forget(session.hash)

    async def sweep(self, lingers: float = LINGERS) -> None:
        """Forget tabs that were never read, have gone, or read too slowly."""
        now = self._clock()
        for session in [*self._known.values()]:
            rests = session.stream is None and not session.busy
            is_over = session.was_read and not self._queue.pending(session.hash)
            patience = lingers if is_over else UNOPENED
            has_gone = rests and now - session.touched >= patience
            if has_gone or self._queue.backlog(session.hash) > BACKLOG:
                await self.forget(session)


def _reached(count: int, limit: int | None) -> bool:
    return limit is not None and count >= limit

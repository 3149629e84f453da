"""A debate's main line as this process knows it: its own to change, or told by another process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from rebuttal.broadcast import Broadcast
from rebuttal.bus import Bus, Claim
from rebuttal.errors import StaleTip, StoreError
from rebuttal.events import (
    DebateEvent,
    DebatePaused,
    DebateRewound,
    DebateWaiting,
    TurnDiscarded,
    TurnFinished,
)
from rebuttal.line import line_to, next_debater
from rebuttal.news import Entry, Heard, Relay, Scene, in_progress, unheard
from rebuttal.records import Debate, Turn
from rebuttal.stores.base import DebateStore

ITS_PROCESS_ENDED = "its process ended"
GOES_ON_ELSEWHERE = "another process speaks now"


class Transcript:
    """The store has it for good; between two reads it is kept current by what is published.

    With a claim it is this process's to change, and what happens to it is told to the others.
    Without one it follows what another process tells.
    """

    def __init__(
        self,
        debate: Debate,
        turns: tuple[Turn, ...],
        aside: int,
        store: DebateStore,
        bus: Bus,
        broadcast: Broadcast,
        is_spoken: Callable[[], bool],
    ) -> None:
        self.debate = debate
        self.turns = turns
        self.aside = aside
        """Turns that are not on the main line."""
        self.elsewhere = False
        """Whether another process runs it, as far as is known."""
        self.claim: Claim | None = None
        self.lock = asyncio.Lock()
        """Held while it is changed."""
        self._store = store
        self._bus = bus
        self._broadcast = broadcast
        self._is_spoken = is_spoken
        self._relay: Relay | None = None
        self._heard = Heard()
        self._news: deque[Entry] = deque()
        self._listening: asyncio.Task[None] | None = None

    @property
    def tip(self) -> Turn:
        """Its last turn."""
        return self.turns[-1]

    # --- as its holder ----------------------------------------------------------------------------

    async def hold(self) -> bool:
        """Make it ours to change, as it stands in the store; False while another process has it."""
        if self.claim and await self.claim.holds():
            return True
        claim = await self._bus.claim(self.debate.id)
        if claim is None:
            return False
        self.drop()
        self.claim, self._relay, self.elsewhere = claim, Relay(claim, self._scene), False
        if not claim.untouched:
            try:
                await self.read_again()
                self.discard(ITS_PROCESS_ENDED)
            except BaseException:
                await self.let_go()
                raise
        return True

    async def let_go(self) -> None:
        """It rests: whoever acts next may have it. Everything is told before."""
        claim, relay, self.claim, self._relay = self.claim, self._relay, None, None
        if relay:
            await relay.flush()
        if claim:
            self._mark(claim)
            await claim.release()

    def drop(self) -> None:
        """It is another process's now, or will be."""
        if self._relay:
            self._relay.close()
        if self.claim:
            self._mark(self.claim)
        self.claim = self._relay = None
        if self._news:
            self._wake()

    def cede(self) -> None:
        """It was lost, and another process speaks now."""
        self.discard(GOES_ON_ELSEWHERE)
        self.elsewhere = True
        self.drop()

    def abandon(self) -> None:
        """Leave it to whoever takes over debates."""
        if self.claim:
            self.claim.abandon()
        self.drop()

    async def check(self) -> None:
        """Raises StaleTip where it is not ours any more; asked before anything is written."""
        if self.claim is None or not await self.claim.holds():
            raise StaleTip("Another process goes on with this debate.", "Look again.")

    def publish(self, *events: DebateEvent) -> None:
        """Tell everybody, here and elsewhere; nothing: only that it runs, or does not."""
        for event in events:
            self._broadcast.publish(event)
        if self._relay:
            self._relay.tell(*events)

    async def told(self) -> None:
        """Returns when the others could hear everything."""
        if self._relay:
            await self._relay.flush()

    def put(self, turns: tuple[Turn, ...], *, aside: int | None = None) -> None:
        """Its turns are these now, as the store knows already."""
        self.turns = turns
        self.aside = self.aside if aside is None else aside
        finished = next_debater(self.debate, turns) is None
        self.debate = self.debate.model_copy(update={"tip": turns[-1].id, "finished": finished})

    def mark(self, title: str | None, pinned: bool) -> None:
        """It is called that now, and pinned or not, as the store knows already."""
        self.debate = self.debate.model_copy(update={"title": title, "pinned": pinned})

    async def read_again(self) -> None:
        """Take it from the store, and tell what is new. Raises NotFound and StoreError."""
        debate = await self._store.get_debate(self.debate.id)
        tree = await self._store.get_tree(self.debate.id)
        line, before = line_to(tree, debate.tip), self.turns
        self.debate, self.turns, self.aside = debate, line, len(tree) - len(line)
        if _ids(line) == _ids(before):
            return
        if _ids(line[: len(before)]) == _ids(before):
            self.publish(*(TurnFinished(turn=turn) for turn in line[len(before) :]))
        else:
            self.publish(DebateRewound(tip=debate.tip))

    def discard(self, reason: str) -> None:
        """What is being said will not be finished."""
        if started := in_progress(self._broadcast.present):
            self.publish(TurnDiscarded(seat=started.seat, reason=reason))
            self._broadcast.forget()

    def _scene(self) -> Scene:
        present = tuple(self._broadcast.present)
        return Scene(
            running=self._is_spoken(),
            tip=self.tip.id,
            title=self.debate.title,
            pinned=self.debate.pinned,
            present=present,
        )

    # --- as a follower ----------------------------------------------------------------------------

    def hear(self, entry: Entry) -> None:
        """Another process says so."""
        self._news.append(entry)
        self._wake()

    def lose_sight(self, reason: DebatePaused) -> None:
        """Whoever runs it cannot be heard."""
        if self.elsewhere:
            self.elsewhere = False
            self._heard.lose_the_thread()
            self._broadcast.publish(reason)

    async def caught_up(self) -> None:
        """Returns when all that was heard so far is taken in."""
        if self._listening:
            await asyncio.wait([self._listening])

    async def resync(self) -> None:
        """News may have been missed: the holder's by us, or ours by the others."""
        async with self.lock:
            if self.claim:
                self.publish()
            else:
                self._heard.lose_the_thread()
                await self._catch_up()

    def _mark(self, claim: Claim) -> None:
        """What was told before that claim is old now."""
        self._heard.number = max(self._heard.number, claim.number)
        self._heard.lose_the_thread()

    def _wake(self) -> None:
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen(), name="transcript: listen")

    async def _listen(self) -> None:
        while self._news:
            async with self.lock:
                if self.claim is None and self._news:
                    await self._take_in(self._news.popleft())
                elif self._news and self.claim and self._news[0].number > self.claim.number:
                    return  # whoever loses a claim listens again
                elif self._news:
                    self._news.popleft()

    async def _take_in(self, entry: Entry) -> None:
        how = self._heard.take(entry)
        if how is None:
            return
        if entry.running and not self.elsewhere:
            self._broadcast.forget()
        self.elsewhere = entry.running
        self.mark(entry.title, entry.pinned)
        if how == "next" and self._fits(entry.events):
            for event in entry.events:
                self._witness(event)
            return
        if entry.tip != self.tip.id:
            await self._catch_up()
        if entry.tip != self.tip.id:
            self._heard.lose_the_thread()  # the store is ahead, and a later entry tells of that
        elif entry.present is not None:
            self._show(entry.present)

    def _fits(self, events: Sequence[DebateEvent]) -> bool:
        """Whether these go on from where we are."""
        if any(isinstance(event, DebateRewound) for event in events):
            return False
        tip, known = self.tip.id, set(_ids(self.turns))
        for event in events:
            if isinstance(event, TurnFinished) and event.turn.id not in known:
                if event.turn.parent_id != tip:
                    return False
                tip = event.turn.id
        return True

    def _witness(self, event: DebateEvent) -> None:
        """Pass on what happened."""
        if isinstance(event, TurnFinished):
            if event.turn.id in _ids(self.turns):
                return
            self.put((*self.turns, event.turn))
        elif isinstance(event, DebateWaiting):
            self._broadcast.forget()
        self._broadcast.publish(event)

    def _show(self, present: Sequence[DebateEvent]) -> None:
        """Tell watchers what they have missed."""
        known = self._broadcast.present
        fresh = unheard(known, present)
        if fresh is None:
            before, now = in_progress(known), in_progress(present)
            if before and (now is None or now.turn_id != before.turn_id):
                self.discard(ITS_PROCESS_ENDED)
            self._broadcast.forget()
            fresh = list(present)
        for event in fresh:
            self._broadcast.publish(event)

    async def _catch_up(self) -> None:
        try:
            await self.read_again()
        except StoreError:
            self._heard.lose_the_thread()


def _ids(turns: Sequence[Turn]) -> list[str]:
    return [turn.id for turn in turns]

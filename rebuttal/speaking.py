"""The task that speaks a debate in this process, from one turn to the next, until it rests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Literal

from rebuttal.broadcast import Broadcast
from rebuttal.errors import BudgetSpent, Busy, NotAllowed, RebuttalError, StaleTip
from rebuttal.events import (
    DebateEvent,
    DebateFinished,
    DebatePaused,
    DebateWaiting,
    TurnFinished,
    TurnStarted,
)
from rebuttal.hall import Hall
from rebuttal.line import next_debater, seated
from rebuttal.orchestrator import GetModel, run_debate
from rebuttal.orders import Note, Running
from rebuttal.places import Place
from rebuttal.records import USER, Debate, Debater, Turn, Visitor, now
from rebuttal.transcript import GOES_ON_ELSEWHERE, Transcript

log = logging.getLogger(__name__)

FULL_PACE = 200
"""Watchers of one debate that are told as often as one; the page has two for a tab."""
FULL_PACE_OF_ONE = 6
"""The same where only its owner sees it."""
MOMENT = 3.0
"""Seconds for which one who looked in counts as a watcher for other processes."""
TELL_AGAIN = 5.0
"""Seconds after which who waits in line hears how long it may still take."""


class SpokenDebate:
    """One debate: its transcript, who listens, and the task that speaks it here, if there is one.

    Nobody speaks without a claim to the debate, which is held until it rests and all is kept.
    """

    def __init__(
        self,
        debate: Debate,
        turns: tuple[Turn, ...],
        hall: Hall,
        on_begin: Callable[[], None],
        aside: int = 0,
    ) -> None:
        self._hall = hall
        self._store = hall.store
        self._on_begin = on_begin
        one_owner = hall.settings.owners
        self._broadcast = Broadcast(self._watch_over, FULL_PACE_OF_ONE if one_owner else FULL_PACE)
        self.transcript = Transcript(
            debate, turns, aside, hall.store, hall.bus, self._broadcast, lambda: self.running
        )
        self._lock = self.transcript.lock
        self._started: TurnStarted | None = None
        self._visitor: Visitor | None = None
        self._notes: list[Note] = []
        self._unkept: list[Turn] = []
        self._pause: DebatePaused | None = None
        self._task: asyncio.Task[None] | None = None
        self._settling: asyncio.Task[None] | None = None
        self._place: Place | None = None
        self._abandon: asyncio.TimerHandle | None = None
        self._watched_elsewhere = False
        self._looked_in = -MOMENT
        self._rest()

    @property
    def debate(self) -> Debate:
        """As it was kept last."""
        return self.transcript.debate

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The main line."""
        return self.transcript.turns

    @property
    def table(self) -> Debate:
        """The debate with those who sit at its table now."""
        return seated(self.debate, self.turns)

    @property
    def running(self) -> bool:
        """Whether a task of this process speaks its turns, or waits in line for a place."""
        return self._task is not None and not self._task.done()

    @property
    def watched(self) -> bool:
        """Whether somebody here keeps it running."""
        return self._broadcast.watchers > 0

    @property
    def was_watched(self) -> bool:
        """Whether somebody did so now or a moment ago."""
        loop = asyncio.get_running_loop()
        return self.watched or loop.time() - self._looked_in < MOMENT

    @property
    def audience(self) -> int:
        """How many watch or read along here."""
        return self._broadcast.audience

    def look_in(self) -> None:
        """Somebody has a look: the clock of an abandoned debate begins anew."""
        self._looked_in = asyncio.get_running_loop().time()
        if self._pause and self._pause.reason == "unwatched":
            self._pause = None
        self._watch_over()

    def _watch_over(self) -> None:
        """Arm or disarm the clock of an abandoned debate."""
        if self._abandon:
            self._abandon.cancel()
            self._abandon = None
        watched = self.watched or self._watched_elsewhere
        if watched and self._pause and self._pause.reason == "unwatched":
            self._pause = None
        if self.running and not watched:
            loop = asyncio.get_running_loop()
            after = self._hall.settings.unwatched_after
            self._abandon = loop.call_later(after, self._abandoned)

    def _abandoned(self) -> None:
        self._pause_for(
            DebatePaused(reason="unwatched", message="Nobody was watching.", hint="Resume goes on.")
        )

    def _pause_for(self, reason: DebatePaused) -> None:
        if self.running:
            self._pause = reason
            if self._place:
                self._place.wake()

    async def _go_on(self, visitor: Visitor, place: Place) -> None:
        """Have a task of its own speak at that place, which it leaves when it ends."""
        self._pause = None
        self._place = place
        self._visitor = visitor
        with place.left_on_error():
            await self._remember()
        self._tell_number(place)
        speaking = self._run(place, self._hall.get_model(self.debate, visitor))
        self._task = asyncio.create_task(speaking, name=f"debate {self.debate.id}")
        # Not at the end of _run, which never begins where it is cancelled at once.
        self._task.add_done_callback(lambda _: self._ended(place))
        self._publish()
        self._watch_over()
        self._on_begin()

    async def _remember(self) -> None:
        """Let others know how to go on, should this process die."""
        if self._visitor and self.transcript.claim:
            left = Running(visitor=self._visitor, notes=tuple(self._notes))
            await self.transcript.claim.run(left.model_dump_json())

    def _ended(self, place: Place) -> None:
        place.leave()
        self._settling = asyncio.create_task(self._settle(), name="debate at rest")

    async def _settle(self) -> None:
        async with self._lock:
            await self._let_go()

    async def _is_ours(self) -> bool:
        claim = self.transcript.claim
        return claim is not None and await claim.holds()

    async def _let_go(self) -> None:
        """Let any process have it, once it rests and nothing is unkept."""
        if not (self.running or self._unkept):
            await self.transcript.let_go()
        else:
            await self.transcript.told()

    async def _end_task(self) -> None:
        if self._task and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self, place: Place, get_model: GetModel) -> None:
        """Speak until nothing is owed, a person wants a rest, or a model cannot."""
        try:
            while await self._wait_in_line(place) and not await self._speak_on(place, get_model):
                place.hand_on()
        except RebuttalError as error:
            if await self._is_ours():
                with suppress(RebuttalError):
                    await self._keep_notes()
                self._rest(paused_by(error))
        except Exception:
            # The boundary of the task: without it a bug would leave watchers waiting for ever.
            log.exception("debate %s broke", self.debate.id)
            self._rest(paused_by(broken()))
        finally:
            self._started = None
            if self._abandon:
                self._abandon.cancel()

    async def _wait_in_line(self, place: Place) -> bool:
        """Until it is our turn to speak; False where a pause came first."""
        while place.position and not self._pause:
            with suppress(TimeoutError):
                async with asyncio.timeout(TELL_AGAIN):
                    await place.moved()
            if place.is_lost:
                raise Busy("Others had no number in line at all.", "Resume queues up again.")
            self._tell_number(place)
        if self._pause:
            await self._keep_notes()
            self._rest(self._pause)
            return False
        return True

    def _tell_number(self, place: Place) -> None:
        """Tell those who watch what is new; who comes later hears the latest number alone."""
        seconds = None if place.seconds is None else float(round(place.seconds))
        waiting = DebateWaiting(position=place.position, seconds=seconds)
        if place.position and self._broadcast.last == waiting:
            return
        self._broadcast.forget()
        if place.position:
            self._publish(waiting)

    async def _speak_on(self, place: Place, get_model: GetModel) -> bool:
        """Speak; where somebody else has moved the debate on, from where it is now."""
        try:
            return await self._speak(place, get_model)
        except StaleTip:
            await self._look_again()
            claim = self.transcript.claim
            if claim is None or not claim.exclusive:
                raise
            return False

    async def _look_again(self) -> None:
        """Somebody else has moved the debate on: what was not kept has no place any more."""
        self._unkept.clear()
        self._started = None
        self.transcript.discard(GOES_ON_ELSEWHERE)
        await self.transcript.read_again()

    async def _speak(self, place: Place, get_model: GetModel) -> bool:
        """Run to the end, or to a turn after which a note, a pause or others came; True at rest."""
        async with aclosing(run_debate(self.debate, self.turns, get_model)) as events:
            async for event in events:
                if isinstance(event, TurnFinished):
                    await self._keep(event.turn)
                    self._started = None
                    place.end_turn()
                    if self._notes or self._pause or place.is_wanted:
                        break
                    continue
                if isinstance(event, TurnStarted):
                    self._started = event
                self._publish(event)
                if isinstance(event, DebatePaused):
                    await self._keep_notes()
                    return True
        await self._keep_notes()
        if next_debater(self.debate, self.turns) is None:
            if not isinstance(self._broadcast.last, DebateFinished):
                self._rest()
            return True
        if self._pause:
            self._rest(self._pause)
            return True
        return False

    async def _cut(self, reason: DebatePaused) -> None:
        """Cancel the task, which closes the connection, and keep the half-said turn."""
        task, started = self._task, self._started
        assert task is not None
        task.cancel()
        await asyncio.wait([task])
        text = self._broadcast.unfinished.strip()
        debater = self.table.debater(started.seat) if started else None
        said_already = started is not None and self.turns[-1].id == started.turn_id
        try:
            if started and debater and text and not said_already:
                await self._keep(self._half_turn(started, debater, text))
            await self._keep_notes()
        except RebuttalError as error:
            reason = paused_by(error)
        self._rest(reason)

    def _half_turn(self, started: TurnStarted, debater: Debater, text: str) -> Turn:
        return Turn(
            id=started.turn_id,
            parent_id=self.turns[-1].id,
            speaker=started.seat,
            text=text,
            persona=debater.persona.key,
            model=debater.model,
            finish="stopped",
            created_at=now(),
        )

    async def _keep(self, turn: Turn) -> None:
        """Store a turn, then show it as finished. Cancelled or refused, it is not forgotten."""
        self._unkept.append(turn)
        storing = asyncio.ensure_future(self._keep_leftovers())
        try:
            await asyncio.shield(storing)
        except asyncio.CancelledError:
            await storing
            raise

    async def _keep_leftovers(self) -> None:
        while self._unkept:
            turn = self._unkept[0]
            turns = (*self.turns, turn)
            finished = next_debater(self.debate, turns) is None
            await self.transcript.check()
            await self._store.add_turn(self.debate.id, turn, finished=finished)
            del self._unkept[0]
            self.transcript.put(turns)
            self._publish(TurnFinished(turn=turn))

    async def _keep_notes(self) -> None:
        while self._notes:
            await self._keep(self._user_turn(self._notes.pop(0)))

    def _user_turn(self, note: Note, parent: str | None = None) -> Turn:
        last = self._unkept[-1] if self._unkept else self.turns[-1]
        return Turn(
            id=note.id,
            parent_id=parent or last.id,
            speaker=USER,
            text=note.text,
            rounds=note.rounds,
            created_at=now(),
        )

    def _rest(self, reason: DebatePaused | None = None) -> None:
        """Say how it stands now that nobody speaks."""
        self._pause = None
        if reason is None:
            owed = next_debater(self.debate, self.turns) is not None
            was_running = self._task is not None
            if owed:
                reason = DebatePaused(reason="paused" if was_running else "interrupted")
        self._publish(reason or DebateFinished())

    def _publish(self, *events: DebateEvent) -> None:
        self.transcript.publish(*events)


def broken() -> RebuttalError:
    """What is said of a bug."""
    return RebuttalError("Rebuttal itself broke.", "Its log says where.")


def paused_by(error: RebuttalError) -> DebatePaused:
    """A pause with the words of that error."""
    limit = isinstance(error, Busy | BudgetSpent | NotAllowed)
    reason: Literal["limit", "error"] = "limit" if limit else "error"
    return DebatePaused(reason=reason, message=error.message, hint=error.hint)

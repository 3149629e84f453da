"""Debates in progress: one task each, replay for late watchers, stop, pause and resume."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, nullcontext, suppress
from typing import Literal

from rebuttal.broadcast import Broadcast
from rebuttal.errors import (
    BudgetSpent,
    Busy,
    InvalidInput,
    NotAllowed,
    NotFound,
    RebuttalError,
    StoreError,
)
from rebuttal.events import (
    DebateEvent,
    DebateFinished,
    DebatePaused,
    DebateRewound,
    DebateWaiting,
    TurnFinished,
    TurnStarted,
)
from rebuttal.hall import Hall
from rebuttal.line import (
    below,
    end_below,
    line_to,
    next_debater,
    rounds_left,
    seated,
    turns_owed,
)
from rebuttal.orchestrator import GetModel, run_debate
from rebuttal.places import Place
from rebuttal.records import USER, Debate, Debater, DebateState, Turn, Visitor, new_id, now
from rebuttal.wish import check_length, spoken_text

log = logging.getLogger(__name__)

MOST_NOTES = 20
"""Notes that may wait for the end of the present turn."""
FULL_PACE = 200
"""Watchers of one debate that are told ten times a second; the page has two for a tab."""
FULL_PACE_OF_ONE = 6
"""The same where only its owner sees it."""


class LiveDebate:
    """One debate of this process: its transcript, the task that speaks it, and who listens."""

    def __init__(
        self,
        debate: Debate,
        turns: tuple[Turn, ...],
        hall: Hall,
        on_begin: Callable[[], None],
        aside: int = 0,
    ) -> None:
        self.debate = debate
        self.turns = turns
        self._hall = hall
        self._store = hall.store
        self._on_begin = on_begin
        self._aside = aside
        """Turns that are not on the main line."""
        one_owner = hall.settings.owners
        self._broadcast = Broadcast(self._watch_over, FULL_PACE_OF_ONE if one_owner else FULL_PACE)
        self._started: TurnStarted | None = None
        self._notes: list[tuple[str, int]] = []
        self._unkept: list[Turn] = []
        self._pause: DebatePaused | None = None
        self._task: asyncio.Task[None] | None = None
        self._place: Place | None = None
        self._abandon: asyncio.TimerHandle | None = None
        self._lock = asyncio.Lock()
        self._rest()

    @property
    def state(self) -> DebateState:
        """``paused``: it waits for a person. ``interrupted``: nobody was there to run it."""
        if self.running:
            return "running"
        last = self._broadcast.last
        if isinstance(last, DebateFinished):
            return "finished"
        interrupted = isinstance(last, DebatePaused) and last.reason == "interrupted"
        return "interrupted" if interrupted else "paused"

    @property
    def table(self) -> Debate:
        """The debate with those who sit at its table now."""
        return seated(self.debate, self.turns)

    @property
    def running(self) -> bool:
        """Whether a task speaks its turns, or waits in line for a place."""
        return self._task is not None and not self._task.done()

    @property
    def idle(self) -> bool:
        """Whether it may be forgotten: nobody runs it, nobody watches, nothing is unkept."""
        return not (self.running or self._broadcast.watchers or self._unkept or self._lock.locked())

    async def begin(self, visitor: Visitor, place: Place) -> None:
        """Speak for the first time, at a place that was taken already."""
        async with self._lock:
            self._go_on(visitor, place)

    async def resume(self, visitor: Visitor) -> None:
        """Go on from the transcript. Twice is once; a finished debate stays finished."""
        async with self._lock:
            if self.running:
                return
            await self._keep_leftovers()
            if next_debater(self.debate, self.turns) is None:
                self._rest()
            else:
                self._go_on(visitor, await self._hall.enter(visitor))

    async def stop(self) -> None:
        """Cut the turn in progress and keep what was said of it."""
        async with self._lock:
            if self.running:
                await self._cut(DebatePaused(reason="stopped"))

    async def pause(self) -> None:
        """Wait for the end of the present turn, then rest."""
        self._pause_for(DebatePaused(reason="paused"))

    async def cut(self, error: RebuttalError) -> None:
        """Stop, and say why."""
        async with self._lock:
            if self.running:
                await self._cut(_error(error))

    async def say(self, text: str, rounds: int, visitor: Visitor) -> None:
        """A user's turn; while somebody speaks, it waits for the end of that turn."""
        async with self._lock:
            self._check_length(rounds)
            if self.running and len(self._notes) >= MOST_NOTES:
                raise Busy(f"{MOST_NOTES} notes wait already.", "Let somebody speak first.")
            await self._hall.charge(visitor, self.debate.id, text)
            if self.running:
                self._notes.append((text, rounds))
                return
            place = await self._hall.enter(visitor) if rounds else None
            with place.left_on_error() if place else nullcontext():
                await self._keep_leftovers()
                await self._keep(self._user_turn(text, rounds))
            if place:
                self._go_on(visitor, place)
            else:
                self._rest()

    async def regenerate(self, visitor: Visitor, turn_id: str | None = None) -> None:
        """Leave a debater's turn, the last one or any other, aside and speak it anew."""
        async with self._lock:
            tree = await self._tree()
            turn = _turn(tree, turn_id or self.turns[-1].id, self.debate.id)
            if turn.from_user or turn.parent_id is None:
                raise InvalidInput("No debater said that.", "There is no turn to say again.")
            await self._go_from(tree, turn.parent_id, None, visitor)

    async def branch(
        self,
        visitor: Visitor,
        after: str,
        text: str = "",
        rounds: int | None = None,
        table: tuple[Debater, ...] | None = None,
    ) -> None:
        """Go on behind any turn: as it is, with a word of the user's, or with another table.

        Without a number of rounds a new table gets those that were left, and one at least; so it is
        where nothing is owed there.
        """
        async with self._lock:
            tree = await self._tree()
            line = line_to(tree, _turn(tree, after, self.debate.id).id)
            if rounds is None and (table or next_debater(self.debate, line) is None):
                rounds = max(rounds_left(self.debate, line), 1)
            said = None
            if text or table or rounds:
                said = self._user_turn(text, rounds or 0, after)
                said = said.model_copy(update={"debaters": table})
            await self._go_from(tree, after, said, visitor)

    async def edit(self, visitor: Visitor, turn_id: str, text: str) -> None:
        """Put a turn into other words, beside the one that was said, and go on from there."""
        async with self._lock:
            tree = await self._tree()
            turn = _turn(tree, turn_id, self.debate.id)
            if turn.parent_id is None:
                raise InvalidInput("The topic cannot be edited.", "Run it again with another.")
            new = {"id": new_id(), "text": text, "edited_from": turn.id, "created_at": now()}
            whole = {"finish": "stop", "usage": None, "timings": None}
            said = turn.model_copy(update={**new, **whole})
            await self._go_from(tree, turn.parent_id, said, visitor)

    async def choose(self, turn_id: str) -> None:
        """Make the line through that turn, to its newest end, the main line."""
        async with self._lock:
            tree = await self._tree()
            _turn(tree, turn_id, self.debate.id)
            await self._rewind(tree, line_to(tree, end_below(tree, turn_id)))
            self._rest()

    async def prune(self, turn_id: str) -> None:
        """Forget that turn and all that follow it; what others share with it stays.

        Where the main line went through it, the newest line beside it takes its place.
        """
        async with self._lock:
            tree = await self._tree()
            turn = _turn(tree, turn_id, self.debate.id)
            if turn.parent_id is None:
                raise InvalidInput("Everything follows the topic.", "Delete the whole debate.")
            lost = below(tree, turn_id)
            left = [one for one in tree if one.id not in lost]
            if self.debate.tip in lost:
                await self._rewind(left, line_to(left, end_below(left, turn.parent_id)))
            await self._store.delete_branch(self.debate.id, turn_id)
            self._aside = len(left) - len(self.turns)
            self._rest()

    async def close(self) -> None:
        """Cut and keep, because the process ends; the next one may resume."""
        async with self._lock:
            if self._abandon:
                self._abandon.cancel()
            if self.running:
                await self._cut(DebatePaused(reason="interrupted"))

    async def watch(
        self, after: str | None = None, *, reads: bool = False
    ) -> AsyncGenerator[list[DebateEvent], None]:
        """See DebateApp.watch. Who only ``reads`` keeps nothing running."""
        async with aclosing(self._broadcast.watch(self.turns, after, reads=reads)) as batches:
            async for batch in batches:
                yield batch

    def _watch_over(self) -> None:
        """Arm or disarm the clock of an abandoned debate."""
        if self._abandon:
            self._abandon.cancel()
            self._abandon = None
        if self._broadcast.watchers and self._pause and self._pause.reason == "unwatched":
            self._pause = None
        if self.running and not self._broadcast.watchers:
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

    def _check_length(self, rounds: int) -> None:
        """Refuse rounds that the debate would be too long with, notes that wait included."""
        notes = [bought for _, bought in self._notes] + [rounds]
        turns = self._aside + len(self.turns) + turns_owed(self.debate, self.turns)
        turns += len(notes) + sum(notes) * len(self.table.debaters)
        check_length(turns, self._hall.settings.max_turns)

    # --- the tree -------------------------------------------------------------------------------

    async def _tree(self) -> list[Turn]:
        """All turns, with nothing unkept. Raises InvalidInput while somebody speaks."""
        if self.running:
            raise InvalidInput("A turn is being spoken.", "Stop it first.")
        await self._keep_leftovers()
        return list(await self._store.get_tree(self.debate.id))

    async def _go_from(
        self, tree: Sequence[Turn], after: str, said: Turn | None, visitor: Visitor
    ) -> None:
        """End the main line at ``after``, append what is ``said``, and speak what is owed then."""
        line = line_to(tree, after)
        whole = (*line, said) if said else line
        owed = turns_owed(self.debate, whole)
        check_length(len(tree) + owed + (said is not None), self._hall.settings.max_turns)
        if said:
            await self._hall.charge(visitor, self.debate.id, spoken_text(said))
        place = await self._hall.enter(visitor) if owed else None
        with place.left_on_error() if place else nullcontext():
            await self._rewind(tree, line)
            if said:
                await self._keep(said)
        if place:
            self._go_on(visitor, place)
        else:
            self._rest()

    async def _rewind(self, tree: Sequence[Turn], line: tuple[Turn, ...]) -> None:
        """Make ``line`` the main line."""
        tip, was = line[-1].id, self.debate.tip
        if tip == was:
            return
        finished = next_debater(self.debate, line) is None
        await self._store.move_tip(self.debate.id, tip, expected=was, finished=finished)
        self.turns, self._aside = line, len(tree) - len(line)
        self.debate = self.debate.model_copy(update={"tip": tip, "finished": finished})
        self._broadcast.publish(DebateRewound(tip=tip))

    # --- the task ---------------------------------------------------------------------------------

    def _go_on(self, visitor: Visitor, place: Place) -> None:
        """Have a task of its own speak at that place, which it leaves when it ends."""
        self._pause = None
        self._place = place
        self._tell_number(place)
        speaking = self._run(place, self._hall.get_model(self.debate, visitor))
        self._task = asyncio.create_task(speaking, name=f"debate {self.debate.id}")
        # Not at the end of _run, which never begins where it is cancelled at once.
        self._task.add_done_callback(lambda _: place.leave())
        self._watch_over()
        self._on_begin()

    async def _run(self, place: Place, get_model: GetModel) -> None:
        """Speak until nothing is owed, a person wants a rest, or a model cannot."""
        try:
            while await self._wait_in_line(place) and not await self._speak(place, get_model):
                place.hand_on()
        except RebuttalError as error:
            with suppress(StoreError):
                await self._keep_notes()
            self._rest(_error(error))
        except Exception:
            # The boundary of the task: without it a bug would leave watchers waiting for ever.
            log.exception("debate %s broke", self.debate.id)
            self._rest(_error(RebuttalError("Rebuttal itself broke.", "Its log says where.")))
        finally:
            self._started = None
            if self._abandon:
                self._abandon.cancel()

    async def _wait_in_line(self, place: Place) -> bool:
        """Until it is our turn to speak; False where a pause came first."""
        while place.position and not self._pause:
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
        """Tell those who watch; who comes later hears the latest number alone."""
        self._broadcast.forget()
        if place.position:
            self._broadcast.publish(DebateWaiting(position=place.position))

    async def _speak(self, place: Place, get_model: GetModel) -> bool:
        """Run to the end, or to a turn after which a note, a pause or others came; True at rest."""
        async with aclosing(run_debate(self.debate, self.turns, get_model)) as events:
            async for event in events:
                if isinstance(event, TurnFinished):
                    await self._keep(event.turn)
                    self._started = None
                    if self._notes or self._pause or place.is_wanted:
                        break
                    continue
                if isinstance(event, TurnStarted):
                    self._started = event
                self._broadcast.publish(event)
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
        except StoreError as error:
            reason = _error(error)
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

    # --- the transcript ---------------------------------------------------------------------------

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
            await self._store.add_turn(self.debate.id, turn, finished=finished)
            del self._unkept[0]
            self.turns = turns
            self.debate = self.debate.model_copy(update={"tip": turn.id, "finished": finished})
            self._broadcast.publish(TurnFinished(turn=turn))

    async def _keep_notes(self) -> None:
        while self._notes:
            text, rounds = self._notes.pop(0)
            await self._keep(self._user_turn(text, rounds))

    def _user_turn(self, text: str, rounds: int, parent: str | None = None) -> Turn:
        last = self._unkept[-1] if self._unkept else self.turns[-1]
        parent = parent or last.id
        return Turn(
            id=new_id(), parent_id=parent, speaker=USER, text=text, rounds=rounds, created_at=now()
        )

    def _rest(self, reason: DebatePaused | None = None) -> None:
        """Say how it stands now that nobody speaks."""
        self._pause = None
        if reason is None:
            owed = next_debater(self.debate, self.turns) is not None
            was_running = self._task is not None
            if owed:
                reason = DebatePaused(reason="paused" if was_running else "interrupted")
        self._broadcast.publish(reason or DebateFinished())


def _turn(tree: Sequence[Turn], turn_id: str, debate_id: str) -> Turn:
    for turn in tree:
        if turn.id == turn_id:
            return turn
    raise NotFound(f"debate {debate_id!r} has no turn {turn_id!r}")


def _error(error: RebuttalError) -> DebatePaused:
    limit = isinstance(error, Busy | BudgetSpent | NotAllowed)
    reason: Literal["limit", "error"] = "limit" if limit else "error"
    return DebatePaused(reason=reason, message=error.message, hint=error.hint)

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
    StaleTip,
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
from rebuttal.orders import (
    Answer,
    Branch,
    Choose,
    Edit,
    Note,
    Order,
    Pause,
    Prune,
    Regenerate,
    Resume,
    Running,
    Say,
    Stop,
)
from rebuttal.places import Place
from rebuttal.records import USER, Debate, Debater, DebateState, Turn, Visitor, new_id, now
from rebuttal.transcript import GOES_ON_ELSEWHERE, Transcript
from rebuttal.wish import check_length, spoken_text

log = logging.getLogger(__name__)

TRIES = 4
"""Times that a debate may change hands while something is asked of it."""
MOST_NOTES = 20
"""Notes that may wait for the end of the present turn."""
FULL_PACE = 200
"""Watchers of one debate that are told ten times a second; the page has two for a tab."""
FULL_PACE_OF_ONE = 6
"""The same where only its owner sees it."""


class LiveDebate:
    """One debate: its transcript, who listens, and the task that speaks it, here or elsewhere."""

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
        self._rest()

    @property
    def debate(self) -> Debate:
        """As it was kept last."""
        return self.transcript.debate

    @debate.setter
    def debate(self, debate: Debate) -> None:
        self.transcript.debate = debate

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The main line."""
        return self.transcript.turns

    @property
    def state(self) -> DebateState:
        """``paused``: it waits for a person. ``interrupted``: nobody was there to run it."""
        if self.running or self.transcript.elsewhere:
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
        """Whether a task of this process speaks its turns, or waits in line for a place."""
        return self._task is not None and not self._task.done()

    @property
    def watched(self) -> bool:
        """Whether somebody here keeps it running."""
        return self._broadcast.watchers > 0

    @property
    def idle(self) -> bool:
        """Whether it may be forgotten: nobody runs it, nobody watches, nothing is unkept."""
        script = self.transcript
        busy = self.running or script.elsewhere or script.claim or self._lock.locked()
        return not (busy or self.watched or self._unkept)

    async def begin(self, visitor: Visitor, place: Place) -> None:
        """Speak for the first time, at a place that was taken already."""
        async with self._lock:
            if not await self._hold():
                raise Busy("Another process has this debate.", "Look again in a moment.")
            try:
                await self._go_on(visitor, place)
            finally:
                await self._let_go()

    async def do(self, order: Order) -> None:
        """Have it done where the debate runs: here, or by the process that runs it."""
        for _ in range(TRIES):
            if await self.do_here(order):
                break
            answer = await self._hall.bus.ask(self.debate.id, order.model_dump_json())
            if answer is None:
                continue
            await self.transcript.caught_up()
            said = Answer.model_validate_json(answer)
            if not said.elsewhere:
                said.check()
                break
        else:
            raise Busy("Another process has this debate.", "Try again in a moment.", 1.0)

    async def do_here(self, order: Order) -> bool:
        """Do it unless another process has the debate."""
        async with self._lock:
            if not await self._hold():
                return False
            try:
                await self._obey(order)
            except StaleTip:
                await self._look_again()
                if not self.running:
                    self._rest()
                raise
            finally:
                await self._let_go()
            return True

    async def _obey(self, order: Order) -> None:
        match order:
            case Resume():
                await self._resume(order.visitor)
            case Stop():
                if self.running:
                    await self._cut(DebatePaused(reason="stopped"))
            case Pause():
                self._pause_for(DebatePaused(reason="paused"))
            case Say():
                await self._say(order.note, order.visitor)
            case Regenerate():
                await self._regenerate(order)
            case Branch():
                await self._branch(order)
            case Edit():
                await self._edit(order)
            case Choose():
                await self._choose(order.turn_id)
            case Prune():
                await self._prune(order.turn_id)

    async def cut(self, error: RebuttalError) -> None:
        """Stop what is spoken here, and say why."""
        async with self._lock:
            if self.running:
                await self._cut(_error(error))
                await self._let_go()

    async def take_over(self, left: Running) -> None:
        """Go on in the place of a process that died."""
        async with self._lock:
            if not await self._hold() or self.running:
                return
            try:
                kept = {turn.id for turn in await self._tree()}
                self._notes = [note for note in left.notes if note.id not in kept]
                await self._keep_notes()
                await self._resume(left.visitor)
            except StoreError:
                self.transcript.abandon()
                raise
            except RebuttalError as error:
                self._rest(_error(error))
            finally:
                await self._let_go()

    def lose(self) -> None:
        """Another process has it now; whatever this one was about to say is not said."""
        self._settling = asyncio.create_task(self._cede(), name="debate ceded")

    async def close(self) -> None:
        """The process ends: another may go on. Where there is none, cut and keep."""
        async with self._lock:
            if self._abandon:
                self._abandon.cancel()
            claim = self.transcript.claim
            own = self.debate.own_keys  # they are known here alone
            if self.running and claim and not own and await claim.hand_over():
                await self._end_task()
                self.transcript.drop()
            elif self.running:
                await self._cut(DebatePaused(reason="interrupted"))
            await self._let_go()
        if self._settling:
            await asyncio.wait([self._settling])

    async def watch(
        self, after: str | None = None, *, reads: bool = False
    ) -> AsyncGenerator[list[DebateEvent], None]:
        """See DebateApp.watch. Who only ``reads`` keeps nothing running."""
        async with aclosing(self._broadcast.watch(self.turns, after, reads=reads)) as batches:
            async for batch in batches:
                yield batch

    def watched_elsewhere(self, is_it: bool) -> None:
        """Whether somebody watches it at another process."""
        if is_it != self._watched_elsewhere:
            self._watched_elsewhere = is_it
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

    def _check_length(self, rounds: int) -> None:
        """Refuse rounds that the debate would be too long with, notes that wait included."""
        notes = [note.rounds for note in self._notes] + [rounds]
        turns = self.transcript.aside + len(self.turns) + turns_owed(self.debate, self.turns)
        turns += len(notes) + sum(notes) * len(self.table.debaters)
        check_length(turns, self._hall.settings.max_turns)

    # --- what is asked of it ----------------------------------------------------------------------

    async def _resume(self, visitor: Visitor) -> None:
        if self.running:
            return
        await self._keep_leftovers()
        if next_debater(self.debate, self.turns) is None:
            self._rest()
        else:
            await self._go_on(visitor, await self._hall.enter(visitor))

    async def _say(self, note: Note, visitor: Visitor) -> None:
        known = {one.id for one in self._notes} | {turn.id for turn in self.turns}
        if note.id in known:
            return
        self._check_length(note.rounds)
        if self.running and len(self._notes) >= MOST_NOTES:
            raise Busy(f"{MOST_NOTES} notes wait already.", "Let somebody speak first.")
        await self._hall.charge(visitor, self.debate.id, note.text)
        if self.running:
            self._notes.append(note)
            await self._remember()
            return
        place = await self._hall.enter(visitor) if note.rounds else None
        with place.left_on_error() if place else nullcontext():
            await self._keep_leftovers()
            await self._keep(self._user_turn(note))
        if place:
            await self._go_on(visitor, place)
        else:
            self._rest()

    async def _regenerate(self, order: Regenerate) -> None:
        tree = await self._tree()
        turn = _turn(tree, order.turn_id or self.turns[-1].id, self.debate.id)
        if turn.from_user or turn.parent_id is None:
            raise InvalidInput("No debater said that.", "There is no turn to say again.")
        await self._go_from(tree, turn.parent_id, None, order.visitor)

    async def _branch(self, order: Branch) -> None:
        after, text, rounds, table = order.after, order.text, order.rounds, order.table
        tree = await self._tree()
        line = line_to(tree, _turn(tree, after, self.debate.id).id)
        if rounds is None and (table or next_debater(self.debate, line) is None):
            rounds = max(rounds_left(self.debate, line), 1)
        said = None
        if text or table or rounds:
            said = self._user_turn(Note(text=text, rounds=rounds or 0), after)
            said = said.model_copy(update={"debaters": table})
        await self._go_from(tree, after, said, order.visitor)

    async def _edit(self, order: Edit) -> None:
        tree = await self._tree()
        turn = _turn(tree, order.turn_id, self.debate.id)
        if turn.parent_id is None:
            raise InvalidInput("The topic cannot be edited.", "Run it again with another.")
        new = {"id": new_id(), "text": order.text, "edited_from": turn.id, "created_at": now()}
        whole = {"finish": "stop", "usage": None, "timings": None}
        said = turn.model_copy(update={**new, **whole})
        await self._go_from(tree, turn.parent_id, said, order.visitor)

    async def _choose(self, turn_id: str) -> None:
        tree = await self._tree()
        _turn(tree, turn_id, self.debate.id)
        await self._rewind(tree, line_to(tree, end_below(tree, turn_id)))
        self._rest()

    async def _prune(self, turn_id: str) -> None:
        tree = await self._tree()
        turn = _turn(tree, turn_id, self.debate.id)
        if turn.parent_id is None:
            raise InvalidInput("Everything follows the topic.", "Delete the whole debate.")
        lost = below(tree, turn_id)
        left = [one for one in tree if one.id not in lost]
        if self.debate.tip in lost:
            await self._rewind(left, line_to(left, end_below(left, turn.parent_id)))
        await self._store.delete_branch(self.debate.id, turn_id)
        self.transcript.aside = len(left) - len(self.turns)
        self._rest()

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
            await self._go_on(visitor, place)
        else:
            self._rest()

    async def _rewind(self, tree: Sequence[Turn], line: tuple[Turn, ...]) -> None:
        """Make ``line`` the main line."""
        tip, was = line[-1].id, self.debate.tip
        if tip == was:
            return
        finished = next_debater(self.debate, line) is None
        await self.transcript.check()
        await self._store.move_tip(self.debate.id, tip, expected=was, finished=finished)
        self.transcript.put(line, aside=len(tree) - len(line))
        self._publish(DebateRewound(tip=tip))

    # --- the task ---------------------------------------------------------------------------------

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

    async def _hold(self) -> bool:
        if self.transcript.claim and not await self._is_ours():
            await self._stand_back()
        return await self.transcript.hold()

    async def _let_go(self) -> None:
        """Let any process have it, once it rests and nothing is unkept."""
        if not (self.running or self._unkept):
            await self.transcript.let_go()
        else:
            await self.transcript.told()

    async def _cede(self) -> None:
        async with self._lock:
            if self.transcript.claim is None or await self._is_ours():
                return
            await self._stand_back()
        await self.transcript.resync()

    async def _stand_back(self) -> None:
        """It was lost: end what is spoken, and keep nothing of it."""
        await self._end_task()
        self._unkept.clear()
        self._notes.clear()
        self.transcript.cede()

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
            self._publish(DebateWaiting(position=place.position))

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


def _turn(tree: Sequence[Turn], turn_id: str, debate_id: str) -> Turn:
    for turn in tree:
        if turn.id == turn_id:
            return turn
    raise NotFound(f"debate {debate_id!r} has no turn {turn_id!r}")


def _error(error: RebuttalError) -> DebatePaused:
    limit = isinstance(error, Busy | BudgetSpent | NotAllowed)
    reason: Literal["limit", "error"] = "limit" if limit else "error"
    return DebatePaused(reason=reason, message=error.message, hint=error.hint)

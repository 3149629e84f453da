"""What can be asked of a debate in progress, and done here or by the process that runs it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, nullcontext

from rebuttal.errors import (
    Busy,
    InvalidInput,
    NotFound,
    RebuttalError,
    StaleTip,
    StoreError,
)
from rebuttal.events import DebateEvent, DebateFinished, DebatePaused, DebateRewound
from rebuttal.line import (
    below,
    end_below,
    line_to,
    next_debater,
    rounds_left,
    turns_owed,
)
from rebuttal.orders import (
    Answer,
    Branch,
    Change,
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
from rebuttal.records import DebateState, Turn, Visitor, new_id, now
from rebuttal.speaking import SpokenDebate, broken, paused_by
from rebuttal.wish import check_length, spoken_text

log = logging.getLogger(__name__)

TRIES = 4
"""Times that a debate may change hands while something is asked of it."""
MOST_NOTES = 20
"""Notes that may wait for the end of the present turn."""


class LiveDebate(SpokenDebate):
    """A debate as surfaces use it. Where nobody runs it, whoever is asked first does."""

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
            case Change():
                await self._change(order)

    async def cut(self, error: RebuttalError) -> None:
        """Stop what is spoken here, and say why."""
        async with self._lock:
            if self.running:
                await self._cut(paused_by(error))
                await self._let_go()

    async def take_over(self, left: str) -> None:
        """Go on in the place of a process that died and ``left`` these words."""
        async with self._lock:
            if not await self._hold() or self.running:
                return
            try:
                await self._succeed(Running.model_validate_json(left))
            except StoreError:
                self.transcript.abandon()
                raise
            except RebuttalError as error:
                self._rest(paused_by(error))
            except Exception:
                # The boundary between processes: those who watch wait for it to go on.
                log.exception("debate %s broke when it was taken over", self.debate.id)
                self._rest(paused_by(broken()))
            finally:
                await self._let_go()

    async def _succeed(self, left: Running) -> None:
        kept = {turn.id for turn in await self._tree()}
        self._notes = [note for note in left.notes if note.id not in kept]
        await self._keep_notes()
        await self._resume(left.visitor)

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
        self,
        after: str | None = None,
        *,
        reads: bool = False,
        again: bool = False,
        words: bool = True,
    ) -> AsyncGenerator[list[DebateEvent], None]:
        """See DebateApp.watch. Who only ``reads`` keeps nothing running."""
        watching = self._broadcast.watch(self.turns, after, reads=reads, again=again, words=words)
        async with aclosing(watching) as batches:
            async for batch in batches:
                yield batch

    def watched_elsewhere(self, is_it: bool) -> None:
        """Whether somebody watches it at another process."""
        if is_it != self._watched_elsewhere:
            self._watched_elsewhere = is_it
            self._watch_over()

    def _check_length(self, rounds: int) -> None:
        """Refuse rounds that the debate would be too long with, notes that wait included."""
        notes = [note.rounds for note in self._notes] + [rounds]
        turns = self.transcript.aside + len(self.turns) + turns_owed(self.debate, self.turns)
        turns += len(notes) + sum(notes) * len(self.table.debaters)
        check_length(turns, self._hall.settings.max_turns)

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

    async def _change(self, order: Change) -> None:
        await self._store.change_debate(self.debate.id, title=order.title, pinned=order.pinned)
        kept = self.debate
        title = kept.title if order.title is None else order.title or None
        pinned = kept.pinned if order.pinned is None else order.pinned
        self.transcript.mark(title, pinned)
        self._publish()

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

    async def _hold(self) -> bool:
        if self.transcript.claim and not await self._is_ours():
            await self._stand_back()
        return await self.transcript.hold()

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


def _turn(tree: Sequence[Turn], turn_id: str, debate_id: str) -> Turn:
    for turn in tree:
        if turn.id == turn_id:
            return turn
    raise NotFound(f"debate {debate_id!r} has no turn {turn_id!r}")

"""Whose turn is it, ask, stream: a debate as one generator of events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from rebuttal.catalog import Model
from rebuttal.errors import BrokenAnswer, ContextOverflow, ModelError
from rebuttal.events import (
    ContextTrimmed,
    DebateEvent,
    DebateFinished,
    DebatePaused,
    TurnDelta,
    TurnDiscarded,
    TurnFinished,
    TurnStarted,
    TurnWaiting,
)
from rebuttal.line import cast, is_chaired, next_debater, rounds_of, seated
from rebuttal.material import Cleaner
from rebuttal.prompts import Objection
from rebuttal.providers.base import ChatModel, Chunk, Options
from rebuttal.records import (
    Debate,
    Debater,
    Finish,
    Sampling,
    Timings,
    Turn,
    Usage,
    new_id,
    now,
)
from rebuttal.speech import NEAR_COPY, Speech, concedes, copied_share, whole_sentences
from rebuttal.views import Budget, View, ask_again, debater_messages

SENTENCES = 3
"""A debater's turn ends cleanly after so many whole sentences; a chat answer has no such end."""

GetModel = Callable[[str], tuple[ChatModel, Model]]
"""From a model's label to what speaks and how the catalog wants it asked."""


async def run_debate(
    debate: Debate, turns: Sequence[Turn], get_model: GetModel
) -> AsyncGenerator[DebateEvent, None]:
    """Speak every turn that is owed, each model hearing what the others said before it.

    Ends with DebateFinished, or with DebatePaused after a turn that something cut. Raises
    ModelError where a model could not speak at all, and NotFound where one is gone. ``turns`` plus
    the turns of the TurnFinished events are the transcript; whoever iterates may stop between any
    two events.
    """
    said = list(turns)
    while debater := next_debater(debate, said):
        speaking = _Speaking(debate, tuple(said), debater, *get_model(debater.model))
        async with aclosing(speaking.events()) as events:
            async for event in events:
                if isinstance(event, TurnFinished):
                    said.append(event.turn)
                yield event
                if isinstance(event, DebatePaused):
                    return
    yield DebateFinished()


@dataclass
class _Speaking:
    """One turn of one seat, from the view to the finished turn."""

    debate: Debate
    turns: tuple[Turn, ...]
    debater: Debater
    chat: ChatModel
    model: Model
    turn_id: str = field(default_factory=new_id)
    scale: float = 1.0
    context: int = 0

    async def events(self) -> AsyncGenerator[DebateEvent, None]:
        self.context = self.model.context or await self.chat.context()
        view = self._view()
        yield self._started(view)
        if view.left_out:
            seat = self.debater.seat
            yield ContextTrimmed(seat=seat, left_out=view.left_out, context=self.context)
        attempt = _Attempt(self, view, again=False)
        async with aclosing(self._ask(attempt)) as events:
            async for event in events:
                yield event
        # Beside a long debate of long turns that takes seconds.
        objection = await asyncio.to_thread(self._objection, attempt)
        if objection:
            yield TurnDiscarded(seat=self.debater.seat, reason=_OBJECTIONS[objection])
            first, attempt = attempt, _Attempt(self, ask_again(attempt.view, objection), again=True)
            async with aclosing(self._ask(attempt)) as events:
                async for event in events:
                    yield event
            attempt = attempt if attempt.text else first
        if not attempt.text:
            raise attempt.problem or BrokenAnswer(
                f"{self.debater.model!r} gave {self.debater.name} nothing to say.",
                "Resume asks it again; another model may do better at this seat.",
            )
        yield TurnFinished(turn=self._turn(attempt))
        if attempt.problem:
            problem = attempt.problem
            yield DebatePaused(reason="error", message=problem.message, hint=problem.hint)

    @property
    def table(self) -> tuple[Debater, ...]:
        """Who sits there now."""
        return seated(self.debate, self.turns).debaters

    @property
    def sampling(self) -> Sampling:
        """How its model is asked."""
        return self.debater.sampling or sampling_of(self.debater, self.model)

    async def _ask(self, attempt: _Attempt) -> AsyncGenerator[DebateEvent, None]:
        """Run the attempt; once more with a smaller view where the server counted more tokens."""
        try:
            async with aclosing(attempt.events()) as events:
                async for event in events:
                    yield event
        except ContextOverflow as overflow:
            attempt.view = self._smaller_view(attempt.view, overflow)
            async with aclosing(attempt.events()) as events:
                async for event in events:
                    yield event

    def _view(self) -> View:
        answer = min(self.sampling.max_tokens, self.context // 3)
        budget = Budget(self.context, answer, self.model.history, self.scale)
        return debater_messages(self.debate, self.turns, self.debater, budget)

    def _smaller_view(self, view: View, overflow: ContextOverflow) -> View:
        """The view again, after the server has counted more tokens than were estimated."""
        if overflow.allowed:
            self.context = min(self.context, overflow.allowed)
        asked = overflow.asked or view.tokens * 1.5
        self.scale = max(self.scale * asked / max(view.tokens, 1), self.scale * 1.1)
        return self._view()

    def _started(self, view: View) -> TurnStarted:
        spoken, bought = rounds_of(self.turns, self.debater)
        return TurnStarted(
            seat=self.debater.seat,
            turn_id=self.turn_id,
            round=spoken + 1,
            rounds=bought,
            prompt_tokens=view.tokens,
            context=self.context,
        )

    def _objection(self, attempt: _Attempt) -> Objection | None:
        """Why the turn should be asked for again."""
        if attempt.problem:
            return None
        if not attempt.text:
            return "nothing"
        if len(self.table) == 1:
            return None
        earlier = [turn.text for turn in self.turns if not turn.from_user]
        if copied_share(attempt.text, earlier) > NEAR_COPY:
            return "copy"
        return "concession" if concedes(attempt.text) else None

    def _turn(self, attempt: _Attempt) -> Turn:
        return Turn(
            id=self.turn_id,
            parent_id=self.turns[-1].id,
            speaker=self.debater.seat,
            text=attempt.text,
            persona=self.debater.persona.key,
            model=self.debater.model,
            finish=attempt.finish,
            usage=attempt.usage,
            timings=attempt.timings,
            created_at=now(),
        )


_OBJECTIONS: dict[Objection, str] = {
    "nothing": "it said nothing",
    "copy": "it copied an earlier turn",
    "concession": "it gave in",
}


def sampling_of(debater: Debater, model: Model) -> Sampling:
    """How the catalog wants that debater's model asked."""
    chosen = (debater.temperature, debater.persona.temperature, model.temperature)
    return Sampling(
        temperature=next(value for value in chosen if value is not None),
        top_p=model.top_p,
        max_tokens=debater.max_tokens or model.max_tokens,
        reasoning=model.reasoning,
    )


class _Attempt:
    """One answer of the model, as deltas and then as a cleaned text."""

    def __init__(self, speaking: _Speaking, view: View, *, again: bool) -> None:
        self.view = view
        self._speaking = speaking
        self._options = _options(speaking, view, again=again)
        self._seat = speaking.debater.seat
        everybody = cast(speaking.debate, speaking.turns).values()
        chaired = is_chaired(speaking.debate, speaking.turns)
        others = [] if chaired else [one.name for one in everybody if one.seat != self._seat]
        sentences = 0 if len(speaking.table) == 1 else SENTENCES
        self._speech = Speech(speaking.debater.name, others, sentences, cites=chaired)
        self._cleaner = Cleaner()
        self._last = Chunk()
        self._first_token: float | None = None
        self._tokens = 0
        self.usage: Usage | None = None
        self.text = ""
        self.timings = Timings(total=0.0)

    @property
    def finish(self) -> Finish:
        """How it ended; an answer that reached its last sentence is done, whatever came after."""
        return self._last.finish or "stop"

    @property
    def problem(self) -> ModelError | None:
        """What cut it."""
        return self._last.problem

    async def events(self) -> AsyncGenerator[DebateEvent, None]:
        """Waiting and deltas, until the model or the speech is done."""
        asked_at = time.monotonic()
        stream = self._speaking.chat.stream(self.view.messages, self._options)
        async with aclosing(stream) as chunks:
            async for chunk in chunks:
                event = self._take(chunk, asked_at)
                if event:
                    yield event
                if self._speech.done:
                    break
        if rest := self._speech.close():
            yield TurnDelta(seat=self._seat, text=rest)
        self._settle(time.monotonic() - asked_at)

    def _take(self, chunk: Chunk, asked_at: float) -> DebateEvent | None:
        self._last = chunk
        self.usage = chunk.usage or self.usage
        if chunk.waiting:
            return TurnWaiting(
                seat=self._seat,
                reason=chunk.waiting,
                fraction=chunk.fraction,
                endpoint=chunk.endpoint,
            )
        if not (chunk.text or chunk.reasoning):
            return None
        self._tokens += 1
        if self._first_token is None:
            self._first_token = time.monotonic() - asked_at
        shown = self._speech.feed(self._cleaner.feed(chunk.text)) if chunk.text else ""
        if not (shown or chunk.reasoning):
            return None
        return TurnDelta(seat=self._seat, text=shown, reasoning=chunk.reasoning)

    def _settle(self, seconds: float) -> None:
        text = self._speech.text.strip()
        self.text = whole_sentences(text) if self.finish in ("length", "limit") else text
        self.timings = Timings(first_token=self._first_token, total=seconds)
        if self.usage is None and self._tokens:
            self.usage = Usage(completion_tokens=self._tokens)


def _options(speaking: _Speaking, view: View, *, again: bool) -> Options:
    sampling = speaking.sampling
    temperature = sampling.temperature
    options = Options(
        temperature=temperature,
        top_p=sampling.top_p,
        max_tokens=min(sampling.max_tokens, speaking.context // 3),
        seed=None if speaking.debate.seed is None else speaking.debate.seed + len(speaking.turns),
        stop=view.stops,
        reasoning_effort=sampling.reasoning,
    )
    if not again:
        return options
    seed = None if options.seed is None else options.seed + 1_000_003
    return replace(options, temperature=min(temperature + 0.2, 2.0), seed=seed)

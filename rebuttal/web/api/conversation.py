"""Conversations with one model: debates of a single seat, asked and answered in turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, replace

from rebuttal.app import DebateApp
from rebuttal.catalog import Catalog
from rebuttal.errors import InvalidInput, RebuttalError, StaleTip
from rebuttal.line import turns_owed
from rebuttal.records import Debate, Debater, Seat, Turn, Visitor, new_id
from rebuttal.web.api.chat_schemas import (
    Conversation,
    ConversationToBe,
    Listener,
    Say,
    Switch,
    Utterance,
)
from rebuttal.web.api.hearing import Hearing
from rebuttal.web.api.pieces import Pieces
from rebuttal.wish import checked_text

NEUTRAL = "polite"
"""The persona that answers where none is named, if the catalog has it."""
PROMISED_FOR = 3600.0
"""Seconds for which a conversation that nobody has begun keeps its id."""
MOST_PROMISED = 1000
MOST_OF_ONE = 20
"""Promises to one visitor; with more, the first one is forgotten."""


@dataclass(frozen=True)
class _Promise:
    """A conversation that has an id and no word yet."""

    owner: str
    seat: Seat
    until: float


class Conversations:
    """Whom the visitors of an app talk to."""

    def __init__(self, app: DebateApp) -> None:
        self._app = app
        self._promised: dict[str, _Promise] = {}
        self._answering: set[tuple[str, str]] = set()
        self._stopping: set[asyncio.Task[None]] = set()

    def promise(self, wish: ConversationToBe, visitor: Visitor) -> Listener:
        """An id for a conversation that begins with its first message."""
        seat = self._seat(wish)
        self._app.completions.options(seat.model, visitor=visitor)  # whether they may ask it
        self._make_room(visitor)
        promised, until = new_id(), time.monotonic() + PROMISED_FOR
        self._promised[promised] = _Promise(visitor.owner, seat, until)
        return Listener(conversation_id=promised, model=seat.model, persona=seat.persona)

    async def ask(self, wish: Say, visitor: Visitor) -> Pieces:
        """Who answers, then the answer in pieces, then the whole. Closed before, it is stopped.

        Raises StaleTip while another answer is being given there, and what DebateApp raises.
        """
        with self._alone(wish.conversation_id, visitor):
            begun, after = await self._say(wish, visitor)
            hearing = Hearing(begun, checked_text(wish.message, "message"))
            try:
                yield "begun", begun
                watching = self._app.watch(begun.conversation_id, after, visitor=visitor)
                async with aclosing(hearing.pieces(watching)) as pieces:
                    async for piece in pieces:
                        yield piece
            finally:
                if not hearing.rests:
                    await self._stop(begun.conversation_id, visitor)

    async def switch(self, wish: Switch, visitor: Visitor) -> Listener:
        """Let another model, or persona, answer from here on. Raises StaleTip like ``ask``."""
        conversation = wish.conversation_id
        promise = self._promise_of(conversation, visitor)
        if promise:
            seat = self._changed(promise.seat, wish)
            self._promised[conversation] = replace(promise, seat=seat)
            return Listener(conversation_id=conversation, model=seat.model, persona=seat.persona)
        with self._alone(conversation, visitor):
            debate, line = await self._at_rest(conversation, visitor)
            before = self._seat_of(debate.debaters[0])
            seat = self._changed(before, wish)
            if seat != before:
                tip = line[-1].id
                await self._app.branch(conversation, tip, seats=[seat], rounds=0, visitor=visitor)
        return _listener(await self._app.debate(conversation, visitor=visitor))

    async def read(self, conversation: str, visitor: Visitor) -> Conversation:
        """What was said so far. Raises NotFound, and InvalidInput for a debate of several seats."""
        debate = _single(await self._app.debate(conversation, visitor=visitor))
        line = await self._app.transcript(conversation, visitor=visitor)
        return Conversation(
            **_listener(debate).model_dump(),
            title=debate.title or debate.topic,
            state=await self._app.state(conversation, visitor=visitor),
            created_at=debate.created_at,
            messages=tuple(_utterance(turn) for turn in line if turn.text),
        )

    async def _say(self, wish: Say, visitor: Visitor) -> tuple[Listener, str | None]:
        """Who answers, and the turn before what is said."""
        app, conversation = self._app, wish.conversation_id
        promise = self._promise_of(conversation, visitor)
        if conversation is None or promise:
            seat = self._changed(promise.seat, wish) if promise else self._seat(wish)
            started = await app.start(
                wish.message, [seat], rounds=1, under=conversation, visitor=visitor
            )
            self._promised.pop(started, None)
            return _listener(await app.debate(started, visitor=visitor)), None
        debate, line = await self._at_rest(conversation, visitor)
        before, tip = self._seat_of(debate.debaters[0]), line[-1].id
        seat = self._changed(before, wish)
        if seat != before or turns_owed(debate, line):
            # A new table owes nothing that was asked before: one message, one answer.
            await app.branch(
                conversation, tip, seats=[seat], text=wish.message, rounds=1, visitor=visitor
            )
        else:
            await app.say(conversation, wish.message, rounds=1, visitor=visitor)
        return _listener(await app.debate(conversation, visitor=visitor)), tip

    @contextmanager
    def _alone(self, conversation: str | None, visitor: Visitor) -> Iterator[None]:
        """Let the visitor say one thing at a time there. Raises StaleTip.

        By visitor, for whether anybody else is there is not to be told to a stranger.
        """
        if conversation is None:
            yield
            return
        place = visitor.owner, conversation
        if place in self._answering:
            raise _busy(conversation)
        self._answering.add(place)
        try:
            yield
        finally:
            self._answering.discard(place)

    async def _at_rest(self, conversation: str, visitor: Visitor) -> tuple[Debate, Sequence[Turn]]:
        debate = _single(await self._app.debate(conversation, visitor=visitor))
        if await self._app.state(conversation, visitor=visitor) == "running":
            raise _busy(conversation)
        return debate, await self._app.transcript(conversation, visitor=visitor)

    async def _stop(self, conversation: str, visitor: Visitor) -> None:
        """In a task of its own: whoever asked may be cancelled over and over."""
        stopping = asyncio.create_task(self._app.stop(conversation, visitor=visitor))
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopping.discard)
        with suppress(RebuttalError):
            await asyncio.shield(stopping)

    def _make_room(self, visitor: Visitor) -> None:
        mine = [key for key, one in self._promised.items() if one.owner == visitor.owner]
        if len(mine) >= MOST_OF_ONE:
            del self._promised[mine[0]]
        elif len(self._promised) >= MOST_PROMISED:
            del self._promised[next(iter(self._promised))]

    def _promise_of(self, conversation: str | None, visitor: Visitor) -> _Promise | None:
        promise = self._promised.get(conversation or "")
        if promise is None or promise.owner != visitor.owner or promise.until < time.monotonic():
            return None
        return promise

    def _seat(self, wish: ConversationToBe | Say) -> Seat:
        """Who answers somebody who has not talked to anybody yet."""
        catalog = self._app.catalog
        seat = Seat(persona=usual_persona(catalog), model=wish.model or usual_model(catalog))
        return self._changed(seat, wish)

    def _changed(self, seat: Seat, wish: ConversationToBe | Say | Switch) -> Seat:
        """With what is wished for in its place. Another persona brings its own instructions."""
        changes: dict[str, object] = {}
        if wish.persona is not None:
            persona = self._app.catalog.persona(wish.persona).key
            if persona != seat.persona:
                changes |= {"persona": persona, "instructions": None, "stance": None}
        if wish.model is not None:
            changes["model"] = wish.model
        if not isinstance(wish, Switch):
            if wish.temperature is not None:
                changes["temperature"] = wish.temperature
            if wish.max_tokens is not None:
                changes["max_tokens"] = wish.max_tokens
        return seat.model_copy(update=changes)

    def _seat_of(self, debater: Debater) -> Seat:
        """As it would be asked for again."""
        usual = self._app.catalog.personas.get(debater.persona.key)
        is_usual = usual is not None and usual.instructions == debater.persona.instructions
        return Seat(
            persona=debater.persona.key,
            model=debater.model,
            stance=debater.stance,
            instructions=None if is_usual else debater.persona.instructions,
            temperature=debater.temperature,
            max_tokens=debater.max_tokens,
        )


def usual_model(catalog: Catalog) -> str:
    """Who answers where no model is named: the one inside the app, else the first."""
    inside = (label for label, model in catalog.models.items() if model.weights)
    found = next(inside, None) or next(iter(catalog.models), None)
    if found is None:
        raise InvalidInput("models.yaml names no model.", "Say which with: model")
    return found


def usual_persona(catalog: Catalog) -> str:
    """Who answers where no persona is named: a neutral one."""
    return NEUTRAL if NEUTRAL in catalog.personas else next(iter(catalog.personas))


def _listener(debate: Debate) -> Listener:
    (one,) = debate.debaters
    return Listener(conversation_id=debate.id, model=one.model, persona=one.persona.key)


def _utterance(turn: Turn) -> Utterance:
    return Utterance(
        role="user" if turn.from_user else "assistant",
        content=turn.text,
        turn_id=turn.id,
        created_at=turn.created_at,
        model=turn.model,
        persona=turn.persona,
        finish=turn.finish,
        generation_time=turn.timings.total if turn.timings else None,
        usage=turn.usage,
    )


def _single(debate: Debate) -> Debate:
    if len(debate.debaters) > 1:
        raise InvalidInput(
            f"That is a debate of {len(debate.debaters)} seats.",
            f"It is read and gone on with at /api/v1/debates/{debate.id}.",
        )
    return debate


def _busy(conversation: str | None) -> StaleTip:
    return StaleTip(
        "An answer is being given there.",
        f"Wait for it, or stop it with: POST /api/v1/debates/{conversation}/stop",
    )

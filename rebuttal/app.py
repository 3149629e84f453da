"""DebateApp: one method for each thing the product can do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TypeVar

from rebuttal.catalog import Catalog, load_catalog
from rebuttal.errors import CatalogError, InvalidInput, NotAllowed, StoreError
from rebuttal.events import DebateEvent
from rebuttal.export import ExportFormat as ExportFormat
from rebuttal.export import export_debate
from rebuttal.live import LiveDebate, LiveDebates
from rebuttal.material import clean
from rebuttal.models import Models
from rebuttal.prompts import default_stances
from rebuttal.providers.base import ChatModel, Progress
from rebuttal.records import (
    OPERATOR,
    USER,
    Debate,
    Debater,
    DebateState,
    EndpointState,
    ModelState,
    Persona,
    Seat,
    Turn,
    Visitor,
    new_id,
    now,
)
from rebuttal.settings import Settings
from rebuttal.stores.base import DebateStore, no_debate

State = TypeVar("State", ModelState, EndpointState)

MAX_SEATS = 6
MAX_TEXT = 8000
"""Characters of a topic or a note."""
REMEMBERED_REQUESTS = 1000


class DebateApp:
    """Everything Rebuttal can do, for screens, terminals, servers and notebooks alike.

    Use it in one event loop, as ``async with DebateApp(load_settings()) as app``. ``store`` and
    ``chat_models`` (by label) take the place of what the settings name: for tests and notebooks.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        store: DebateStore | None = None,
        chat_models: dict[str, ChatModel] | None = None,
    ) -> None:
        self.settings = settings
        self.catalog_problem = ""
        """Why the last reload was refused, or empty. The last good catalog stays in force."""
        self._models = Models(
            settings, load_catalog(settings.models, settings.personas), chat_models
        )
        self._store = store
        self._live: LiveDebates | None = None
        self._opening = asyncio.Lock()
        self._requests: dict[tuple[str, str], asyncio.Task[str]] = {}

    async def __aenter__(self) -> DebateApp:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def catalog(self) -> Catalog:
        """Endpoints, models and personas now in force."""
        return self._models.catalog

    # --- debates ----------------------------------------------------------------------------------

    async def start(
        self,
        topic: str,
        seats: Sequence[Seat],
        *,
        rounds: int = 3,
        language: str = "English",
        seed: int | None = None,
        request: str | None = None,
        keys: Mapping[str, str] | None = None,
        visitor: Visitor = OPERATOR,
    ) -> str:
        """Begin a debate and return its id; it runs on its own from here.

        Two starts of a visitor with the same ``request`` (any unguessable text) are one debate.
        ``keys``, by endpoint, are the visitor's own: kept in memory for this debate alone. Raises
        InvalidInput, NotFound or NotAllowed for what cannot be, Busy or BudgetSpent where a limit
        is reached, StoreError where it cannot be kept.
        """
        wish = (topic, seats, rounds, language, seed, dict(keys or {}), visitor)
        if request is None:
            return await self._start(*wish)
        token = (visitor.owner, request)
        if token not in self._requests:
            if len(self._requests) >= REMEMBERED_REQUESTS:
                del self._requests[next(iter(self._requests))]
            self._requests[token] = asyncio.ensure_future(self._start(*wish))
        task = self._requests[token]
        try:
            return await asyncio.shield(task)
        except Exception:
            # A refused start may be mended and sent again under the same token.
            self._requests.pop(token, None)
            raise

    async def say(
        self, debate_id: str, text: str, rounds: int = 0, *, visitor: Visitor = OPERATOR
    ) -> None:
        """A user's turn: a follow-up that buys rounds, or with 0 a note to those who speak next.

        While a turn is being spoken it waits for its end. Empty text with rounds means "go on".
        """
        text = self._text(text, "note") if text.strip() or not rounds else ""
        if rounds < 0 or rounds > self.settings.max_rounds:
            raise InvalidInput(f"rounds: {rounds} is not between 0 and {self.settings.max_rounds}.")
        await (await self._open(debate_id, visitor)).say(text, rounds)

    async def stop(self, debate_id: str, *, visitor: Visitor = OPERATOR) -> None:
        """Cut the turn in progress, keep what was said, and wait for resume."""
        await (await self._open(debate_id, visitor)).stop()

    async def pause(self, debate_id: str, *, visitor: Visitor = OPERATOR) -> None:
        """Let the present turn end, then wait for resume."""
        await (await self._open(debate_id, visitor)).pause()

    async def resume(self, debate_id: str, *, visitor: Visitor = OPERATOR) -> None:
        """Go on from the transcript: after stop, pause, an error or a crash. Twice is once."""
        await (await self._open(debate_id, visitor)).resume()

    async def regenerate(self, debate_id: str, *, visitor: Visitor = OPERATOR) -> None:
        """Leave the last turn of a debater on a side branch and have it spoken anew."""
        await (await self._open(debate_id, visitor)).regenerate()

    async def watch(
        self, debate_id: str, after: str | None = None, *, visitor: Visitor = OPERATOR
    ) -> AsyncGenerator[list[DebateEvent], None]:
        """What has been said (from the turn behind ``after``), then what follows, as it happens.

        Yields batches at most every 0.1 s with the deltas of one turn merged into one, and an empty
        batch at least every 0.5 s. A watcher that comes in mid-turn first gets TurnStarted and the
        turn so far as one TurnDelta. After DebatePaused or DebateFinished the stream goes on (a
        resume may follow) until the watcher leaves. Raises NotFound.
        """
        live = await self._open(debate_id, visitor)
        async with aclosing(live.watch(after)) as batches:
            async for batch in batches:
                yield batch

    async def debate(self, debate_id: str, *, visitor: Visitor = OPERATOR) -> Debate:
        """Raises NotFound."""
        return (await self._open(debate_id, visitor)).debate

    async def state(self, debate_id: str, *, visitor: Visitor = OPERATOR) -> DebateState:
        """Whether it runs, waits, was interrupted, or is finished."""
        return (await self._open(debate_id, visitor)).state

    async def transcript(self, debate_id: str, *, visitor: Visitor = OPERATOR) -> tuple[Turn, ...]:
        """The main line: user's and debaters' turns from the topic to the tip."""
        return (await self._open(debate_id, visitor)).turns

    async def debates(self, limit: int = 50, *, visitor: Visitor = OPERATOR) -> list[Debate]:
        """The visitor's, newest first; the operator sees everybody's."""
        await self._ready()
        return await self._kept.list_debates(None if visitor.operator else visitor.owner, limit)

    async def export(
        self, debate_id: str, format: ExportFormat, *, visitor: Visitor = OPERATOR
    ) -> str:
        """The debate as text of that format."""
        live = await self._open(debate_id, visitor)
        return export_debate(live.debate, live.turns, format)

    # --- models -----------------------------------------------------------------------------------

    async def models(self, *, visitor: Visitor = OPERATOR) -> tuple[ModelState, ...]:
        """Models of the catalog, and those that reachable servers report beyond it."""
        states = await self._models.states()
        if not (visitor.operator or self.settings.any_model):
            states = tuple(state for state in states if state.label in self.catalog.models)
        return tuple(self._shown(state, visitor) for state in states)

    async def endpoints(self, *, visitor: Visitor = OPERATOR) -> tuple[EndpointState, ...]:
        """The endpoints of the catalog and whether they answer."""
        states = await self._models.endpoint_states()
        hidden = {} if self._sees_addresses(visitor) else {"address": ""}
        return tuple(self._shown(state, visitor).model_copy(update=hidden) for state in states)

    def pull(self, label: str, *, visitor: Visitor = OPERATOR) -> AsyncGenerator[Progress, None]:
        """Fetch a model's weights: into the cache, or by the Ollama server it lives on."""
        self._only_who_manages(visitor)
        return self._models.pull(label)

    async def unload(self, label: str, *, visitor: Visitor = OPERATOR) -> None:
        """Free the memory a model holds."""
        self._only_who_manages(visitor)
        await self._models.unload(label)

    def reload_catalog(self, *, visitor: Visitor = OPERATOR) -> Catalog:
        """Read models.yaml and personas/ again. Raises CatalogError; the old catalog stays."""
        self._only_who_manages(visitor)
        try:
            self._models.catalog = load_catalog(self.settings.models, self.settings.personas)
        except CatalogError as error:
            self.catalog_problem = str(error)
            raise
        self.catalog_problem = ""
        return self.catalog

    async def close(self) -> None:
        """Stop every debate, unload every model, close the store."""
        if self._live:
            await self._live.close()
        await self._models.close()
        if self._store:
            await self._store.close()

    # --- inside -----------------------------------------------------------------------------------

    @property
    def _kept(self) -> DebateStore:
        assert self._store is not None
        return self._store

    async def _ready(self) -> LiveDebates:
        """The live debates; the store is opened when it is first needed."""
        async with self._opening:
            if self._store is None:
                self._store = await asyncio.to_thread(_open_store, self.settings)
            if self._live is None:
                unwatched = self.settings.unwatched_after
                self._live = LiveDebates(self._store, self._models.get, unwatched)
            return self._live

    async def _open(self, debate_id: str, visitor: Visitor) -> LiveDebate:
        live = await (await self._ready()).open(debate_id)
        if visitor.operator or not self.settings.owners or live.debate.owner == visitor.owner:
            return live
        raise no_debate(debate_id)

    def _sees_addresses(self, visitor: Visitor) -> bool:
        return visitor.operator or self.settings.show_addresses

    def _shown(self, state: State, visitor: Visitor) -> State:
        """The state without its reason where that could name an address."""
        if state.usable or self._sees_addresses(visitor):
            return state
        return state.model_copy(update={"reason": "not available here"})

    def _only_who_manages(self, visitor: Visitor) -> None:
        if not (visitor.operator or self.settings.manage_models):
            raise NotAllowed("Models and catalog are the operator's here.")

    async def _start(
        self,
        topic: str,
        seats: Sequence[Seat],
        rounds: int,
        language: str,
        seed: int | None,
        keys: dict[str, str],
        visitor: Visitor,
    ) -> str:
        topic = self._text(topic, "topic")
        if not 1 <= rounds <= self.settings.max_rounds:
            raise InvalidInput(f"rounds: {rounds} is not between 1 and {self.settings.max_rounds}.")
        if not 1 <= len(seats) <= MAX_SEATS:
            raise InvalidInput(f"seats: {len(seats)} is not between 1 and {MAX_SEATS}.")
        moment, first = now(), new_id()
        debate = Debate(
            id=new_id(),
            topic=topic,
            debaters=self._debaters(topic, seats),
            rounds=rounds,
            language=self._text(language, "language")[:60],
            seed=seed,
            tip=first,
            owner=visitor.owner,
            created_at=moment,
        )
        opening = Turn(
            id=first, parent_id=None, speaker=USER, text=topic, rounds=rounds, created_at=moment
        )
        live = await self._ready()
        await self._kept.add_debate(debate, opening)
        await (await live.open(debate.id)).resume()
        return debate.id

    def _debaters(self, topic: str, seats: Sequence[Seat]) -> tuple[Debater, ...]:
        stances = default_stances(topic, len(seats))
        personas = [self._persona(seat) for seat in seats]
        names = [persona.name for persona in personas]
        return tuple(
            Debater(
                seat=f"seat{number + 1}",
                name=name if names.count(name) == 1 else f"{name} {names[:number].count(name) + 1}",
                persona=personas[number],
                model=self._models.find(seat.model).label,
                stance=clean(seat.stance or "").strip() or stances[number],
                temperature=seat.temperature,
            )
            for number, (seat, name) in enumerate(zip(seats, names, strict=True))
        )

    def _persona(self, seat: Seat) -> Persona:
        persona = self.catalog.persona(seat.persona)
        instructions = clean(seat.instructions or "").strip()
        return (
            persona.model_copy(update={"instructions": instructions}) if instructions else persona
        )

    def _text(self, text: str, noun: str) -> str:
        text = clean(text).strip()
        if not text:
            raise InvalidInput(f"The {noun} is empty.", "Type something first.")
        if len(text) > MAX_TEXT:
            raise InvalidInput(f"The {noun} has {len(text)} characters; {MAX_TEXT} are allowed.")
        return text


def _open_store(settings: Settings) -> DebateStore:
    from rebuttal.stores.sql import SqlStore  # costs a third of a second: not before the page is up

    if settings.database:
        return SqlStore.open(settings.database)
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreError(
            f"The data folder {settings.data.name!r} cannot be made: {exc.strerror}.",
            "Choose another with --data FOLDER or REBUTTAL_DATA.",
        ) from exc
    return SqlStore.open(f"sqlite:///{settings.data / 'debates.sqlite'}")

"""DebateApp: one method for each thing the product can do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from rebuttal.budget import Report
from rebuttal.catalog import Catalog, load_catalog
from rebuttal.completions import Completions
from rebuttal.errors import CatalogError, NotFound, StoreError
from rebuttal.events import DebateEvent
from rebuttal.export import ExportFormat as ExportFormat
from rebuttal.files import Files
from rebuttal.history import History
from rebuttal.line import Pair, side_by_side
from rebuttal.links import Links
from rebuttal.opening import keeps_elsewhere
from rebuttal.orders import (
    Branch,
    Choose,
    Edit,
    Note,
    Pause,
    Prune,
    Regenerate,
    Resume,
    Say,
    Stop,
)
from rebuttal.panels import Panels
from rebuttal.providers.base import ChatModel, Progress
from rebuttal.records import (
    OPERATOR,
    Debate,
    DebateState,
    EndpointState,
    ModelInfo,
    ModelState,
    Search,
    Seat,
    Turn,
    Visitor,
    new_id,
)
from rebuttal.settings import Settings
from rebuttal.stores.base import DebateStore
from rebuttal.tokens import Tokens
from rebuttal.wish import Again, Wish, check_number, checked_text
from rebuttal.works import Works

log = logging.getLogger(__name__)

STAND_BY_AGAIN = 5.0
"""Seconds."""
MOST_LISTED = 200
"""Debates that one visitor sees in a list."""


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
        self._works = works = Works(settings, store, chat_models)
        access = works.access
        self.history = History(access, lambda: self.catalog)
        """Debates that are kept: found, named, deleted, counted."""
        self.links = Links(access)
        """Read-only links to debates, and histories that an address opens."""
        self.files = Files(access)
        """Whole histories as a zip, and what comes in as a file."""
        self.tokens = Tokens(access)
        """Tokens for programs."""
        self.panels = Panels(access, self, works.speakers)
        """Tables that are kept under a name."""
        self.completions = Completions(works.speakers, works.opened_hall, works.rights)
        """Answers outside of any debate."""

    async def __aenter__(self) -> DebateApp:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def catalog(self) -> Catalog:
        """Endpoints, models and personas now in force."""
        return self._works.models.catalog

    @property
    def keeps_elsewhere(self) -> bool:
        """Whether the store may go away and come back while debates go on."""
        return keeps_elsewhere(self.settings)

    @property
    def storage_problem(self) -> str:
        """What visitors have to know about how debates are kept now, in a sentence; or empty."""
        return self._works.store.problem if self._works.store else ""

    @property
    def is_degraded(self) -> bool:
        """Whether it works, and not as it should."""
        return bool(self.storage_problem or self._works.bus.problem)

    # --- debates ----------------------------------------------------------------------------------

    async def start(
        self,
        topic: str,
        seats: Sequence[Seat],
        *,
        rounds: int = 3,
        language: str = "English",
        seed: int | None = None,
        context: str = "",
        request: str | None = None,
        keys: Mapping[str, str] | None = None,
        run: bool = True,
        under: str | None = None,
        visitor: Visitor = OPERATOR,
    ) -> str:
        """Begin a debate and return its id; it runs on its own from here, or from ``resume``.

        ``context`` is a note behind the topic that all hear. ``under`` is the id that it shall
        have, of ``new_id``. Two starts of a visitor with the same ``request`` (any unguessable
        text) are one debate.
        ``keys``, by endpoint, are the visitor's own: kept in memory for this debate alone. Raises
        InvalidInput, NotFound or NotAllowed for what cannot be, Busy or BudgetSpent where a limit
        is reached, StoreError where it cannot be kept.
        """
        own, note = dict(keys or {}), context.strip()
        wish = Wish(topic, tuple(seats), rounds, language, seed, own, note, run, under or new_id())
        return await self._works.starts.start(wish, request, visitor)

    async def say(
        self, debate_id: str, text: str, rounds: int = 0, *, visitor: Visitor = OPERATOR
    ) -> None:
        """A user's turn: a follow-up that buys rounds, or with 0 a note to those who speak next.

        While a turn is being spoken it waits for its end. Empty text with rounds means "go on".
        """
        text = checked_text(text, "note") if text.strip() or not rounds else ""
        check_number(rounds, "rounds", 0, self.settings.max_rounds)
        async with self._works.open(debate_id, visitor) as live:
            await live.do(Say(note=Note(text=text, rounds=rounds), visitor=visitor))

    async def stop(self, debate_id: str, *, visitor: Visitor = OPERATOR) -> None:
        """Cut the turn in progress, keep what was said, and wait for resume."""
        async with self._works.open(debate_id, visitor) as live:
            await live.do(Stop())

    async def pause(self, debate_id: str, *, visitor: Visitor = OPERATOR) -> None:
        """Let the present turn end, then wait for resume."""
        async with self._works.open(debate_id, visitor) as live:
            await live.do(Pause())

    async def resume(
        self,
        debate_id: str,
        *,
        keys: Mapping[str, str] | None = None,
        visitor: Visitor = OPERATOR,
    ) -> None:
        """Go on from the transcript: after stop, pause, an error or a crash. Twice is once.

        ``keys`` brings a visitor's own keys again, for endpoints that the debate began with.
        """
        async with self._works.open(debate_id, visitor) as live:
            if keys:
                self._works.rights.check_keys(visitor, keys, live.debate.own_keys)
                self._works.own_keys.keep(debate_id, keys)
            await live.do(Resume(visitor=visitor))

    async def watch(
        self,
        debate_id: str,
        after: str | None = None,
        *,
        again: bool = False,
        words: bool = True,
        visitor: Visitor = OPERATOR,
    ) -> AsyncGenerator[list[DebateEvent], None]:
        """What has been said (from the turn behind ``after``), then what follows, as it happens.

        Yields batches at most every 0.06 s, the deltas of one turn merged into one, and an empty
        batch at least every 0.5 s. A watcher that comes in mid-turn first gets TurnStarted and the
        turn so far as one TurnDelta. After DebatePaused or DebateFinished the stream goes on (a
        resume may follow) until the watcher leaves. ``again``: by somebody who is counted already.
        Without ``words`` the deltas of the turn in progress are left out. Raises NotFound.
        """
        async with (
            self._works.open_to_read(debate_id, visitor) as live,
            aclosing(
                live.watch(after, reads=bool(visitor.reads), again=again, words=words)
            ) as batches,
        ):
            async for batch in batches:
                yield [self._works.rights.event(visitor, event) for event in batch]

    async def watchers(self, debate_id: str, *, visitor: Visitor = OPERATOR) -> int:
        """How many watch it through this process, readers of links included. Raises NotFound."""
        async with self._works.open(debate_id, visitor) as live:
            return live.audience

    async def look_in(self, debate_id: str, *, visitor: Visitor = OPERATOR) -> None:
        """Watch it for a moment: who asks again and again keeps it running. Raises NotFound."""
        async with self._works.open_to_read(debate_id, visitor) as live:
            if not visitor.reads:
                live.look_in()

    async def debate(self, debate_id: str, *, visitor: Visitor = OPERATOR) -> Debate:
        """The debate with those who sit at its table now. Raises NotFound."""
        async with self._works.open_to_read(debate_id, visitor) as live:
            return self._works.rights.debate(visitor, live.table)

    async def origin(self, debate_id: str, *, visitor: Visitor = OPERATOR) -> Debate:
        """The debate with those who sat at its table when it began. Raises NotFound."""
        async with self._works.open_to_read(debate_id, visitor) as live:
            return self._works.rights.debate(visitor, live.debate)

    async def state(self, debate_id: str, *, visitor: Visitor = OPERATOR) -> DebateState:
        """Whether it runs, waits, was interrupted, or is finished."""
        async with self._works.open_to_read(debate_id, visitor) as live:
            return live.state

    async def transcript(self, debate_id: str, *, visitor: Visitor = OPERATOR) -> tuple[Turn, ...]:
        """The main line: user's and debaters' turns from the topic to the tip."""
        async with self._works.open_to_read(debate_id, visitor) as live:
            return live.turns

    async def debates(self, limit: int = 50, *, visitor: Visitor = OPERATOR) -> list[Debate]:
        """The visitor's, as the history has them; the operator sees everybody's."""
        await self._works.ready()
        if visitor.reads:
            return []
        owner = None if visitor.operator else visitor.owner
        most = limit if visitor.operator else min(limit, MOST_LISTED)
        page = await self._works.kept.search(owner, Search(), limit=most)
        return [found.debate for found in page.found]

    async def export(
        self, debate_id: str, format: ExportFormat, *, visitor: Visitor = OPERATOR
    ) -> str:
        """The debate as text of that format."""
        return await self.files.export(debate_id, format, visitor=visitor)

    # --- its tree ---------------------------------------------------------------------------------

    async def tree(self, debate_id: str, *, visitor: Visitor = OPERATOR) -> tuple[Turn, ...]:
        """Every turn on every branch, each behind its parent; ``line`` has walks through them."""
        async with self._works.open(debate_id, visitor):
            return await self._works.kept.get_tree(debate_id)

    async def regenerate(
        self, debate_id: str, turn_id: str | None = None, *, visitor: Visitor = OPERATOR
    ) -> None:
        """Have a debater's turn, the last one or any other, spoken anew and go on from there.

        The turn and what followed it stay on a side branch. Like all that changes the main line
        this raises InvalidInput while a turn is being spoken, and NotFound for an unknown turn.
        """
        async with self._works.open(debate_id, visitor) as live:
            await live.do(Regenerate(visitor=visitor, turn_id=turn_id))

    async def branch(
        self,
        debate_id: str,
        after: str,
        *,
        seats: Sequence[Seat] | None = None,
        text: str = "",
        rounds: int | None = None,
        visitor: Visitor = OPERATOR,
    ) -> None:
        """Go on behind the turn ``after``, whatever followed it before.

        ``seats`` sit there from then on: whoever sat already keeps the seat, with this model.
        ``text`` is a moderator's note to them. ``rounds`` are those that they speak; None: what is
        owed there, or was left to the table before, and one where that is nothing.
        """
        if text.strip():
            text = checked_text(text, "note")
        check_number(rounds or 0, "rounds", 0, self.settings.max_rounds)
        async with self._works.open(debate_id, visitor) as live:
            table = None
            if seats:
                table = await self._works.starts.changed_table(live, after, seats, visitor)
            branch = Branch(
                visitor=visitor, after=after, text=text.strip(), rounds=rounds, table=table
            )
            await live.do(branch)

    async def edit(
        self, debate_id: str, turn_id: str, text: str, *, visitor: Visitor = OPERATOR
    ) -> None:
        """Put any turn but the topic into other words and go on from there.

        What was said stays on a side branch; the new turn is marked by ``edited_from``.
        """
        text = checked_text(text, "turn", self.settings.max_turn_chars)
        async with self._works.open(debate_id, visitor) as live:
            await live.do(Edit(visitor=visitor, turn_id=turn_id, text=text))

    async def choose(self, debate_id: str, turn_id: str, *, visitor: Visitor = OPERATOR) -> None:
        """Make the line through that turn, to the newest end behind it, the main line."""
        async with self._works.open(debate_id, visitor) as live:
            await live.do(Choose(turn_id=turn_id))

    async def prune(self, debate_id: str, turn_id: str, *, visitor: Visitor = OPERATOR) -> None:
        """Forget a turn and all that follow it; the past that other branches share stays."""
        async with self._works.open(debate_id, visitor) as live:
            await live.do(Prune(turn_id=turn_id))

    async def rerun(
        self,
        debate_id: str,
        *,
        topic: str | None = None,
        rounds: int | None = None,
        language: str | None = None,
        seed: int | None = None,
        seats: Mapping[str, Seat] | None = None,
        keys: Mapping[str, str] | None = None,
        visitor: Visitor = OPERATOR,
    ) -> str:
        """Run a debate from its topic again, as it began or with changes (``seats`` by seat).

        Everybody is asked with the sampling of then. ``Debater.digest`` of both tells whether a
        model's name stands for other weights now. Returns the new id; raises like ``start``.
        """
        again = Again(topic, rounds, language, seed, dict(seats or {}), dict(keys or {}))
        async with self._works.open(debate_id, visitor) as live:
            old = live.debate
        return await self._works.starts.again(again, old, visitor)

    async def compare(
        self, first_id: str, second_id: str, *, visitor: Visitor = OPERATOR
    ) -> list[Pair]:
        """The main lines of two debates turn by turn."""
        first = await self.transcript(first_id, visitor=visitor)
        return side_by_side(first, await self.transcript(second_id, visitor=visitor))

    # --- the operator's ---------------------------------------------------------------------------

    async def halt(self, reason: str = "", *, visitor: Visitor = OPERATOR) -> None:
        """Refuse new debates and cut those that run, in every process on this database."""
        self._works.rights.check_operator(visitor)
        await self._works.ready()
        await self._works.kept.ledger.halt(checked_text(reason, "reason", 500) if reason else "")

    async def go_on(self, *, visitor: Visitor = OPERATOR) -> None:
        """Take the halt back; debates wait for Resume."""
        self._works.rights.check_operator(visitor)
        await self._works.ready()
        await self._works.kept.ledger.go_on()

    async def budget(self, *, visitor: Visitor = OPERATOR) -> Report:
        """What is spent today, and whether the halt stands."""
        self._works.rights.check_operator(visitor)
        await self._works.ready()
        return await self._works.budget.report()

    # --- models -----------------------------------------------------------------------------------

    async def models(self, *, visitor: Visitor = OPERATOR) -> tuple[ModelState, ...]:
        """Models of the catalog, and those that reachable servers report beyond it."""
        return self._works.rights.models(visitor, await self._works.models.states())

    async def endpoints(self, *, visitor: Visitor = OPERATOR) -> tuple[EndpointState, ...]:
        """The endpoints of the catalog and whether they answer."""
        return self._works.rights.endpoints(visitor, await self._works.models.endpoint_states())

    def pull(self, label: str, *, visitor: Visitor = OPERATOR) -> AsyncGenerator[Progress, None]:
        """Fetch a model's weights: into the cache, or by the Ollama server it lives on."""
        self._works.rights.check_manages(visitor)
        return self._works.models.pull(label)

    async def unload(self, label: str, *, visitor: Visitor = OPERATOR) -> None:
        """Free the memory a model holds."""
        self._works.rights.check_manages(visitor)
        await self._works.models.unload(label)

    def load(self, label: str, *, visitor: Visitor = OPERATOR) -> AsyncGenerator[Progress, None]:
        """Have a model in memory before anybody asks it, and say how far that is."""
        self._works.rights.check_manages(visitor)
        return self._works.models.load(label)

    async def model_info(self, label: str, *, visitor: Visitor = OPERATOR) -> ModelInfo:
        """What a model takes where it is served. Raises NotFound."""
        shown = self._works.rights.models(visitor, (await self._works.models.state(label),))
        if not shown:
            raise NotFound(f"no model is called {label!r}")
        return await self._works.models.info(shown[0])

    def reload_catalog(self, *, visitor: Visitor = OPERATOR) -> Catalog:
        """Read models.yaml and personas/ again. Raises CatalogError; the old catalog stays.

        Visitors' own keys for an endpoint that has another address now are forgotten.
        """
        self._works.rights.check_manages(visitor)
        try:
            catalog = load_catalog(self.settings.models, self.settings.personas)
        except CatalogError as error:
            self.catalog_problem = str(error)
            raise
        before = {name: endpoint.address for name, endpoint in self.catalog.endpoints.items()}
        here = {name: endpoint.address for name, endpoint in catalog.endpoints.items()}
        self._works.own_keys.withdraw({name for name in before if here.get(name) != before[name]})
        self._works.models.catalog = catalog
        self.catalog_problem = ""
        return self.catalog

    async def stand_by(self) -> None:
        """Take over debates of other processes when they die, as a server does.

        Returns when that has begun, which takes a store that can be opened.
        """
        self._works.bus.stand_by()
        while True:
            try:
                await self._works.ready()
            except StoreError as error:
                log.warning("debates of other processes are not taken over: %s", error)
                await asyncio.sleep(STAND_BY_AGAIN)
            else:
                return

    async def close(self) -> None:
        """Stop every debate, unload every model, close the store."""
        if self._works.live:
            await self._works.live.close()
        await self.completions.close()
        await self._works.close()

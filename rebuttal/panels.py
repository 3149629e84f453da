"""Panels: tables that are kept under a name and asked questions, also by other programs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import Protocol

from pydantic import ValidationError

from rebuttal.access import Access
from rebuttal.catalog import Catalog
from rebuttal.errors import Busy, InvalidInput, NotAllowed, NotFound, RebuttalError
from rebuttal.events import DebateEvent, DebateFinished, DebatePaused
from rebuttal.material import clean
from rebuttal.prompts import SYNTHESIS, earlier_text
from rebuttal.providers.base import Message
from rebuttal.records import OPERATOR, DebateState, Panel, Seat, Turn, Visitor, new_id
from rebuttal.speakers import Speakers
from rebuttal.wish import check_number, checked_text

MOST_PANELS = 50
"""Of one owner."""
SYNTHESIS_TOKENS = 600
"""Of a synthesis, unless its seat or its model may say more."""
SYNTHESIS_TEMPERATURE = 0.2
"""Unless its seat says: what was said is not to be invented."""


class Debates(Protocol):
    """What a panel needs of DebateApp."""

    @property
    def catalog(self) -> Catalog: ...

    async def start(
        self,
        topic: str,
        seats: Sequence[Seat],
        *,
        rounds: int,
        language: str,
        seed: int | None,
        context: str,
        visitor: Visitor,
    ) -> str: ...

    def watch(
        self, debate_id: str, *, visitor: Visitor
    ) -> AsyncGenerator[list[DebateEvent], None]: ...

    async def state(self, debate_id: str, *, visitor: Visitor) -> DebateState: ...

    async def transcript(self, debate_id: str, *, visitor: Visitor) -> tuple[Turn, ...]: ...

    async def branch(
        self,
        debate_id: str,
        after: str,
        *,
        seats: Sequence[Seat],
        text: str,
        rounds: int,
        visitor: Visitor,
    ) -> None: ...

    async def stop(self, debate_id: str, *, visitor: Visitor) -> None: ...


class Panels:
    """Everybody has their own, and those of whoever runs this Rebuttal."""

    def __init__(self, access: Access, debates: Debates, speakers: Speakers) -> None:
        self._access = access
        self._debates = debates
        self._speakers = speakers
        self._saving = asyncio.Lock()
        self._stopping: set[asyncio.Task[None]] = set()

    async def save(self, panel: Panel, *, visitor: Visitor = OPERATOR) -> None:
        """Keep it in the place of the visitor's earlier one of that name.

        It counts for their budgets as a text of theirs. Raises InvalidInput, NotFound and
        NotAllowed for what could not be asked, BudgetSpent, and Busy where there are enough.
        """
        if visitor.reads or not (visitor.owner or visitor.operator):
            raise NotAllowed("A panel needs somebody whose it is.")
        check_number(panel.rounds, "rounds", 1, self._access.settings.max_rounds)
        seats = tuple(self._seat(seat, visitor) for seat in panel.seats)
        chair, language = self._seat(panel.chair, visitor), checked_text(panel.language, "language")
        kept = checked(
            panel.model_copy(update={"seats": seats, "chair": chair, "language": language})
        )
        async with self._saving:
            store = await self._access.store()
            others = {one.name for one in await store.panels(visitor.owner)} - {panel.name}
            if len(others) >= MOST_PANELS:
                raise Busy(f"You have {MOST_PANELS} panels.", "Delete one of them first.", 0)
            text = kept.model_dump_json(exclude_none=True)
            await self._access.charge(visitor, new_id(), text)
            await store.put_panel(visitor.owner, kept)

    def _seat(self, seat: Seat, visitor: Visitor) -> Seat:
        """The seat with what the catalog calls who sits there. Raises NotFound, NotAllowed."""
        persona = self._debates.catalog.persona(seat.persona).key
        model = self._speakers.seat(seat.model, visitor)
        texts = {name: _cleaned(getattr(seat, name)) for name in ("stance", "instructions")}
        return seat.model_copy(update={"persona": persona, "model": model, **texts})

    async def all(self, *, visitor: Visitor = OPERATOR) -> tuple[Panel, ...]:
        """Those that the visitor can ask, by name; of two of one name their own."""
        if visitor.reads:
            return ()
        store = await self._access.store()
        there = {panel.name: panel for panel in await store.panels(OPERATOR.owner)}
        if visitor.owner:
            there |= {panel.name: panel for panel in await store.panels(visitor.owner)}
        return tuple(there[name] for name in sorted(there))

    async def own(self, *, visitor: Visitor = OPERATOR) -> tuple[Panel, ...]:
        """Those that are the visitor's to delete, by name."""
        if visitor.reads:
            return ()
        return await (await self._access.store()).panels(visitor.owner)

    async def get(self, name: str, *, visitor: Visitor = OPERATOR) -> Panel:
        """The panel of that name. Raises NotFound, naming what there is."""
        there = await self.all(visitor=visitor)
        for panel in there:
            if panel.name == name:
                return panel
        known = ", ".join(panel.name for panel in there) or "none"
        raise NotFound(f"no panel is called {name!r}", f"Known: {known}.")

    async def delete(self, name: str, *, visitor: Visitor = OPERATOR) -> None:
        """Forget one of the visitor's own. Raises NotFound."""
        store = await self._access.store()
        if visitor.reads or name not in {panel.name for panel in await store.panels(visitor.owner)}:
            raise NotFound(f"no panel of yours is called {name!r}")
        await store.drop_panel(visitor.owner, name)

    async def ask(
        self,
        panel: str | Panel,
        question: str,
        *,
        earlier: Sequence[Message] = (),
        seed: int | None = None,
        visitor: Visitor = OPERATOR,
    ) -> AsyncGenerator[str | DebateEvent, None]:
        """Have it debate the question and its chair sum up: the debate's id, then its events.

        ``earlier`` is what was said before the question. The user's turn that seats the chair has
        ``debaters``; the last turn is the synthesis. It ends with DebateFinished, or with the
        DebatePaused that says what went wrong. Closed before, it stops the debate. Raises what
        ``start`` and ``get`` raise.
        """
        if isinstance(panel, str):
            panel = await self.get(panel, visitor=visitor)
        debate_id = await self._debates.start(
            question,
            panel.seats,
            rounds=panel.rounds,
            language=panel.language,
            seed=seed,
            context=earlier_text(earlier),
            visitor=visitor,
        )
        rests = False
        try:
            yield debate_id
            async with aclosing(self._events(debate_id, panel, visitor)) as events:
                async for event in events:
                    rests = isinstance(event, DebateFinished | DebatePaused)
                    yield event
        finally:
            if not rests:
                await self._stop(debate_id, visitor)

    async def _events(
        self, debate_id: str, panel: Panel, visitor: Visitor
    ) -> AsyncGenerator[DebateEvent, None]:
        """Of the debate and of the synthesis, until it rests."""
        debates, summed_up, debated = self._debates, False, False
        async with aclosing(debates.watch(debate_id, visitor=visitor)) as batches:
            async for batch in batches:
                for event in batch:
                    if isinstance(event, DebateFinished) and not summed_up:
                        debated = True
                        continue
                    yield event
                    if isinstance(event, DebateFinished | DebatePaused):
                        return
                if summed_up or not debated:
                    continue
                # Its task may have a last thing to do after it said that the debate is over.
                if await debates.state(debate_id, visitor=visitor) != "running":
                    await self._sum_up(debate_id, panel, visitor)
                    summed_up = True

    async def _sum_up(self, debate_id: str, panel: Panel, visitor: Visitor) -> None:
        chair = panel.chair
        if chair.max_tokens is None:
            usual = self._debates.catalog.models.get(chair.model)
            most = max(SYNTHESIS_TOKENS, usual.max_tokens if usual else 0)
            chair = chair.model_copy(update={"max_tokens": most})
        if chair.temperature is None:
            chair = chair.model_copy(update={"temperature": SYNTHESIS_TEMPERATURE})
        line = await self._debates.transcript(debate_id, visitor=visitor)
        await self._debates.branch(
            debate_id, line[-1].id, seats=(chair,), text=SYNTHESIS, rounds=1, visitor=visitor
        )

    async def _stop(self, debate_id: str, visitor: Visitor) -> None:
        """In a task of its own: whoever asked may be cancelled over and over."""
        stopping = asyncio.create_task(self._debates.stop(debate_id, visitor=visitor))
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopping.discard)
        with suppress(RebuttalError):
            await asyncio.shield(stopping)


def checked(panel: Panel) -> Panel:
    """The panel, if every field of it can be kept. Raises InvalidInput naming one that cannot."""
    try:
        return Panel.model_validate_json(panel.model_dump_json())
    except ValidationError as exc:
        wrong = exc.errors()[0]
        if wrong["loc"] == ("name",):
            raise InvalidInput(
                f"{panel.name!r} is no name for a panel.",
                "Take up to 64 small letters, digits and the signs . _ -",
            ) from None
        where = " ".join(str(part) for part in wrong["loc"])
        raise InvalidInput(f"{where}: {wrong['msg']}.") from None


def _cleaned(text: str | None) -> str | None:
    """None for nothing."""
    return clean(text or "").strip() or None

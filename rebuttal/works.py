"""What a DebateApp is made of: models, rights, money, places; a store when it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rebuttal.access import Access
from rebuttal.budget import Budget
from rebuttal.catalog import load_catalog
from rebuttal.hall import Hall
from rebuttal.live import LiveDebate
from rebuttal.live_debates import LiveDebates
from rebuttal.models import Models
from rebuttal.opening import open_bus, open_store
from rebuttal.own_keys import OwnKeys
from rebuttal.places import Places
from rebuttal.providers.base import ChatModel
from rebuttal.records import Visitor
from rebuttal.rights import Rights
from rebuttal.settings import Settings
from rebuttal.speakers import Speakers
from rebuttal.starts import Starts
from rebuttal.stores.base import DebateStore, no_debate


class Works:
    """Everything by the settings but ``store`` and ``chat_models``, where they are given."""

    def __init__(
        self,
        settings: Settings,
        store: DebateStore | None,
        chat_models: dict[str, ChatModel] | None,
    ) -> None:
        catalog = load_catalog(settings.models, settings.personas)
        self.settings = settings
        self.models = Models(settings, catalog, chat_models)
        self.store = store
        """None until it is needed."""
        self.live: LiveDebates | None = None
        self.bus = open_bus(settings)
        self.rights = Rights(settings, lambda: self.models.catalog)
        self.own_keys = OwnKeys()
        self.budget = Budget(settings, lambda: self.kept.ledger)
        self.speakers = Speakers(settings, self.models, self.budget, self.own_keys)
        self.places = Places(settings)
        self.starts = Starts(
            settings,
            self.models,
            self.rights,
            self.speakers,
            self.budget,
            self.places,
            self.own_keys,
            self.both,
        )
        self._opening = asyncio.Lock()

    @property
    def kept(self) -> DebateStore:
        """The store, which has been opened."""
        assert self.store is not None
        return self.store

    @property
    def access(self) -> Access:
        """The way to debates, for the parts of the app."""
        return Access(
            self.settings,
            self.rights,
            self.opened_store,
            self.open,
            self.budget.charge,
            self.budget.charged,
            lambda: self.live.running if self.live else frozenset(),
            self._forget,
        )

    async def ready(self) -> LiveDebates:
        """The live debates, behind an open store. Raises StoreError."""
        async with self._opening:
            if self.store is None:
                self.store = await asyncio.to_thread(open_store, self.settings)
            if self.live is None:
                self.live = LiveDebates(self._hall)
                await self.bus.join(self.live)
            return self.live

    async def opened_store(self) -> DebateStore:
        """The store. Raises StoreError."""
        await self.ready()
        return self.kept

    async def both(self) -> tuple[DebateStore, LiveDebates]:
        """Store and live debates. Raises StoreError."""
        lives = await self.ready()
        return self.kept, lives

    async def opened_hall(self) -> Hall:
        """What debates share. Raises StoreError."""
        await self.ready()
        return self._hall

    @asynccontextmanager
    async def open(self, debate_id: str, visitor: Visitor) -> AsyncIterator[LiveDebate]:
        """A debate, for whose it is. Raises NotFound."""
        async with (await self.ready()).open(debate_id) as live:
            if not self.rights.owns(visitor, live.debate):
                raise no_debate(debate_id)
            yield live

    @asynccontextmanager
    async def open_to_read(self, debate_id: str, visitor: Visitor) -> AsyncIterator[LiveDebate]:
        """A debate, for whoever may read it. Raises NotFound."""
        async with (await self.ready()).open(debate_id) as live:
            if not self.rights.reads(visitor, live.debate):
                raise no_debate(debate_id)
            yield live

    async def close(self) -> None:
        """Let go of everything but the live debates, which have ended by now."""
        await self.bus.close()
        self.own_keys.close()
        await self.models.close()
        if self.store:
            await self.store.close()

    @property
    def _hall(self) -> Hall:
        charge = self.budget.charge
        return Hall(self.settings, self.kept, self.places, self.speakers.of, charge, self.bus)

    async def _forget(self, debate_id: str) -> None:
        await (await self.ready()).forget(debate_id)

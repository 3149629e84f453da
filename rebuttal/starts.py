"""How a debate begins, and how another table sits down in one: asked for, checked, paid, kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from rebuttal.budget import Budget
from rebuttal.halt import check_halt
from rebuttal.line import cast, line_to, seated
from rebuttal.live import LiveDebate
from rebuttal.live_debates import LiveDebates
from rebuttal.models import Models
from rebuttal.own_keys import OwnKeys
from rebuttal.places import Place, Places
from rebuttal.records import Debate, Debater, Seat, Turn, Visitor
from rebuttal.requests import Requests
from rebuttal.rights import Rights
from rebuttal.seats import Seating
from rebuttal.settings import Settings
from rebuttal.speakers import Speakers
from rebuttal.stores.base import DebateStore
from rebuttal.wish import MAX_SEATS, Again, Wish, check_number, kept_text


class Starts:
    """``ready`` gives the store and the live debates; see DebateApp for what is raised."""

    def __init__(
        self,
        settings: Settings,
        models: Models,
        rights: Rights,
        speakers: Speakers,
        budget: Budget,
        places: Places,
        own_keys: OwnKeys,
        ready: Callable[[], Awaitable[tuple[DebateStore, LiveDebates]]],
    ) -> None:
        self._settings = settings
        self._models = models
        self._rights = rights
        self._speakers = speakers
        self._budget = budget
        self._places = places
        self._own_keys = own_keys
        self._ready = ready
        self._requests = Requests[str]()

    async def start(self, wish: Wish, request: str | None, visitor: Visitor) -> str:
        """A new debate; of two with the same ``request`` there is one."""
        if request is None:
            return await self._start(wish, visitor)
        return await self._requests.once(visitor.owner, request, lambda: self._start(wish, visitor))

    async def again(self, again: Again, old: Debate, visitor: Visitor) -> str:
        """A new debate like an old one."""
        again.check(old, self._settings)
        self._rights.check_keys(visitor, again.keys, tuple(again.keys))
        place = self._places.take(visitor)
        with place.left_on_error():
            begun = again.begin(old, visitor.owner, self._seating(visitor, tuple(again.keys)))
            return await self._begin(*begun, again.keys, visitor, place)

    async def changed_table(
        self, live: LiveDebate, after: str, seats: Sequence[Seat], visitor: Visitor
    ) -> tuple[Debater, ...]:
        """Those who shall sit there behind the turn ``after``."""
        check_number(len(seats), "seats", 1, MAX_SEATS)
        debate = live.debate
        tree = await (await self._ready())[0].get_tree(debate.id)
        present = seated(debate, line_to(tree, after)).debaters
        seating = self._seating(visitor, debate.own_keys)
        table = seating.changed_table(debate.topic, present, cast(debate, tree), seats)
        return await self._speakers.settled(table)

    async def _start(self, wish: Wish, visitor: Visitor) -> str:
        wish.check(self._settings)
        self._rights.check_keys(visitor, wish.keys, tuple(wish.keys))
        place = self._places.take(visitor)  # before anything that takes time: a flood ends here
        with place.left_on_error():
            debate, first = wish.begin(visitor.owner, self._seating(visitor, tuple(wish.keys)))
            note = wish.note(first)
            return await self._begin(debate, first, wish.keys, visitor, place, note, wish.run)

    async def _begin(
        self,
        debate: Debate,
        first: Turn,
        keys: Mapping[str, str],
        visitor: Visitor,
        place: Place,
        note: Turn | None = None,
        run: bool = True,
    ) -> str:
        store, lives = await self._ready()
        await check_halt(store.ledger)
        room = self._speakers.least(debate, visitor)
        text = kept_text(debate) + (f"\n{note.text}" if note else "")
        await self._budget.charge(visitor, debate.id, text, room)
        table = await self._speakers.settled(debate.debaters)
        await store.add_debate(debate.model_copy(update={"debaters": table}), first)
        if note:
            await store.add_turn(debate.id, note)
        if keys:
            self._own_keys.keep(debate.id, keys)
        if not run:
            place.leave()
            return debate.id
        async with lives.open(debate.id) as live:
            await live.begin(visitor, place)
        return debate.id

    def _seating(self, visitor: Visitor, own_keys: tuple[str, ...]) -> Seating:
        return Seating(
            self._models.catalog, lambda label: self._speakers.seat(label, visitor, own_keys)
        )

"""A visitor's history: found, named, pinned, deleted and brought back, counted, and purged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta
from pathlib import Path

from rebuttal.access import Access
from rebuttal.catalog import Catalog
from rebuttal.errors import InvalidInput, StoreError
from rebuttal.material import one_line
from rebuttal.orders import Change
from rebuttal.records import (
    OPERATOR,
    Clock,
    Debate,
    FoundPage,
    Search,
    Tally,
    Visitor,
    now,
)
from rebuttal.stores.base import DebateStore, no_debate
from rebuttal.tariff import BILLION, price

log = logging.getLogger(__name__)

UNDO_FOR = timedelta(minutes=10)
"""How long a deleted debate can be brought back."""
PURGE_EVERY = 3600.0
FIRST_PURGE_AFTER = 3.0
"""Seconds. The page is up before the first one begins."""
MOST_FOUND = 200
"""Debates of one page."""
MOST_DELETED = 1000
MOST_UNDELETED = 100_000
"""Debates of one call: what ``delete_all`` deleted can be brought back at once."""
MOST_DAYS = 3660
LONGEST_TITLE = 200


class History:
    """What can be done with the debates that are kept. A foreign one and a missing one look alike.

    Everything is the visitor's own; whoever runs Rebuttal finds and counts everybody's.
    """

    def __init__(self, access: Access, catalog: Callable[[], Catalog], clock: Clock = now) -> None:
        self._access = access
        self._catalog = catalog
        self._clock = clock

    async def find(
        self,
        search: Search = Search(),  # noqa: B008 - a frozen value
        more: str | None = None,
        limit: int = 20,
        *,
        visitor: Visitor = OPERATOR,
    ) -> FoundPage:
        """A page of debates that are found. ``more`` is what an earlier page ended with.

        Who may only read a debate by a link finds none. Raises InvalidInput.
        """
        if visitor.reads or _is_empty(search):
            return FoundPage(found=())
        store = await self._access.store()
        return await store.search(_whose(visitor), search, more, min(limit, MOST_FOUND))

    def speaking(self) -> frozenset[str]:
        """The ids of debates that are being spoken here now, anybody's."""
        return self._access.running()

    async def rename(self, debate_id: str, title: str, *, visitor: Visitor = OPERATOR) -> None:
        """Call it so, on one line; an empty title gives the topic back. Raises NotFound."""
        await self._change(debate_id, visitor, title=one_line(title, LONGEST_TITLE))

    async def pin(self, debate_id: str, pinned: bool, *, visitor: Visitor = OPERATOR) -> None:
        """Keep it above the others, or no longer. Raises NotFound."""
        await self._change(debate_id, visitor, pinned=pinned)

    async def _change(
        self,
        debate_id: str,
        visitor: Visitor,
        *,
        title: str | None = None,
        pinned: bool | None = None,
    ) -> None:
        async with self._access.open(debate_id, visitor) as live:
            await live.do(Change(title=title, pinned=pinned))

    # --- deleting ---------------------------------------------------------------------------------

    async def delete(self, debate_ids: Sequence[str], *, visitor: Visitor = OPERATOR) -> None:
        """Delete these, one that is running after it was stopped; for a while it can be undone.

        Raises NotFound where one of them is not theirs, and then deletes none.
        """
        _check_number(debate_ids, MOST_DELETED)
        store = await self._access.store()
        for debate_id in debate_ids:
            self._check_owns(visitor, await store.get_debate(debate_id))
        await self._delete(store, debate_ids)

    async def delete_all(self, *, visitor: Visitor = OPERATOR) -> tuple[str, ...]:
        """Delete every debate of one's own; these were they."""
        if visitor.reads:
            return ()
        store = await self._access.store()
        ids = tuple(await store.ids_of(visitor.owner))
        await self._delete(store, ids)
        return ids

    async def _delete(self, store: DebateStore, debate_ids: Sequence[str]) -> None:
        for debate_id in debate_ids:
            await self._access.forget(debate_id)
        await store.delete(debate_ids)
        for debate_id in debate_ids:
            await self._access.forget(debate_id)  # somebody may have looked at it meanwhile

    async def undelete(self, debate_ids: Sequence[str], *, visitor: Visitor = OPERATOR) -> None:
        """Bring these back. Raises NotFound where one is gone for good, or not theirs."""
        _check_number(debate_ids, MOST_UNDELETED)
        store = await self._access.store()
        hidden = {debate.id: debate for debate in await store.hidden(debate_ids)}
        for debate_id in debate_ids:
            debate = hidden.get(debate_id) or await store.get_debate(debate_id)
            self._check_owns(visitor, debate)
        await store.restore(debate_ids)

    def _check_owns(self, visitor: Visitor, debate: Debate) -> None:
        if not self._access.rights.owns(visitor, debate):
            raise no_debate(debate.id)

    # --- forgetting -------------------------------------------------------------------------------

    async def doomed(self, *, visitor: Visitor = OPERATOR) -> list[Debate]:
        """What ``purge`` would forget now. Raises NotAllowed."""
        self._access.rights.check_operator(visitor)
        return await (await self._access.store()).doomed(*self._limits())

    async def purge(self, *, visitor: Visitor = OPERATOR) -> int:
        """Forget for good what was deleted a while ago or kept too long; how many it were.

        Raises NotAllowed.
        """
        doomed = await self.doomed(visitor=visitor)
        for debate in doomed:
            await self._access.forget(debate.id)
        return await (await self._access.store()).purge(*self._limits())

    async def keep_tidy(self) -> None:
        """Purge soon, and every hour from then on, until cancelled."""
        await asyncio.sleep(FIRST_PURGE_AFTER)
        while True:
            try:
                if count := await self.purge():
                    log.info("purged %d debates", count)
            except StoreError as error:
                log.warning("no purge: %s", error)
            await asyncio.sleep(PURGE_EVERY)

    def _limits(self) -> tuple[datetime | None, datetime]:
        moment, days = self._clock(), self._access.settings.keep_days
        return None if days is None else moment - timedelta(days=days), moment - UNDO_FOR

    # --- backup -----------------------------------------------------------------------------------

    async def back_up(self, copy: Path, *, visitor: Visitor = OPERATOR) -> None:
        """Write every debate into the new file ``copy``; whatever runs goes on meanwhile.

        Raises NotAllowed, InvalidInput where the file is there or debates are kept in a database
        of their own programs, StoreError.
        """
        from rebuttal.stores.sql_backup import back_up

        await asyncio.to_thread(back_up, self._file(visitor), copy)

    async def restore(self, backup: Path, *, visitor: Visitor = OPERATOR) -> tuple[int, str]:
        """Put a backup in the place of what is kept, which nobody may have open.

        Gives how many debates there are now, and the name of the file that holds what was there
        before, or nothing. Raises NotAllowed, InvalidInput for what is no backup, StoreError.
        """
        from rebuttal.stores.sql_backup import restore

        return await asyncio.to_thread(restore, backup, self._file(visitor))

    def _file(self, visitor: Visitor) -> Path:
        self._access.rights.check_operator(visitor)
        if self._access.settings.database:
            raise InvalidInput(
                "The debates are not in a file of Rebuttal's but in a database.",
                "It has programs of its own for this: docs/keeping.md names them.",
            )
        return self._access.settings.debates_file

    # --- counting ---------------------------------------------------------------------------------

    async def tallies(self, days: int = 30, *, visitor: Visitor = OPERATOR) -> tuple[Tally, ...]:
        """What was said on these last days, today (UTC) included, and its cost by present prices.

        Raises InvalidInput.
        """
        if not 1 <= days <= MOST_DAYS:
            raise InvalidInput(f"{days} is no number of days", f"From 1 to {MOST_DAYS}.")
        if visitor.reads:
            return ()
        until = self._clock()
        since = datetime.combine(until.date() - timedelta(days - 1), time(), until.tzinfo)
        store = await self._access.store()
        tallies = await store.tallies(_whose(visitor), since, until + timedelta(seconds=1))
        return tuple(self._priced(tally) for tally in tallies)

    def _priced(self, tally: Tally) -> Tally:
        model = self._catalog().models.get(tally.model)
        if model is None or model.price is None:
            return tally
        cost = price(model, tally.prompt_tokens, tally.completion_tokens)
        return tally.model_copy(update={"cost": cost.money / BILLION})


def _whose(visitor: Visitor) -> str | None:
    return None if visitor.operator else visitor.owner


def _is_empty(search: Search) -> bool:
    """Whether nothing can have begun between its moments."""
    moments = search.since, search.until
    if None in moments or any(moment and moment.tzinfo is None for moment in moments):
        return False
    return bool(search.since and search.until and search.since >= search.until)


def _check_number(debate_ids: Sequence[str], most: int) -> None:
    if len(debate_ids) > most:
        raise InvalidInput(f"{len(debate_ids)} debates are too many at once", f"At most {most}.")

"""A history on Redis: looked through debate by debate, hidden and brought back, purged, counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence, Set
from datetime import datetime

from rebuttal.records import Debate, Found, FoundPage, Search, Tally, now
from rebuttal.stores import redis_scripts as scripts
from rebuttal.stores.finding import (
    Place,
    Whole,
    check_search,
    excerpt_of,
    fits,
    place_of,
    says,
    tallies_of,
)
from rebuttal.stores.redis_database import Client, key
from rebuttal.stores.redis_rows import Kept, kept_of, seconds
from rebuttal.stores.redis_tokens import RedisTokens
from rebuttal.stores.sql_terms import marks_of
from rebuttal.stores.storable import is_storable, known
from rebuttal.words import Wanted, wanted

AT_ONCE = 50
"""Debates that are looked at together; other work is done in between."""
MOST = 10_000
"""Debates on a page."""


class RedisHistory(RedisTokens):
    """What a store does with many debates at once."""

    async def search(
        self, owner: str | None, search: Search, more: str | None = None, limit: int = 20
    ) -> FoundPage:
        check_search(search)
        before = None if more is None else place_of(more)
        most = min(max(limit, 0), MOST)
        looked_for, marks = wanted(search.text), marks_of(search)
        at_once = AT_ONCE if search != Search() else min(most + 1, AT_ONCE)
        found: list[Kept] = []
        async for ids in self._listed(owner, before, at_once):
            if looked_for or marks:
                ids = await self._saying(ids, looked_for, marks)
            found += [kept for kept in await self._shown(ids) if fits(kept.debate, search)]
            if len(found) > most:
                break
        page = found[:most]
        last = str(page[-1].place) if page and len(found) > most else None
        return FoundPage(found=await self._told(page, looked_for), more=last)

    async def ids_of(self, owner: str) -> list[str]:
        listed = [await self._shown(ids) async for ids in self._listed(owner)]
        return [kept.debate.id for some in listed for kept in some]

    async def delete(self, debate_ids: Sequence[str]) -> None:
        await self._write(scripts.HIDE, seconds(now()), *map(known, debate_ids))

    async def restore(self, debate_ids: Sequence[str]) -> None:
        await self._write(scripts.RESTORE, *map(known, debate_ids))

    async def hidden(self, debate_ids: Sequence[str]) -> list[Debate]:
        ids = [known(debate_id) for debate_id in debate_ids]
        found = [one for some in _slices(ids) for one in await self._kept(some)]
        return [one.debate for one in found if one.deleted_at is not None]

    async def doomed(self, older_than: datetime | None, deleted_before: datetime) -> list[Debate]:
        ids = await self._doomed(older_than, deleted_before)
        kept = [one for some in _slices(ids) for one in await self._kept(some)]
        return [one.debate for one in sorted(kept, key=lambda one: one.place.seq, reverse=True)]

    async def purge(self, older_than: datetime | None, deleted_before: datetime) -> int:
        moments = seconds(older_than) if older_than else "", seconds(deleted_before)
        count = 0
        for some in _slices(await self._doomed(older_than, deleted_before)):
            keep = self._database.keep_ms
            count += int((await self._database.run(scripts.PURGE, keep, *moments, *some))[0])
        while await self.sweep():
            pass
        await self.drop_ended()
        return count

    async def sweep(self) -> int:
        """Take some of what has expired out of the lists; how many debates it were."""
        before = now().timestamp() - int(self._database.keep_ms) / 1000
        return int((await self._database.run(scripts.SWEEP, f"{before:.6f}"))[0])

    async def tallies(
        self, owner: str | None, since: datetime, until: datetime
    ) -> tuple[Tally, ...]:
        found: list[Whole] = []
        async for ids in self._listed(owner):
            for tree in await self._trees(ids):
                if tree and tree.kept.deleted_at is None:
                    said = [t for t in tree.turns if since <= t.created_at < until]
                    found.append((tree.kept.debate, said))
        return tallies_of(found, since, until)

    async def _listed(
        self, owner: str | None, before: Place | None = None, at_once: int = AT_ONCE
    ) -> AsyncIterator[list[str]]:
        """Ids of debates behind that place in the order of a history, some at a time."""
        if not is_storable(owner):
            return
        name = key("all") if owner is None else key("of", owner)
        place = "+inf" if before is None else f"({_score(before)}"
        while True:
            at = place

            async def work(redis: Client, at: str = at) -> list[tuple[str, float]]:
                found: list[tuple[str, float]] = await redis.zrevrangebyscore(
                    name, at, "-inf", start=0, num=at_once, withscores=True
                )
                return found

            listed = await self._read(work)
            if listed:
                yield [debate_id for debate_id, _ in listed]
            if len(listed) < at_once:
                return
            place = f"({int(listed[-1][1])}"

    async def _shown(self, debate_ids: Sequence[str]) -> list[Kept]:
        """Those of them that were not deleted meanwhile."""
        return [kept for kept in await self._kept(debate_ids) if kept.deleted_at is None]

    async def _kept(self, debate_ids: Sequence[str]) -> list[Kept]:
        """Those that are there; what was listed and has expired is listed no more."""

        async def work(redis: Client) -> list[dict[str, str]]:
            async with redis.pipeline(transaction=False) as pipeline:
                for debate_id in debate_ids:
                    pipeline.hgetall(key("debate", debate_id))
                found: list[dict[str, str]] = await pipeline.execute()
                return found

        rows = await self._read(work) if debate_ids else []
        expired = [one for one, row in zip(debate_ids, rows, strict=True) if not row]
        if expired:
            await self._database.run(scripts.EXPIRED, *expired)
        return [kept for row in rows if (kept := kept_of(row))]

    async def _saying(self, ids: Sequence[str], looked_for: Wanted, marks: Set[str]) -> list[str]:
        """Those of these debates in which all that stands."""

        async def work(redis: Client) -> list[list[str]]:
            async with redis.pipeline(transaction=False) as pipeline:
                for debate_id in ids:
                    pipeline.hvals(key("words", debate_id))
                found: list[list[str]] = await pipeline.execute()
                return found

        texts = await self._read(work)
        return [
            debate_id
            for debate_id, said in zip(ids, texts, strict=True)
            if says(" ".join(said), looked_for, marks)
        ]

    async def _told(self, page: Sequence[Kept], looked_for: Wanted) -> tuple[Found, ...]:
        ids = [kept.debate.id for kept in page]

        async def work(redis: Client) -> list[int]:
            async with redis.pipeline(transaction=False) as pipeline:
                for debate_id in ids:
                    pipeline.hlen(key("turns", debate_id))
                found: list[int] = await pipeline.execute()
                return found

        counts = await self._read(work) if ids else []
        trees = await self._trees(ids) if looked_for and ids else [None] * len(ids)
        return tuple(
            Found(
                debate=kept.debate,
                turns=count,
                excerpt=excerpt_of((kept.debate, tree.turns), looked_for) if tree else "",
            )
            for kept, count, tree in zip(page, counts, trees, strict=True)
        )

    async def _doomed(self, older_than: datetime | None, deleted_before: datetime) -> list[str]:
        async def work(redis: Client) -> list[str]:
            deleted = f"({seconds(deleted_before)}"
            ids: list[str] = await redis.zrangebyscore(key("deleted"), "-inf", deleted)
            if older_than is not None:
                old = f"({seconds(older_than)}"
                ids += await redis.zrangebyscore(key("kept"), "-inf", old)
            return list(dict.fromkeys(ids))

        return await self._read(work)


def _score(place: Place) -> int:
    return place.seq + (scripts.PINNED if place.pinned else 0)


def _slices(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[at : at + AT_ONCE] for at in range(0, len(ids), AT_ONCE)]

"""The history of another Rebuttal."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, TypeAdapter

from rebuttal.records import Debate, Found, FoundPage, Search
from rebuttal.remote.wire import Wire, parse, path_of

PAGE = 200


class _Item(BaseModel):
    """A debate of a list. Fields that a later version adds are left alone."""

    model_config = ConfigDict(frozen=True, strict=True)

    debate: Debate
    turns: int
    excerpt: str = ""
    running: bool = False


class _Items(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    items: tuple[_Item, ...]
    next: str | None = None


_ITEMS = TypeAdapter(_Items)


class RemoteHistory:
    """What can be done with the debates that are kept there; History says what each does."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._speaking: frozenset[str] = frozenset()

    async def find(
        self,
        search: Search = Search(),  # noqa: B008 - a frozen value
        more: str | None = None,
        limit: int = 20,
    ) -> FoundPage:
        """A page of debates that are found."""
        asked = {
            "text": search.text or None,
            "model": search.model,
            "persona": search.persona,
            "since": search.since.isoformat() if search.since else None,
            "until": search.until.isoformat() if search.until else None,
            "finished": None if search.finished is None else str(search.finished).lower(),
            "cursor": more,
            "limit": min(limit, PAGE),
        }
        page = parse(_ITEMS, await self._wire.get("/debates", asked))
        listed = {one.debate.id for one in page.items}
        self._speaking = self._speaking - listed | {o.debate.id for o in page.items if o.running}
        found = (Found(debate=o.debate, turns=o.turns, excerpt=o.excerpt) for o in page.items)
        return FoundPage(found=tuple(found), more=page.next)

    def speaking(self) -> frozenset[str]:
        """Those that were being spoken when they were found."""
        return self._speaking

    async def rename(self, debate_id: str, title: str) -> None:
        """Call it so; an empty title gives the topic back."""
        await self._wire.send("PATCH", path_of(debate_id), {"title": title})

    async def pin(self, debate_id: str, pinned: bool) -> None:
        """Keep it above the others, or no longer."""
        await self._wire.send("PATCH", path_of(debate_id), {"pinned": pinned})

    async def delete(self, debate_ids: Sequence[str]) -> None:
        """Delete these, one after the other."""
        for debate_id in debate_ids:
            await self._wire.send("DELETE", path_of(debate_id))

    async def undelete(self, debate_ids: Sequence[str]) -> None:
        """Bring these back, one after the other."""
        for debate_id in debate_ids:
            await self._wire.send("POST", path_of(debate_id, "undelete"))

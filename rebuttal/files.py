"""``app.files``: debates that go out as documents and come in again."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO

from rebuttal.access import Access
from rebuttal.errors import InvalidInput, NotAllowed, NotFound, StoreError
from rebuttal.export import ExportFormat, export_debate
from rebuttal.export.history import HistoryZip
from rebuttal.intake.archive import too_large
from rebuttal.intake.debates import Arrivals, Whole
from rebuttal.records import OPERATOR, Clock, Debate, Search, Visitor, now
from rebuttal.stores.base import DebateStore, no_debate
from rebuttal.wish import whole_text

PAGE = 200
"""Debates of a history that are listed at a time."""
IN_MEMORY = 2**20
"""Bytes of an import up to which it needs no place on the disk, where it is gone when closed."""
AT_ONCE = 2
"""Imports that are read at the same time; further ones wait with their file on the disk."""


class Files:
    """Documents of one debate, a zip of all, and what is made of either when it comes back."""

    def __init__(self, access: Access, clock: Clock = now) -> None:
        self._access = access
        self._clock = clock
        self._reading = asyncio.Semaphore(AT_ONCE)

    async def export(
        self, debate_id: str, format: ExportFormat, *, visitor: Visitor = OPERATOR
    ) -> str:
        """The debate as text of that format; a guest's holds the main line. Raises NotFound."""
        store, rights = await self._access.store(), self._access.rights
        debate = await store.get_debate(debate_id)
        if not rights.reads(visitor, debate):
            raise no_debate(debate_id)
        if visitor.reads:
            debate = rights.debate(visitor, debate)
            tree = await store.get_turns(debate_id)
            unnamed = {"id": "shared", "rerun_of": None, "tip": tree[-1].id}
            debate = debate.model_copy(update=unnamed)
        else:
            tree = await store.get_tree(debate_id)
        return await asyncio.to_thread(export_debate, debate, tree, format)

    async def export_all(self, *, visitor: Visitor = OPERATOR) -> AsyncGenerator[bytes, None]:
        """The visitor's whole history as a zip, piece by piece; the operator's is everybody's.

        A debate that is deleted meanwhile is left out.
        """
        self._refuse_guests(visitor)
        store, zipped = await self._access.store(), HistoryZip()
        async for debate in self._history(store, visitor):
            try:
                tree = await store.get_tree(debate.id)
            except NotFound:
                continue
            yield await asyncio.to_thread(zipped.add, debate, tree)
        yield await asyncio.to_thread(zipped.close)

    async def import_(
        self, source: AsyncIterable[bytes] | Path, *, visitor: Visitor = OPERATOR
    ) -> tuple[str, ...]:
        """Take in a debate as JSON, or a zip of a history: all that is in it, or nothing.

        ``source`` is a file or its bytes as they come. Returns the new ids, oldest debate first.
        Raises InvalidInput for what is not as an export is or larger than the settings allow, and
        BudgetSpent.
        """
        self._refuse_guests(visitor)
        async with self._received(source) as file, self._reading:
            settings, moment = self._access.settings, self._clock()
            there = await asyncio.to_thread(Arrivals, file, settings, visitor.owner, moment)
            texts = {} if visitor.operator else await asyncio.to_thread(_kept_texts, there)
            store = await self._access.store()
            async with self._access.charged(visitor, texts):
                await store.add_debates(there)
            return there.ids

    def _refuse_guests(self, visitor: Visitor) -> None:
        if visitor.reads:
            raise NotAllowed("A link shows one debate, and nothing else.")

    async def _history(self, store: DebateStore, visitor: Visitor) -> AsyncIterator[Debate]:
        everybody = visitor.operator or not self._access.settings.owners
        owner, more = None if everybody else visitor.owner, None
        while True:
            page = await store.search(owner, Search(), more, PAGE)
            for found in page.found:
                yield found.debate
            more = page.more
            if more is None:
                return

    @asynccontextmanager
    async def _received(self, source: AsyncIterable[bytes] | Path) -> AsyncIterator[IO[bytes]]:
        """The whole of ``source`` as a file to read; no more of it than may come in."""
        most = self._access.settings.max_import_kib * 1024
        if isinstance(source, Path):
            with _opened(source, most) as file:
                yield file
            return
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
            size = 0
            async for piece in source:
                size += len(piece)
                if size > most:
                    raise too_large(most)
                _put(piece, file)
            yield file


def _kept_texts(there: Iterable[Whole]) -> dict[str, str]:
    """What is kept of each debate, by its id."""
    return {debate.id: whole_text(debate, turns) for debate, turns in there}


@contextmanager
def _opened(file: Path, most: int) -> Iterator[IO[bytes]]:
    try:
        with file.open("rb") as opened:
            if os.fstat(opened.fileno()).st_size > most:
                raise too_large(most)
            yield opened
    except OSError as exc:
        raise InvalidInput(f"{file.name!r} cannot be read: {exc.strerror}.") from None


def _put(piece: bytes, file: IO[bytes]) -> None:
    try:
        file.write(piece)
    except OSError as exc:
        raise StoreError(
            f"The file cannot be kept while it is read: {exc.strerror}.",
            "Free some space in the folder for temporary files.",
        ) from None

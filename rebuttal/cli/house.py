"""What commands need of Rebuttal: the one in this process, or another one behind an address.

DebateApp and RemoteApp both are a House; DebateApp says what each method does.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Protocol

from rebuttal.catalog import Catalog
from rebuttal.events import DebateEvent
from rebuttal.export import ExportFormat
from rebuttal.line import Pair
from rebuttal.providers.base import Progress
from rebuttal.records import (
    Debate,
    DebateState,
    EndpointState,
    FoundPage,
    ModelState,
    Search,
    Seat,
    Turn,
)


class Kept(Protocol):
    """The history."""

    async def find(
        self, search: Search = ..., more: str | None = None, limit: int = 20
    ) -> FoundPage: ...

    def speaking(self) -> frozenset[str]:
        """The ids of debates that are being spoken, of those that were found last."""
        ...

    async def rename(self, debate_id: str, title: str) -> None: ...

    async def pin(self, debate_id: str, pinned: bool) -> None: ...

    async def delete(self, debate_ids: Sequence[str]) -> None: ...

    async def undelete(self, debate_ids: Sequence[str]) -> None: ...


class House(Protocol):
    """Where debates are held."""

    @property
    def catalog(self) -> Catalog: ...

    @property
    def history(self) -> Kept: ...

    @property
    def storage_problem(self) -> str: ...

    async def start(
        self,
        topic: str,
        seats: Sequence[Seat],
        *,
        rounds: int = 3,
        language: str = "English",
        seed: int | None = None,
    ) -> str: ...

    async def say(self, debate_id: str, text: str, rounds: int = 0) -> None: ...

    async def stop(self, debate_id: str) -> None: ...

    async def pause(self, debate_id: str) -> None: ...

    async def resume(self, debate_id: str) -> None: ...

    def watch(
        self, debate_id: str, after: str | None = None
    ) -> AsyncGenerator[list[DebateEvent], None]: ...

    async def debate(self, debate_id: str) -> Debate: ...

    async def origin(self, debate_id: str) -> Debate: ...

    async def state(self, debate_id: str) -> DebateState: ...

    async def transcript(self, debate_id: str) -> tuple[Turn, ...]: ...

    async def debates(self, limit: int = 50) -> list[Debate]: ...

    async def export(self, debate_id: str, format: ExportFormat) -> str: ...

    async def tree(self, debate_id: str) -> tuple[Turn, ...]: ...

    async def regenerate(self, debate_id: str, turn_id: str | None = None) -> None: ...

    async def branch(
        self,
        debate_id: str,
        after: str,
        *,
        seats: Sequence[Seat] | None = None,
        text: str = "",
        rounds: int | None = None,
    ) -> None: ...

    async def edit(self, debate_id: str, turn_id: str, text: str) -> None: ...

    async def choose(self, debate_id: str, turn_id: str) -> None: ...

    async def prune(self, debate_id: str, turn_id: str) -> None: ...

    async def rerun(
        self,
        debate_id: str,
        *,
        topic: str | None = None,
        rounds: int | None = None,
        language: str | None = None,
        seed: int | None = None,
        seats: Mapping[str, Seat] | None = None,
    ) -> str: ...

    async def compare(self, first_id: str, second_id: str) -> list[Pair]: ...

    async def models(self) -> tuple[ModelState, ...]: ...

    async def endpoints(self) -> tuple[EndpointState, ...]: ...

    def pull(self, label: str) -> AsyncGenerator[Progress, None]: ...

    async def unload(self, label: str) -> None: ...

    async def close(self) -> None: ...

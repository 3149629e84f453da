"""DebateApp: one method for each thing the product can do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Literal

from rebuttal.catalog import Catalog
from rebuttal.events import DebateEvent
from rebuttal.providers.base import Progress
from rebuttal.records import Debate, DebateState, EndpointState, ModelState, Seat, Turn
from rebuttal.settings import Settings

ExportFormat = Literal["md", "txt", "json"]


class DebateApp:
    """Everything Rebuttal can do, for screens, terminals, servers and notebooks alike."""

    settings: Settings
    catalog: Catalog
    catalog_problem: str
    """Why the last reload was refused, or empty. The last good catalog stays in force."""

    def __init__(self, settings: Settings) -> None:
        raise NotImplementedError

    async def start(
        self,
        topic: str,
        seats: Sequence[Seat],
        *,
        rounds: int = 3,
        language: str = "English",
        seed: int | None = None,
        owner: str = "",
        request: str | None = None,
    ) -> str:
        """Begin a debate and return its id; it runs on its own from here.

        Two starts with the same ``request`` (any unguessable text) are one debate. Raises
        InvalidInput or NotFound for what cannot be, StoreError where it cannot be kept.
        """
        raise NotImplementedError

    async def say(self, debate_id: str, text: str, rounds: int = 0) -> None:
        """A user's turn: a follow-up that buys rounds, or with 0 a note to those who speak next.

        While a turn is being spoken it waits for its end. Empty text with rounds = "go on".
        """
        raise NotImplementedError

    async def stop(self, debate_id: str) -> None:
        """Cut the turn in progress, keep what was said, and wait for resume."""
        raise NotImplementedError

    async def pause(self, debate_id: str) -> None:
        """Let the present turn end, then wait for resume."""
        raise NotImplementedError

    async def resume(self, debate_id: str) -> None:
        """Go on from the transcript: after stop, pause, an error or a crash. Twice is once."""
        raise NotImplementedError

    async def regenerate(self, debate_id: str) -> None:
        """Leave the last turn of a debater on a side branch and have it spoken anew."""
        raise NotImplementedError

    def watch(self, debate_id: str, after: str | None = None) -> AsyncIterator[list[DebateEvent]]:
        """What has been said (from the turn behind ``after``), then what follows, as it happens.

        Yields batches at most every 0.1 s with the deltas of one turn merged into one, and an empty
        batch at least every 0.5 s. A watcher that comes in mid-turn first gets TurnStarted and the
        turn so far as one TurnDelta. After DebatePaused or DebateFinished the stream goes on (a
        resume may follow) until the watcher leaves. Raises NotFound.
        """
        raise NotImplementedError

    async def debate(self, debate_id: str) -> Debate:
        """Raises NotFound."""
        raise NotImplementedError

    async def state(self, debate_id: str) -> DebateState:
        """Whether it runs, waits, was interrupted, or is finished."""
        raise NotImplementedError

    async def transcript(self, debate_id: str) -> tuple[Turn, ...]:
        """The main line: user's and debaters' turns from the topic to the tip."""
        raise NotImplementedError

    async def debates(self, owner: str | None = None, limit: int = 50) -> list[Debate]:
        """Newest first."""
        raise NotImplementedError

    async def export(self, debate_id: str, format: ExportFormat) -> str:
        """The debate as text of that format."""
        raise NotImplementedError

    async def models(self) -> tuple[ModelState, ...]:
        """Models of the catalog, and those that reachable servers report beyond it."""
        raise NotImplementedError

    async def endpoints(self) -> tuple[EndpointState, ...]:
        """The endpoints of the catalog and whether they answer."""
        raise NotImplementedError

    def pull(self, label: str) -> AsyncIterator[Progress]:
        """Fetch a model's weights: into the cache, or by the Ollama server it lives on."""
        raise NotImplementedError

    async def unload(self, label: str) -> None:
        """Free the memory a model holds."""
        raise NotImplementedError

    def reload_catalog(self) -> Catalog:
        """Read models.yaml and personas/ again. Raises CatalogError; the old catalog stays."""
        raise NotImplementedError

    async def close(self) -> None:
        """Stop every debate, unload every model, close the store."""
        raise NotImplementedError

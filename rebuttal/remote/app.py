"""RemoteApp: a DebateApp whose debates are at another Rebuttal."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from rebuttal.catalog import Catalog
from rebuttal.events import DebateEvent
from rebuttal.export import ExportFormat
from rebuttal.line import Pair, side_by_side
from rebuttal.providers.base import Progress
from rebuttal.records import (
    Debate,
    DebateState,
    EndpointState,
    ModelState,
    Seat,
    Turn,
)
from rebuttal.redaction import learn
from rebuttal.remote import events
from rebuttal.remote.address import checked_address, checked_token
from rebuttal.remote.catalog import fetch_catalog
from rebuttal.remote.history import RemoteHistory
from rebuttal.remote.models import RemoteModels
from rebuttal.remote.wire import Wire, parse, path_of
from rebuttal.wish import checked_text

MOST_EDITED = 400_000
"""Characters of a turn; how many are allowed there, the other side knows."""


class _Read(BaseModel):
    """A debate as it is read. Fields that a later version adds are left alone."""

    model_config = ConfigDict(frozen=True, strict=True)

    debate: Debate
    state: DebateState


class _Turns(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    items: tuple[Turn, ...]


class _Begun(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    id: str


_DEBATE = TypeAdapter(Debate)
_READ = TypeAdapter(_Read)
_TURNS = TypeAdapter(_Turns)
_BEGUN = TypeAdapter(_Begun)


class RemoteApp:
    """The same debates, at ``address``. Use it as ``async with RemoteApp(address, token) as app``.

    Its methods are those of DebateApp, and raise the same errors, in the words of the other side,
    and Unreachable where it does not answer. Raises InvalidInput for what is no address.
    """

    def __init__(self, address: str, token: str = "") -> None:
        learn(token.strip())
        checked = checked_address(address, with_token=bool(token.strip()))
        self.address = checked.base
        self.warning = checked.warning
        """What people should know about the way there; or empty."""
        self._wire = Wire(checked, checked_token(token))
        self._models = RemoteModels(self._wire)
        self._catalog: Catalog | None = None
        self.history = RemoteHistory(self._wire)
        """Debates that are kept there."""

    async def __aenter__(self) -> RemoteApp:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. What runs there goes on as long as its settings say."""
        await self._wire.close()

    @property
    def storage_problem(self) -> str:
        """Told by the other side to whoever asks it; nothing of it here."""
        return ""

    async def load_catalog(self) -> Catalog:
        """Read what can be seated there."""
        self._catalog = await fetch_catalog(self._wire)
        return self._catalog

    @property
    def catalog(self) -> Catalog:
        """What can be seated there, as ``load_catalog`` has read it."""
        if self._catalog is None:
            raise RuntimeError("load_catalog() comes first")
        return self._catalog

    # --- debates ----------------------------------------------------------------------------------

    async def start(
        self,
        topic: str,
        seats: Sequence[Seat],
        *,
        rounds: int = 3,
        language: str = "English",
        seed: int | None = None,
    ) -> str:
        """Begin a debate there and return its id."""
        topic = checked_text(topic, "topic")
        wish = {"topic": topic, "seats": _plain(seats), "rounds": rounds, "language": language}
        if seed is not None:
            wish["seed"] = seed
        return parse(_BEGUN, await self._wire.send("POST", "/debates", wish)).id

    async def say(self, debate_id: str, text: str, rounds: int = 0) -> None:
        """A user's turn."""
        text = checked_text(text, "note") if text.strip() or not rounds else ""
        await self._do(debate_id, "say", text=text, rounds=rounds)

    async def stop(self, debate_id: str) -> None:
        """Cut the turn in progress, keep what was said."""
        await self._do(debate_id, "stop")

    async def pause(self, debate_id: str) -> None:
        """Let the present turn end."""
        await self._do(debate_id, "pause")

    async def resume(self, debate_id: str) -> None:
        """Go on from the transcript."""
        await self._do(debate_id, "resume")

    async def watch(
        self, debate_id: str, after: str | None = None
    ) -> AsyncGenerator[list[DebateEvent], None]:
        """As DebateApp.watch; a connection that breaks is made again, and nothing is missed."""
        async with aclosing(events.watch(self._wire, debate_id, after)) as batches:
            async for batch in batches:
                yield batch

    async def debate(self, debate_id: str) -> Debate:
        """The debate with those who sit at its table now."""
        return (await self._read(debate_id)).debate

    async def origin(self, debate_id: str) -> Debate:
        """The debate with those who sat there when it began."""
        return parse(_DEBATE, await self._wire.get(path_of(debate_id, "origin")))

    async def state(self, debate_id: str) -> DebateState:
        """Whether it runs, waits, was interrupted, or is finished."""
        return (await self._read(debate_id)).state

    async def transcript(self, debate_id: str) -> tuple[Turn, ...]:
        """The main line."""
        return await self._turns(debate_id, "turns")

    async def debates(self, limit: int = 50) -> list[Debate]:
        """Those of the history, newest first."""
        page = await self.history.find(limit=limit)
        return [found.debate for found in page.found]

    async def export(self, debate_id: str, format: ExportFormat) -> str:
        """The debate as text of that format."""
        body = await self._wire.get(path_of(debate_id, "export"), {"format": format})
        return body.decode("utf-8", "replace")

    # --- its tree ---------------------------------------------------------------------------------

    async def tree(self, debate_id: str) -> tuple[Turn, ...]:
        """Every turn on every branch."""
        return await self._turns(debate_id, "tree")

    async def regenerate(self, debate_id: str, turn_id: str | None = None) -> None:
        """Have a turn spoken anew and go on from there."""
        await self._do(debate_id, "regenerate", turn_id=turn_id)

    async def branch(
        self,
        debate_id: str,
        after: str,
        *,
        seats: Sequence[Seat] | None = None,
        text: str = "",
        rounds: int | None = None,
    ) -> None:
        """Go on behind a turn."""
        table = _plain(seats) if seats else None
        await self._do(debate_id, "branch", after=after, seats=table, text=text, rounds=rounds)

    async def edit(self, debate_id: str, turn_id: str, text: str) -> None:
        """Put a turn into other words and go on from there."""
        text = checked_text(text, "turn", MOST_EDITED)
        await self._do(debate_id, "edit", turn_id=turn_id, text=text)

    async def choose(self, debate_id: str, turn_id: str) -> None:
        """Make the line through a turn the main line."""
        await self._do(debate_id, "choose", turn_id=turn_id)

    async def prune(self, debate_id: str, turn_id: str) -> None:
        """Forget a turn and all that follow it."""
        await self._wire.send("DELETE", path_of(debate_id, "turns", turn_id))

    async def rerun(
        self,
        debate_id: str,
        *,
        topic: str | None = None,
        rounds: int | None = None,
        language: str | None = None,
        seed: int | None = None,
        seats: Mapping[str, Seat] | None = None,
    ) -> str:
        """Run a debate again; the new id."""
        wish = {"topic": topic, "rounds": rounds, "language": language, "seed": seed}
        body: dict[str, Any] = {name: value for name, value in wish.items() if value is not None}
        if seats:
            body["seats"] = {place: seat.model_dump(mode="json") for place, seat in seats.items()}
        return parse(_BEGUN, await self._wire.send("POST", path_of(debate_id, "rerun"), body)).id

    async def compare(self, first_id: str, second_id: str) -> list[Pair]:
        """The main lines of two debates turn by turn."""
        first = await self.transcript(first_id)
        return side_by_side(first, await self.transcript(second_id))

    # --- models -----------------------------------------------------------------------------------

    async def models(self) -> tuple[ModelState, ...]:
        """What can be seated there now, and what cannot and why."""
        return await self._models.models()

    async def endpoints(self) -> tuple[EndpointState, ...]:
        """Its endpoints and whether they answer it."""
        return await self._models.endpoints()

    def pull(self, label: str) -> AsyncGenerator[Progress, None]:
        """Have it fetch a model's weights."""
        return self._models.pull(label)

    async def unload(self, label: str) -> None:
        """Have it free the memory a model holds."""
        await self._models.unload(label)

    # --- inside -----------------------------------------------------------------------------------

    async def _read(self, debate_id: str) -> _Read:
        return parse(_READ, await self._wire.get(path_of(debate_id)))

    async def _turns(self, debate_id: str, which: str) -> tuple[Turn, ...]:
        return parse(_TURNS, await self._wire.get(path_of(debate_id, which))).items

    async def _do(self, debate_id: str, what: str, **given: object) -> None:
        body = {name: value for name, value in given.items() if value is not None}
        await self._wire.send("POST", path_of(debate_id, what), body)


def _plain(seats: Sequence[Seat]) -> list[dict[str, Any]]:
    return [seat.model_dump(mode="json") for seat in seats]

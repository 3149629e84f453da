"""What a file holds -> whole debates of the visitor's, with ids of their own."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, overload

from rebuttal.document import GONE, Document, KeptTurn
from rebuttal.errors import InvalidInput
from rebuttal.intake.archive import Parcel
from rebuttal.intake.check import check_document
from rebuttal.intake.reading import read_document
from rebuttal.line import line_to, next_debater
from rebuttal.material import one_line
from rebuttal.records import Debate, Turn, new_id
from rebuttal.settings import Settings

Whole = tuple[Debate, tuple[Turn, ...]]
MOST_DEBATES = 20_000
"""Debates of one import."""


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A debate that was found good: its name in the file, its id there and here."""

    name: str
    old_id: str
    new_id: str
    created_at: datetime


class Arrivals(Sequence[Whole]):
    """Every debate in ``file``, oldest first, as the owner's, imported at ``moment``.

    All are checked at once, and each is read anew whenever it is asked for, the same every time: a
    history takes no more memory than its longest debate. Re-runs of each other stay so. Everything
    raises InvalidInput, naming document and field. The file stays open meanwhile.
    """

    def __init__(self, file: IO[bytes], settings: Settings, owner: str, moment: datetime) -> None:
        self._settings, self._owner, self._moment = settings, owner, moment
        self._secret = secrets.token_bytes(16)
        self._parcel = Parcel(file, settings.max_import_kib * 1024)
        if len(self._parcel.names) > MOST_DEBATES:
            raise InvalidInput(f"The zip holds more than {MOST_DEBATES} debates.")
        there = (self._checked(*named) for named in self._parcel.documents())
        self._arrivals = sorted(there, key=lambda arrival: arrival.created_at)
        self._ids = {arrival.old_id: arrival.new_id for arrival in self._arrivals}

    @property
    def ids(self) -> tuple[str, ...]:
        """The new ids, in order."""
        return tuple(arrival.new_id for arrival in self._arrivals)

    def __len__(self) -> int:
        return len(self._arrivals)

    @overload
    def __getitem__(self, at: int) -> Whole: ...

    @overload
    def __getitem__(self, at: slice) -> tuple[Whole, ...]: ...

    def __getitem__(self, at: int | slice) -> Whole | tuple[Whole, ...]:
        if isinstance(at, slice):
            return tuple(self[number] for number in range(len(self))[at])
        arrival = self._arrivals[at]
        document = self._document(arrival.name, self._parcel.document(arrival.name))
        return self._whole(document, arrival.new_id)

    def _checked(self, name: str, data: bytes) -> _Arrival:
        told = self._document(name, data).debate
        return _Arrival(name, told.id, new_id(), told.created_at)

    def _document(self, name: str, data: bytes) -> Document:
        try:
            document = read_document(data)
            check_document(document, self._settings, self._moment)
        except InvalidInput as error:
            error.message = ": ".join(filter(None, (one_line(name, 100), error.message)))
            raise
        return document

    def _whole(self, document: Document, key: str) -> Whole:
        told = document.debate
        turns = tuple(self._turn(turn, key) for turn in _without_lost_edits(document.turns))
        debate = told.model_copy(
            update={
                "id": key,
                "tip": self._named(key, told.tip),
                "rerun_of": self._ids.get(told.rerun_of or ""),
                "imported_at": self._moment,
                "owner": self._owner,
                "created_at": told.created_at.astimezone(UTC),
            }
        )
        finished = next_debater(debate, line_to(turns, debate.tip)) is None
        return debate.model_copy(update={"finished": finished}), turns

    def _turn(self, turn: KeptTurn, debate_id: str) -> Turn:
        edited = turn.edited_from
        changed = {
            "id": self._named(debate_id, turn.id),
            "parent_id": turn.parent_id and self._named(debate_id, turn.parent_id),
            "edited_from": edited if edited in (None, GONE) else self._named(debate_id, edited),
            "created_at": turn.created_at.astimezone(UTC),
        }
        return Turn.model_construct(**{**turn.__dict__, **changed})

    def _named(self, debate_id: str, turn_id: str) -> str:
        """The new id of a turn: as unguessable as any, and the same each time."""
        said = f"{debate_id} {turn_id}".encode()
        digest = hashlib.blake2b(said, digest_size=16, key=self._secret).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _without_lost_edits(turns: tuple[KeptTurn, ...]) -> Iterator[KeptTurn]:
    ids = {turn.id for turn in turns}
    for turn in turns:
        lost = turn.edited_from is not None and turn.edited_from not in ids
        yield turn.model_copy(update={"edited_from": GONE}) if lost else turn

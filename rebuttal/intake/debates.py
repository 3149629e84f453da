"""What a file holds -> whole debates of the visitor's, with ids of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import BinaryIO

from rebuttal.document import GONE, Document
from rebuttal.errors import InvalidInput
from rebuttal.intake.archive import documents
from rebuttal.intake.check import check_document
from rebuttal.intake.reading import read_document
from rebuttal.line import line_to, next_debater
from rebuttal.material import one_line
from rebuttal.records import Debate, Turn, new_id
from rebuttal.settings import Settings

Whole = tuple[Debate, tuple[Turn, ...]]
MOST_DEBATES = 20_000
"""Debates of one import."""


def read_debates(file: BinaryIO, settings: Settings, owner: str, moment: datetime) -> list[Whole]:
    """Every debate in ``file``, oldest first, as the owner's, imported at ``moment``.

    Re-runs of each other stay so. Raises InvalidInput, naming document and field.
    """
    there: list[Document] = []
    for name, data in documents(file, settings.max_import_kib * 1024):
        if len(there) == MOST_DEBATES:
            raise InvalidInput(f"The zip holds more than {MOST_DEBATES} debates.")
        try:
            document = read_document(data)
            check_document(document, settings, moment)
        except InvalidInput as error:
            error.message = ": ".join(filter(None, (one_line(name, 100), error.message)))
            raise
        there.append(document)
    there.sort(key=lambda document: document.debate.created_at)
    new = [new_id() for _ in there]
    ids = {document.debate.id: key for document, key in zip(there, new, strict=True)}
    return [
        _whole(document, key, ids, owner, moment) for document, key in zip(there, new, strict=True)
    ]


def _whole(
    document: Document, key: str, ids: Mapping[str, str], owner: str, moment: datetime
) -> Whole:
    turns = _renamed(document.turns)
    names = dict(zip((turn.id for turn in document.turns), turns, strict=True))
    told = document.debate
    changed = {
        "id": key,
        "tip": names[told.tip].id,
        "rerun_of": ids.get(told.rerun_of or ""),
        "imported_at": moment,
        "owner": owner,
        "created_at": told.created_at.astimezone(UTC),
    }
    debate = told.model_copy(update=changed)
    finished = next_debater(debate, line_to(turns, debate.tip)) is None
    return debate.model_copy(update={"finished": finished}), turns


def _renamed(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The same tree under new ids."""
    ids = {turn.id: new_id() for turn in turns}
    return tuple(
        Turn.model_construct(
            **{
                **turn.__dict__,
                "id": ids[turn.id],
                "parent_id": turn.parent_id and ids[turn.parent_id],
                "edited_from": turn.edited_from and ids.get(turn.edited_from, GONE),
                "created_at": turn.created_at.astimezone(UTC),
            }
        )
        for turn in turns
    )

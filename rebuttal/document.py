"""A debate as JSON, version 2: what an export writes and an import reads. See docs/json.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import Field

from rebuttal.records import Debate, Id, Record, Turn

VERSION: Final = 2

LEFT_OUT = ("owner", "own_keys", "forked_from", "finished")
"""Fields of a debate that no document has: whose it is, and what follows from the turns."""

GONE = "gone"
"""Stands for a turn that was edited and then deleted with its branch."""


class KeptTurn(Turn):
    """A turn as a document has it: what is None is left out, also the parent of the first."""

    parent_id: Id | None = None


class Document(Record):
    """A whole debate. Turns are called ``t1``, ``t2`` and so on, parents before children."""

    rebuttal: Literal[2]
    debate: Debate
    turns: Annotated[tuple[KeptTurn, ...], Field(min_length=1)]


def json_of(debate: Debate, tree: Sequence[Turn]) -> str:
    """The debate with every turn of ``tree``, which names parents before children.

    It holds no sign that acts on a terminal. The same debate always gives the same text.
    """
    names = {turn.id: f"t{number}" for number, turn in enumerate(tree, 1)}
    whole = Document.model_construct(
        rebuttal=VERSION,
        debate=debate.model_copy(update={"tip": names[debate.tip]}),
        turns=tuple(_named(turn, names) for turn in tree),
    )
    left_out = {"debate": set(LEFT_OUT)}
    text = whole.model_dump_json(indent=2, exclude=left_out, exclude_none=True)
    return _ACTING.sub(_escaped, text) + "\n"


def _named(turn: Turn, names: dict[str, str]) -> KeptTurn:
    said = {
        "id": names[turn.id],
        "parent_id": turn.parent_id and names[turn.parent_id],
        "edited_from": turn.edited_from and names.get(turn.edited_from, GONE),
    }
    return KeptTurn.model_construct(**{**turn.__dict__, **said})


# What would act on a terminal, or that no file can hold; in JSON it can stand only in a text.
_ACTING = re.compile(r"[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def _escaped(sign: re.Match[str]) -> str:
    return f"\\u{ord(sign[0]):04x}"

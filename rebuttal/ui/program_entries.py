"""What the events around programs accept: tokens, and panels; see ``entries``."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from rebuttal.records import Power, Record
from rebuttal.ui.entries import Clean, Entry, Form, KnownModel, KnownPersona, Language, Rounds

_ORDER = re.compile(r"\d{1,9} ([a-z]{1,12}) ([a-z0-9._-]{1,64})")


def _parts(value: object) -> object:
    """An order as programs.js writes it: a number that makes it a new one, the act, and to what."""
    found = _ORDER.fullmatch(value) if isinstance(value, str) else None
    return {"act": found[1], "what": found[2]} if found else value


def _as_name(value: object) -> object:
    """As a panel's name is written: small letters, and no blanks."""
    return "-".join(value.lower().split()) if isinstance(value, str) else value


class NewToken(Entry):
    """A token that shall be made; 0 days are for ever."""

    name: Annotated[str, Field(max_length=60), Clean]
    powers: Annotated[list[Power], Field(max_length=3)]
    days: Literal[0, 7, 30, 365]


class Revocation(Record):
    """A token that shall open nothing from now on."""

    act: Literal["revoke"]
    what: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Revoke(Entry):
    """Something is to be done with a token."""

    order: Annotated[Revocation, BeforeValidator(_parts)]


class Forgetting(Record):
    """A panel that shall be forgotten."""

    act: Literal["forget"]
    what: Annotated[str, Field(max_length=64)]


class Forget(Entry):
    """Something is to be done with a panel."""

    order: Annotated[Forgetting, BeforeValidator(_parts)]


class SavePanel(Form):
    """The table shall be kept as a panel."""

    panel: Annotated[str, Field(max_length=64), BeforeValidator(_as_name), Clean]
    chair: KnownPersona
    chair_model: KnownModel
    rounds: Rounds
    language: Language

"""What the events of the History and Insight tabs accept; see ``entries``."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from rebuttal.records import Id, Record, Search
from rebuttal.ui.entries import Clean, Entry, in_one_line
from rebuttal.ui.insight import By, Measure

# fmt: off
Act = Literal[
    "pin", "unpin", "rename", "delete", "ask", "delete-all", "undo", "leave",
    "older", "newer", "newest",
]
# fmt: on
"""What can be asked of the list; ``ask``: whether all of it shall go, ``leave``: then not."""
DEPTH = 30
"""Pages that one can turn back."""

CURSOR = r"[A-Za-z0-9_.:=+/,-]{1,200}"
_ORDER = re.compile(r"\d{1,9} ([a-z-]{1,12})(?: ([\s\S]{0,2000}))?")
_EARLIEST, _LATEST = date(1970, 1, 1), date(2999, 12, 31)


def _day(value: object) -> object:
    """A day as a date field sends it; empty is none."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value.strip()[:10])
    except ValueError:
        raise ValueError("not a day such as 2026-11-20") from None


def _parts(value: object) -> object:
    """An order as page.js writes it: a number that makes it a new one, the act, and to what."""
    found = _ORDER.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return value
    act, rest = found[1], found[2] or ""
    if act == "rename":
        debate, _, title = rest.partition(" ")
        return {"act": act, "debate": debate, "title": title}
    field = {"older": "cursor", "undo": "mark"}.get(act, "debate")
    return {"act": act, **({field: rest} if rest else {})}


Day = Annotated[
    Annotated[date, Field(ge=_EARLIEST, le=_LATEST)] | None,
    BeforeValidator(_day),
]
Choice = Annotated[str, Field(max_length=300), Clean]
State = Literal["", "finished", "interrupted"]


class Seek(Entry):
    """What to look for in one's history."""

    text: Annotated[str, Field(max_length=400), Clean]
    model: Choice
    persona: Choice
    state: Annotated[State, Clean]
    since: Day
    until: Day
    zone: Annotated[str, Field(pattern=r"^(-?\d{1,3})?$"), Clean]
    """Minutes that UTC is ahead of the browser's clock."""

    @property
    def search(self) -> Search:
        """In the words of the store; both days are part of the time, on the browser's clock."""
        return Search(
            text=self.text.strip(),
            model=self.model or None,
            persona=self.persona or None,
            since=self._begin(self.since),
            until=self._begin(self.until + timedelta(days=1)) if self.until else None,
            finished=self.state == "finished" if self.state else None,
        )

    def _begin(self, day: date | None) -> datetime | None:
        if day is None:
            return None
        return datetime.combine(day, time(), UTC) + timedelta(minutes=int(self.zone or 0))


class Order(Record):
    """One thing to do with the list, or with a debate in it."""

    act: Act
    debate: Id | None = None
    title: Annotated[str, Field(max_length=200), AfterValidator(in_one_line), Clean] = ""
    cursor: Annotated[str, Field(pattern=rf"^{CURSOR}$")] | None = None
    mark: Id | None = None

    @model_validator(mode="after")
    def _says_to_what(self) -> Self:
        wanted = {"older": self.cursor, "undo": self.mark}
        wanted |= dict.fromkeys(("pin", "unpin", "rename", "delete"), self.debate)
        if self.act in wanted and wanted[self.act] is None:
            raise ValueError("it does not say to what")
        return self


class Do(Seek):
    """Something is to be done with the list that shows what was looked for."""

    order: Annotated[Order, BeforeValidator(_parts)]
    trail: Annotated[str, Field(pattern=rf"^({CURSOR}( {CURSOR}){{0,{DEPTH - 1}}})?$"), Clean]
    """Where the pages begin that lead to the one on the screen, from the second on."""

    @property
    def pages(self) -> list[str]:
        """Those that lead to the page that shall be shown."""
        trail = self.trail.split()
        if self.order.cursor:
            return [*trail, self.order.cursor][-DEPTH:]
        return {"newer": trail[:-1], "newest": []}.get(self.order.act, trail)


ShareAct = Literal["share", "link", "revoke", "session", "renew", "end", "close"]
_SHARE = re.compile(r"\d{1,9} ([a-z]{1,12})(?: ([A-Za-z0-9_-]{1,64}))?(?: ([0-9a-f]{1,64}))?")


def _sharing(value: object) -> object:
    """As ``_parts``, with a debate and perhaps days or a hash."""
    found = _SHARE.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return value
    act, debate, rest = found.groups()
    wish: dict[str, object] = {"act": act, "debate": debate}
    if rest:
        wish |= {"days": int(rest)} if act == "link" and rest.isdecimal() else {"hash": rest}
    return wish


class Sharing(Record):
    """One thing to do with links to a debate, or with the address of one's history."""

    act: ShareAct
    debate: Id | None = None
    days: Annotated[int, Field(ge=0, le=3650)] | None = None
    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None

    @model_validator(mode="after")
    def _says_to_what(self) -> Self:
        about_debate = self.act in ("share", "link", "revoke")
        if (self.debate is None) is about_debate or (self.act == "revoke") is (self.hash is None):
            raise ValueError("it does not say to what")
        return self


class Share(Entry):
    """Something is to be done on the slip."""

    order: Annotated[Sharing, BeforeValidator(_sharing)]


class Count(Entry):
    """Which of one's numbers are to be shown."""

    days: Literal[7, 30, 365]
    measure: Measure
    by: By

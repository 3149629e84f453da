"""What can be asked of a debate, as values that travel to the process that runs it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from rebuttal import errors
from rebuttal.errors import Busy, RebuttalError
from rebuttal.records import Debater, Record, Visitor, new_id


class Resume(Record):
    """Go on from the transcript. Twice is once; a finished debate stays finished."""

    kind: Literal["resume"] = "resume"
    visitor: Visitor


class Stop(Record):
    """Cut the turn in progress and keep what was said of it."""

    kind: Literal["stop"] = "stop"


class Pause(Record):
    """Wait for the end of the present turn, then rest."""

    kind: Literal["pause"] = "pause"


class Note(Record):
    """A user's turn to be; ``id`` makes sure that it is said once."""

    id: str = Field(default_factory=new_id)
    text: str
    rounds: int


class Say(Record):
    """A user's turn; while somebody speaks, it waits for the end of that turn."""

    kind: Literal["say"] = "say"
    note: Note
    visitor: Visitor


class Regenerate(Record):
    """Leave a debater's turn, the last one or any other, aside and speak it anew."""

    kind: Literal["regenerate"] = "regenerate"
    visitor: Visitor
    turn_id: str | None = None


class Branch(Record):
    """Go on behind any turn: as it is, with a word of the user's, or with another table.

    Without a number of rounds a new table gets those that were left, and one at least; so it is
    where nothing is owed there.
    """

    kind: Literal["branch"] = "branch"
    visitor: Visitor
    after: str
    text: str = ""
    rounds: int | None = None
    table: tuple[Debater, ...] | None = None


class Edit(Record):
    """Put a turn into other words, beside the one that was said, and go on from there."""

    kind: Literal["edit"] = "edit"
    visitor: Visitor
    turn_id: str
    text: str


class Choose(Record):
    """Make the line through that turn, to its newest end, the main line."""

    kind: Literal["choose"] = "choose"
    turn_id: str


class Prune(Record):
    """Forget that turn and all that follow it; what others share with it stays.

    Where the main line went through it, the newest line beside it takes its place.
    """

    kind: Literal["prune"] = "prune"
    turn_id: str


class Change(Record):
    """Name it, pin it, or take the pin away; None leaves it, an empty title is none."""

    kind: Literal["change"] = "change"
    title: str | None = None
    pinned: bool | None = None


Order = Resume | Stop | Pause | Say | Regenerate | Branch | Edit | Choose | Prune | Change

_ORDER: TypeAdapter[Order] = TypeAdapter(Annotated[Order, Field(discriminator="kind")])


def order_from(text: str) -> Order:
    """The order that was written as JSON."""
    return _ORDER.validate_json(text)


class Running(Record):
    """What another process needs to know to go on: who lets the debate run, and what waits."""

    visitor: Visitor
    notes: tuple[Note, ...] = ()


class Answer(Record):
    """How an order ended: done, refused, or not for this process to do."""

    elsewhere: bool = False
    error: str | None = None
    """The name of a class in ``errors``."""
    message: str = ""
    hint: str = ""
    retry_after: float | None = None

    @classmethod
    def refused(cls, error: RebuttalError) -> Answer:
        """In the same words."""
        return cls(
            error=type(error).__name__,
            message=error.message,
            hint=error.hint,
            retry_after=error.retry_after if isinstance(error, Busy) else None,
        )

    def check(self) -> None:
        """Raises what was raised there."""
        if self.error is None:
            return
        kind = getattr(errors, self.error, RebuttalError)
        if not (isinstance(kind, type) and issubclass(kind, RebuttalError)):
            kind = RebuttalError
        if kind is Busy and self.retry_after is not None:
            raise Busy(self.message, self.hint, self.retry_after)
        raise kind(self.message, self.hint)

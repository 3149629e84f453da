"""What a store of debates and its ledger promise. One contract suite checks all there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol, get_args

from rebuttal.errors import NotFound
from rebuttal.records import Debate, Turn


def no_debate(debate_id: str) -> NotFound:
    """A foreign debate and a missing one look the same."""
    return NotFound(f"no debate has the id {debate_id!r}")


Scope = Literal["debate", "visitor", "network", "app"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class Cost:
    """Tokens, and money in billionths of the currency: whole numbers, so that sums are exact."""

    tokens: int = 0
    money: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.tokens + other.tokens, self.money + other.money)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.tokens - other.tokens, self.money - other.money)


NOTHING = Cost()


@dataclass(frozen=True, slots=True)
class Purse:
    """What a budget allows: to a debate for ever (``day`` is empty), to others on a day."""

    scope: Scope
    key: str
    day: str
    tokens: int | None = None
    money: int | None = None


@dataclass(frozen=True, slots=True)
class Lack:
    """A purse that does not hold what is needed, and what is spent of it."""

    purse: Purse
    spent: Cost
    need: Cost


@dataclass(frozen=True, slots=True)
class Figures:
    """The purses of one scope on a day: how many, all together, and the most of a single one."""

    count: int
    total: Cost
    most: Cost


class Ledger(Protocol):
    """What was spent, shared by every process on the same database.

    Whatever ``reserve`` took stays spent until it is settled, also after a crash.
    """

    async def reserve(
        self, purses: Sequence[Purse], cost: Cost, room: Cost = NOTHING
    ) -> Lack | None:
        """Take ``cost`` out of every purse, or out of none and say which one holds too little.

        A purse must hold ``room`` beside it, which is not taken.
        """
        ...

    async def settle(self, purses: Sequence[Purse], reserved: Cost, cost: Cost) -> None:
        """It was ``cost`` in the end, and not what was reserved."""
        ...

    async def secret(self, day: date) -> bytes:
        """A random secret of that day, the same for all; it and the day's sums are purged later."""
        ...

    async def figures(self, day: date) -> dict[str, Figures]:
        """What was spent on that day, by scope."""
        ...

    async def halt(self, reason: str) -> None:
        """From now on ``halted`` gives the reason."""
        ...

    async def go_on(self) -> None:
        """Take the halt back."""
        ...

    async def halted(self) -> str | None:
        """Why the operator said halt, or None."""
        ...


class DebateStore(Protocol):
    """Debates and their trees of turns. What a method has returned from survives a power cut.

    Every method raises StoreError where the disk or database refuses; nothing is half written.
    """

    @property
    def ledger(self) -> Ledger:
        """What was spent, in the same database."""
        ...

    async def add_debate(self, debate: Debate, first: Turn) -> None:
        """Keep a new debate with its first turn, ``debate.tip == first.id``."""
        ...

    async def get_debate(self, debate_id: str) -> Debate:
        """The debate with its present tip. Raises NotFound."""
        ...

    async def list_debates(self, owner: str | None = None, limit: int = 50) -> list[Debate]:
        """Newest first; all owners' where ``owner`` is None."""
        ...

    async def add_turn(self, debate_id: str, turn: Turn) -> None:
        """Append to the main line: the tip moves to ``turn``.

        Raises StaleTip unless ``turn.parent_id`` is the tip, NotFound for an unknown debate.
        """
        ...

    async def get_turns(self, debate_id: str) -> tuple[Turn, ...]:
        """The main line, from the first turn to the tip. Raises NotFound."""
        ...

    async def get_tree(self, debate_id: str) -> tuple[Turn, ...]:
        """Every turn of the debate, branches included, oldest first. Raises NotFound."""
        ...

    async def move_tip(self, debate_id: str, tip: str, expected: str) -> None:
        """Make ``tip``, a turn of this debate, the end of the main line.

        Raises StaleTip unless the tip was ``expected``, NotFound for an unknown debate or turn.
        """
        ...

    async def delete_debate(self, debate_id: str) -> None:
        """Forget the debate and its turns. Raises NotFound."""
        ...

    async def close(self) -> None:
        """Let go of files and connections."""
        ...

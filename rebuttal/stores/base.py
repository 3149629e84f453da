"""What a store of debates and its ledger promise. One contract suite checks all there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol, get_args

from rebuttal.errors import NotFound, StaleTip
from rebuttal.records import Debate, FoundPage, Panel, Search, Tally, Token, TokenKind, Turn


def no_debate(debate_id: str) -> NotFound:
    """A foreign debate and a missing one look the same."""
    return NotFound(f"No debate has the id {debate_id!r}")


def no_turn(debate_id: str, turn_id: str) -> NotFound:
    """It is not in that debate."""
    return NotFound(f"debate {debate_id!r} has no turn {turn_id!r}")


def stale(debate_id: str) -> StaleTip:
    """Somebody was quicker."""
    return StaleTip(f"debate {debate_id!r} has moved on meanwhile", "Reload it and try again.")


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
    A deleted debate is gone for every method but ``restore`` and ``purge``.
    """

    @property
    def ledger(self) -> Ledger:
        """What was spent, in the same database."""
        ...

    @property
    def problem(self) -> str:
        """What a person has to know about how debates are kept now, in a sentence; or empty."""
        ...

    # --- one debate -------------------------------------------------------------------------------

    async def add_debate(self, debate: Debate, first: Turn) -> None:
        """Keep a new debate with its first turn, ``debate.tip == first.id``."""
        ...

    async def add_debates(self, whole: Sequence[tuple[Debate, Sequence[Turn]]]) -> None:
        """Keep whole debates, each with its tree (every parent before its children): all or none.

        Raises InvalidInput for an id that is taken and for a tree that is none.
        """
        ...

    async def get_debate(self, debate_id: str) -> Debate:
        """The debate with its present tip. Raises NotFound."""
        ...

    async def change_debate(
        self, debate_id: str, *, title: str | None = None, pinned: bool | None = None
    ) -> None:
        """Rename it (an empty title is none) or pin it; None leaves as it is. Raises NotFound."""
        ...

    async def add_turn(self, debate_id: str, turn: Turn, *, finished: bool = False) -> None:
        """Append to the main line: the tip moves to ``turn``.

        ``finished`` is what the debate is from then on. Raises StaleTip unless ``turn.parent_id``
        is the tip, NotFound for an unknown debate.
        """
        ...

    async def get_turns(self, debate_id: str) -> tuple[Turn, ...]:
        """The main line, from the first turn to the tip. Raises NotFound."""
        ...

    async def get_tree(self, debate_id: str) -> tuple[Turn, ...]:
        """Every turn of the debate, branches included, oldest first. Raises NotFound."""
        ...

    async def move_tip(
        self, debate_id: str, tip: str, expected: str, *, finished: bool = False
    ) -> None:
        """Make ``tip``, a turn of this debate, the end of the main line.

        Raises StaleTip unless the tip was ``expected``, NotFound for an unknown debate or turn.
        """
        ...

    async def delete_branch(self, debate_id: str, turn_id: str) -> None:
        """Forget that turn and all that follow it.

        Raises InvalidInput where the tip is among them, NotFound for an unknown debate or turn.
        """
        ...

    # --- many -------------------------------------------------------------------------------------

    async def search(
        self, owner: str | None, search: Search, more: str | None = None, limit: int = 20
    ) -> FoundPage:
        """The owner's debates, everybody's where it is None; see FoundPage for the order.

        ``more`` is that of an earlier page. Raises InvalidInput for one that is none.
        """
        ...

    async def ids_of(self, owner: str) -> list[str]:
        """Every debate of that owner."""
        ...

    async def delete(self, debate_ids: Sequence[str]) -> None:
        """Hide these debates from now on, those that are there, until restored or purged."""
        ...

    async def restore(self, debate_ids: Sequence[str]) -> None:
        """Bring back those of these that were deleted and are not purged. Twice is once."""
        ...

    async def hidden(self, debate_ids: Sequence[str]) -> list[Debate]:
        """Those of these that were deleted and can be brought back."""
        ...

    async def doomed(self, older_than: datetime | None, deleted_before: datetime) -> list[Debate]:
        """What a purge with these moments would forget: deleted, or begun, before them.

        A debate counts as begun when its last turn was kept.
        """
        ...

    async def purge(self, older_than: datetime | None, deleted_before: datetime) -> int:
        """Forget these for good, with tokens that ended meanwhile; how many debates it were."""
        ...

    async def tallies(
        self, owner: str | None, since: datetime, until: datetime
    ) -> tuple[Tally, ...]:
        """What was said in that time in the owner's debates, by day, model and persona."""
        ...

    # --- tokens -----------------------------------------------------------------------------------

    async def add_token(self, token: Token) -> None:
        """Keep it. A ``session`` takes the place of the owner's earlier one."""
        ...

    async def get_token(self, hash: str) -> Token | None:
        """The token, unless it was dropped; whether it has expired is for the caller to see."""
        ...

    async def tokens(self, owner: str | None, kind: TokenKind) -> tuple[Token, ...]:
        """Those of that owner, everybody's where it is None, newest first."""
        ...

    async def drop_token(self, hash: str) -> None:
        """Forget it, at once and for all processes. Twice is once."""
        ...

    # --- panels -----------------------------------------------------------------------------------

    async def put_panel(self, owner: str, panel: Panel) -> None:
        """Keep it in the place of the owner's earlier one of that name."""
        ...

    async def panels(self, owner: str) -> tuple[Panel, ...]:
        """Those of that owner, by name."""
        ...

    async def drop_panel(self, owner: str, name: str) -> None:
        """Forget it. Twice is once."""
        ...

    async def close(self) -> None:
        """Let go of files and connections."""
        ...

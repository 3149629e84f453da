"""What a store of debates promises. One contract suite checks every implementation."""

from __future__ import annotations

from typing import Protocol

from rebuttal.errors import NotFound
from rebuttal.records import Debate, Turn


def no_debate(debate_id: str) -> NotFound:
    """A foreign debate and a missing one look the same."""
    return NotFound(f"no debate has the id {debate_id!r}")


class DebateStore(Protocol):
    """Debates and their trees of turns. What a method has returned from survives a power cut.

    Every method raises StoreError where the disk or database refuses; nothing is half written.
    """

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

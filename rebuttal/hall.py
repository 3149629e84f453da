"""What the debates of a process share: the store, the places, the models, and the limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rebuttal.bus import Bus
from rebuttal.halt import check_halt
from rebuttal.orchestrator import GetModel
from rebuttal.places import Place, Places
from rebuttal.records import Debate, Visitor
from rebuttal.settings import Settings
from rebuttal.stores.base import DebateStore

Charge = Callable[[Visitor, str, str], Awaitable[None]]


@dataclass(frozen=True)
class Hall:
    """``get_model`` is for a debate and whoever lets it go on; ``charge`` counts a text kept for a
    debate, by its id, and raises BudgetSpent.
    """

    settings: Settings
    store: DebateStore
    places: Places
    get_model: Callable[[Debate, Visitor], GetModel]
    charge: Charge
    bus: Bus

    async def enter(self, visitor: Visitor) -> Place:
        """A place, or a number in line. Raises Busy, and BudgetSpent while the halt stands."""
        place = self.places.take(visitor)
        with place.left_on_error():
            await check_halt(self.store.ledger)
        return place

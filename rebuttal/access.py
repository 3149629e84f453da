"""What the parts of DebateApp share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from rebuttal.hall import Charge
from rebuttal.live import LiveDebate
from rebuttal.records import Visitor
from rebuttal.rights import Rights
from rebuttal.settings import Settings
from rebuttal.stores.base import DebateStore


@dataclass(frozen=True)
class Access:
    """The way to debates: all of them in the store, and one by its id for whoever may see it.

    ``store`` opens it when it is first needed. ``open`` raises NotFound also for a foreign debate;
    ``charge`` counts a text that is kept and raises BudgetSpent; ``charged`` those of new debates.
    """

    settings: Settings
    rights: Rights
    store: Callable[[], Awaitable[DebateStore]]
    open: Callable[[str, Visitor], AbstractAsyncContextManager[LiveDebate]]
    charge: Charge
    charged: Callable[[Visitor, Mapping[str, str]], AbstractAsyncContextManager[None]]
    running: Callable[[], frozenset[str]]
    """The debates that are spoken now, here or, as of a second ago, by other processes."""
    forget: Callable[[str], Awaitable[None]]
    """Stop a debate and let go of it, because it is deleted."""

"""What a visitor may do and see here, as the settings say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from typing import TypeVar

from rebuttal.catalog import Catalog
from rebuttal.errors import InvalidInput, NotAllowed, RebuttalError
from rebuttal.events import DebateEvent, DebatePaused, TurnDelta, TurnDiscarded, TurnWaiting
from rebuttal.material import without_addresses
from rebuttal.own_keys import check_own_keys
from rebuttal.records import Debate, EndpointState, ModelState, Visitor
from rebuttal.settings import Settings

State = TypeVar("State", ModelState, EndpointState)
Problem = TypeVar("Problem", bound=RebuttalError)

_NAMING: Mapping[type[DebateEvent], tuple[str, ...]] = {
    DebatePaused: ("message", "hint"),
    TurnWaiting: ("reason",),
}
"""Words that may name an address."""
_REASONS: Mapping[type[DebateEvent], tuple[str, ...]] = {
    **_NAMING,
    TurnWaiting: ("reason", "endpoint"),
    TurnDiscarded: ("reason",),
    TurnDelta: ("reasoning",),
}


class Rights:
    """Asked before anything is done or shown. Whoever runs Rebuttal may do and see everything."""

    def __init__(self, settings: Settings, catalog: Callable[[], Catalog]) -> None:
        self._settings = settings
        self._catalog = catalog

    def owns(self, visitor: Visitor, debate: Debate) -> bool:
        """Whether the debate is theirs to change; nothing is a mere reader's."""
        if visitor.reads:
            return False
        return visitor.operator or not self._settings.owners or debate.owner == visitor.owner

    def reads(self, visitor: Visitor, debate: Debate) -> bool:
        """Whether the debate is there for them at all."""
        return visitor.reads == debate.id or self.owns(visitor, debate)

    def debate(self, visitor: Visitor, debate: Debate) -> Debate:
        """Without what is its owner's own, where a link lets them read it."""
        if not visitor.reads:
            return debate
        private = {"owner": "", "title": None, "pinned": False, "own_keys": ()}
        return debate.model_copy(update=private)

    def check_operator(self, visitor: Visitor) -> None:
        """Raises NotAllowed."""
        if not visitor.operator:
            raise NotAllowed("That is the operator's.")

    def check_manages(self, visitor: Visitor) -> None:
        """Raises NotAllowed."""
        if not (visitor.operator or self._settings.manage_models):
            raise NotAllowed("Models and catalog are the operator's here.")

    def check_keys(
        self, visitor: Visitor, keys: Mapping[str, str], endpoints: tuple[str, ...]
    ) -> None:
        """Own keys for these endpoints. Raises NotAllowed, NotFound or InvalidInput."""
        if not keys:
            return
        if not (visitor.operator or self._settings.own_keys):
            raise NotAllowed("No keys of visitors are taken here.")
        check_own_keys(keys, self._catalog())
        if others := set(keys) - set(endpoints):
            raise InvalidInput(f"This debate began without a key for {sorted(others)[0]}.")

    def models(self, visitor: Visitor, states: tuple[ModelState, ...]) -> tuple[ModelState, ...]:
        """Those that they may seat, as they may see them."""
        if not (visitor.operator or self._settings.any_model):
            states = tuple(state for state in states if state.label in self._catalog().models)
        everywhere = {state.label: state.endpoints or (state.endpoint,) for state in states}
        return tuple(self._shown(visitor, states, lambda state: everywhere[state.label]))

    def endpoints(
        self, visitor: Visitor, states: tuple[EndpointState, ...]
    ) -> tuple[EndpointState, ...]:
        """As they may see them."""
        private = {"address": "", "busy": None, "failures": 0, "rests_until": None}
        hidden = {} if self._sees_addresses(visitor) else private
        shown = self._shown(visitor, states, lambda state: (state.name,))
        return tuple(state.model_copy(update=hidden) for state in shown)

    def event(self, visitor: Visitor, event: DebateEvent) -> DebateEvent:
        """With endpoints by their names where they may not see addresses.

        To a reader no reason is told: it can speak of its owner's budget or network.
        """
        if visitor.reads:
            return event.model_copy(update=dict.fromkeys(_REASONS.get(type(event), ()), ""))
        words = _NAMING.get(type(event), ())
        veiled = {word: self.words(visitor, getattr(event, word)) for word in words}
        return event.model_copy(update=veiled) if veiled else event

    def error(self, visitor: Visitor, error: Problem) -> Problem:
        """The same, said to them."""
        shown = copy(error)
        shown.message = self.words(visitor, error.message)
        shown.hint = self.words(visitor, error.hint)
        shown.args = (shown.message,)
        return shown

    def words(self, visitor: Visitor, words: str) -> str:
        """With endpoints by their names where they may not see addresses."""
        if self._sees_addresses(visitor):
            return words
        places = self._catalog().endpoints.values()
        names = {place.address: place.name for place in places if place.address}
        return without_addresses(words, names)

    def _sees_addresses(self, visitor: Visitor) -> bool:
        return visitor.operator or (self._settings.show_addresses and not visitor.reads)

    def _shown(
        self,
        visitor: Visitor,
        states: Iterable[State],
        endpoints_of: Callable[[State], tuple[str, ...]],
    ) -> Iterator[State]:
        """Where a reason could name an address: what is of use, with or without a key of one's own.

        A stranger can do nothing about a server of this house that is away.
        """
        for state in states:
            if state.usable or self._sees_addresses(visitor):
                yield state
                continue
            known = self._catalog().endpoints
            keys = [known[name].key for name in endpoints_of(state) if name in known]
            if self._settings.own_keys and any(keys):
                yield state.model_copy(update={"reason": "needs a key of your own"})

"""Who speaks for a debate: the model, whose key it is asked with, and who pays."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rebuttal.budget import Budget
from rebuttal.catalog import Model
from rebuttal.errors import KeyRejected, NotAllowed
from rebuttal.metered import Account, Metered
from rebuttal.models import Models
from rebuttal.orchestrator import GetModel, sampling_of
from rebuttal.own_keys import OwnKeys
from rebuttal.providers.base import ChatModel
from rebuttal.records import Debate, Debater, Visitor
from rebuttal.settings import Settings
from rebuttal.stores.base import Cost
from rebuttal.tariff import price


class Speakers:
    """Models for the debates of visitors, each as far as the settings let them have it."""

    def __init__(
        self, settings: Settings, models: Models, budget: Budget, own_keys: OwnKeys
    ) -> None:
        self._settings = settings
        self._models = models
        self._budget = budget
        self._own_keys = own_keys

    def seat(self, label: str, visitor: Visitor, own_keys: tuple[str, ...] = ()) -> str:
        """The label of a model for a new debate.

        Raises NotFound, NotAllowed or KeyRejected where it is not for this visitor.
        """
        model = self._allowed(label, visitor, own_keys)
        if not (_own(model, own_keys) or visitor.operator) and self._settings.own_keys:
            self._check_key(model)
        return model.label

    async def settled(self, table: Sequence[Debater]) -> tuple[Debater, ...]:
        """The table with how each model is asked from now on, and which weights it stands for."""
        digests = await asyncio.gather(*(self._models.digest(one.model) for one in table))
        return tuple(
            one.model_copy(
                update={
                    "sampling": one.sampling or sampling_of(one, self._models.find(one.model)),
                    "digest": digest,
                }
            )
            for one, digest in zip(table, digests, strict=True)
        )

    def _allowed(self, label: str, visitor: Visitor, own_keys: tuple[str, ...]) -> Model:
        if not (visitor.operator or self._settings.any_model or self._models.is_listed(label)):
            self._models.catalog.model(label)
        model = self._models.find(label)
        if not _own(model, own_keys):
            self._check_price(model, visitor)
        return model

    def of(self, debate: Debate, visitor: Visitor) -> GetModel:
        """Finds the models of that debate; ``visitor`` lets them speak and pays.

        A request with a visitor's own key is their own affair: no budget counts it. It is never
        made with the server's key in its place, nor at another endpoint that has the model.
        """

        def get(label: str) -> tuple[ChatModel, Model]:
            own = _own(self._allowed(label, visitor, debate.own_keys), debate.own_keys)
            if own:
                return self._models.get(label, own=(own, self._own_key(debate, own)))
            chat, model = self._models.get(label)
            if self._budget.counts(visitor):
                chat = Metered(chat, model, Account(self._budget, visitor, debate.id))
            return chat, model

        return get

    def alone(self, label: str, request: str, visitor: Visitor) -> tuple[ChatModel, Model]:
        """What answers outside of any debate; the budgets know the answer as ``request``.

        Raises NotFound, NotAllowed or KeyRejected where it is not for this visitor.
        """
        chat, model = self._models.get(self.seat(label, visitor))
        if self._budget.counts(visitor):
            chat = Metered(chat, model, Account(self._budget, visitor, request))
        return chat, model

    def least(self, debate: Debate, visitor: Visitor) -> Cost:
        """What the budgets must at least hold for it: the first answer, where they count it."""
        first = self._models.find(debate.debaters[0].model)
        if not self._budget.counts(visitor) or _own(first, debate.own_keys):
            return Cost()
        return price(first, 0, first.max_tokens)

    def _own_key(self, debate: Debate, endpoint: str) -> str:
        key = self._own_keys.find(debate.id, endpoint)
        if key is None:
            raise KeyRejected(
                f"Your key for {endpoint} is not here any more: it is kept in memory alone.",
                "Give it again to go on, or begin another debate with it.",
            )
        return key

    def _check_key(self, model: Model) -> None:
        """Tell a visitor, who cannot set a key of ours, at the form and not after the start."""
        if self._models.lacks_key(model):
            raise KeyRejected(
                f"{model.label!r} needs a key of your own.",
                f"Give one for {model.endpoint}, or seat another model.",
            )

    def _check_price(self, model: Model, visitor: Visitor) -> None:
        """Keep visitors from spending, through the operator's key, what nobody counts."""
        of_ours = [
            one for one in model.everywhere if self._models.catalog.endpoint_of(one).key is not None
        ]
        if visitor.operator or not of_ours:
            return
        if self._settings.profile == "public" and not self._budget.limited:
            raise NotAllowed(
                f"{model.label!r} would be asked with the operator's key, and no budget is set.",
                "The operator sets one with REBUTTAL_MONEY_PER_DAY.",
            )
        if self._budget.counts_money and any(one.price is None for one in of_ours):
            raise NotAllowed(
                f"{model.label!r} has no price in models.yaml, so no budget can count it.",
                "Seat another model, or give it a price there.",
            )


def _own(model: Model, own_keys: tuple[str, ...]) -> str | None:
    """The first of its endpoints for which its visitor brought a key."""
    return next((one.endpoint for one in model.everywhere if one.endpoint in own_keys), None)

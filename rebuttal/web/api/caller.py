"""Who calls, and whether what they came with lets them."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import HTTPConnection

from rebuttal.errors import NotAllowed
from rebuttal.records import Power, Visitor


class Unknown(NotAllowed):
    """Nobody whom we know; the answer is 401."""


def caller(connection: HTTPConnection) -> Visitor:
    """Who the guard has found out it is. Raises Unknown."""
    visitor = connection.scope.get("rebuttal.visitor")
    if not isinstance(visitor, Visitor):
        raise Unknown(
            "Say who you are.",
            "Send a token as Authorization: Bearer ...; it is made on the page or with: "
            "rebuttal token make NAME",
        )
    return visitor


def allowed(power: Power) -> Callable[[HTTPConnection], Visitor]:
    """A dependency: the caller, if their token has that power. Raises Unknown and NotAllowed."""

    def check(connection: HTTPConnection) -> Visitor:
        visitor = caller(connection)
        if visitor.powers is not None and power not in visitor.powers:
            raise NotAllowed(
                f"This token lacks the power {power!r}; it has: {', '.join(visitor.powers)}.",
                "Make another that has it.",
            )
        return visitor

    return check

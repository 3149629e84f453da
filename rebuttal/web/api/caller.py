"""Who calls, and whether what they came with lets them."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Security
from fastapi.openapi.models import APIKey, APIKeyIn, HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from rebuttal.errors import NotAllowed
from rebuttal.records import Power, Visitor
from rebuttal.web.problems import Lacking, UnknownCaller


class _Bearer(SecurityBase):
    """Only says in the description how one comes; the guard has looked at the token already."""

    def __init__(self) -> None:
        self.model = HTTPBearer(
            description="A token, made on the page or with `rebuttal token make NAME`. "
            "The names behind it are the powers that it must have."
        )
        self.scheme_name = "token"

    def __call__(self, connection: HTTPConnection) -> None: ...


class _Page(SecurityBase):
    """Only says in the description how people come."""

    def __init__(self) -> None:
        self.model = APIKey.model_validate(
            {
                "in": APIKeyIn.cookie,
                "name": "rebuttal",
                "description": "The cookie of the page, in a browser that has opened it. Its name "
                "is another at each server.",
            }
        )
        self.scheme_name = "page"

    def __call__(self, connection: HTTPConnection) -> None: ...


BEARER = _Bearer()
PAGE = Security(_Page())


def caller(connection: HTTPConnection) -> Visitor:
    """Who the guard has found out it is. Raises UnknownCaller."""
    visitor = connection.scope.get("rebuttal.visitor")
    if not isinstance(visitor, Visitor):
        raise UnknownCaller(
            "Say who you are.",
            "Send a token as Authorization: Bearer ...; it is made on the page or with: "
            "rebuttal token make NAME",
        )
    return visitor


def checked(connection: HTTPConnection, power: Power) -> Visitor:
    """The caller, if their token has that power. Raises UnknownCaller and Lacking."""
    visitor = caller(connection)
    if visitor.powers is not None and power not in visitor.powers:
        raise Lacking(power, visitor.powers)
    return visitor


def person(connection: HTTPConnection, _: None = PAGE) -> Visitor:
    """A dependency: the caller, if no program. Raises UnknownCaller and NotAllowed."""
    visitor = caller(connection)
    if visitor.powers is not None:
        raise NotAllowed("That is for people alone.", "Do it on the page or in the terminal.")
    return visitor


def allowed(power: Power) -> Callable[..., Visitor]:
    """``checked`` as a dependency, which also declares the power in the route's description."""

    declared = Security(BEARER, scopes=[power])

    def check(connection: HTTPConnection, _: None = declared) -> Visitor:
        return checked(connection, power)

    return check

"""Who calls a tool, and whether they may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcp.server.mcpserver import Context

from rebuttal.errors import NotAllowed
from rebuttal.records import OPERATOR, Power, Visitor

Call = Context[Any, Any]
Caller = Callable[[Call], Visitor]
"""Who it is, as the surface has found out."""


def operator(call: Call) -> Visitor:
    """Over stdio: whoever started this process."""
    return OPERATOR


def visitor(call: Call) -> Visitor:
    """Over HTTP: whom the guard has found out for this very request. Raises NotAllowed."""
    request = call.request_context.request
    found = request.scope.get("rebuttal.visitor") if request is not None else None
    if not isinstance(found, Visitor):
        raise NotAllowed("Nobody knows who asks.", "Send a token as Authorization: Bearer ...")
    return found


def check_power(visitor: Visitor, power: Power) -> None:
    """Raises NotAllowed where the token lacks it."""
    if visitor.powers is not None and power not in visitor.powers:
        raise NotAllowed(
            f"This token lacks the power {power!r}; it has: {', '.join(visitor.powers)}.",
            "Make another that has it.",
        )

"""One request, and what the guard has found out about it so far."""

from __future__ import annotations

from dataclasses import dataclass

from rebuttal.records import Visitor
from rebuttal.web.asgi import Receive, Scope, Send


@dataclass(slots=True)
class Request:
    """``who`` is what the caps of a visitor count; ``visitor`` is None until it is known.

    Of the answer: ``keep`` lets the browser store it, ``closed`` is for what shows foreign words
    on a page of its own or as a file, ``cookie`` is set with it.
    """

    scope: Scope
    receive: Receive
    send: Send
    network: str = ""
    https: bool = False
    host: str = ""
    who: str = ""
    visitor: Visitor | None = None
    keep: bool = False
    closed: bool = False
    cookie: bytes | None = None
    sid: str | None = None
    """The secret of a history, which was taken out of the address."""

    @property
    def method(self) -> str:
        """GET, POST and so on; a WebSocket is opened by GET."""
        return str(self.scope.get("method", "GET"))

    @property
    def path(self) -> str:
        """What is asked for, without a query."""
        return str(self.scope["path"])

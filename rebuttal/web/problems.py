"""What is refused, as an answer: a status, what happened, and what to do now.

Programs get it as RFC 9457 has it, the page's scripts and people in the forms they show.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from rebuttal.errors import (
    BudgetSpent,
    Busy,
    ContextOverflow,
    InvalidInput,
    ModelError,
    NotAllowed,
    NotFound,
    RateLimited,
    RebuttalError,
    StaleTip,
    StoreError,
    WeightsError,
)
from rebuttal.records import Power
from rebuttal.requests import KeyReused
from rebuttal.web.asgi import Headers, Refused, Send, answer, answer_json, answer_text


class UnknownCaller(NotAllowed):
    """Nobody whom we know. ``is_wrong``: the token that came does not work."""

    def __init__(self, message: str, hint: str, is_wrong: bool = False) -> None:
        super().__init__(message, hint)
        self.is_wrong = is_wrong


class Lacking(NotAllowed):
    """A token without the power that it takes."""

    def __init__(self, power: Power, powers: tuple[Power, ...]) -> None:
        super().__init__(
            f"This token lacks the power {power!r}; it has: {', '.join(powers)}.",
            "Make another that has it.",
        )
        self.power = power


_STATUS: tuple[tuple[type[RebuttalError], int], ...] = (
    (KeyReused, 422),
    (InvalidInput, 400),
    (UnknownCaller, 401),
    (NotAllowed, 403),
    (NotFound, 404),
    (StaleTip, 409),
    (Busy, 429),
    (BudgetSpent, 429),
    (StoreError, 503),
    (WeightsError, 503),
    (RateLimited, 503),
    (ContextOverflow, 400),
    (ModelError, 502),
)
TYPES = "/api/v1/problems/"
"""Where the kinds of problems are explained."""
TITLES: Mapping[str, str] = {
    "invalid-input": "That cannot be",
    "not-json": "That is not JSON",
    "unknown-caller": "Nobody whom we know",
    "not-allowed": "Not allowed",
    "not-found": "Not there",
    "method-not-allowed": "Not that way",
    "stale-tip": "Moved on meanwhile",
    "too-slow": "Too slow",
    "too-large": "Too large",
    "unsupported-media-type": "Not JSON",
    "wrong-host": "Another server's name",
    "key-reused": "Another request under the same key",
    "busy": "Busy",
    "budget-spent": "Budget spent",
    "model-error": "A model could not speak",
    "weights-error": "Weights are missing",
    "store-error": "Storage away",
    "broken": "Rebuttal itself broke",
}
"""What kinds there are, and what each is called, always in these words."""
EXPLAINED: Mapping[str, str] = {
    "invalid-input": "A field is missing or wrong (422), or it cannot be here (400). Change it.",
    "not-json": "The body cannot be read as JSON.",
    "unknown-caller": "There is no token, or it does not work any more. Send one that does.",
    "not-allowed": "The token lacks a power, the settings forbid it, or another site asks.",
    "not-found": "There is no such thing here, or it is somebody else's.",
    "method-not-allowed": "There is something here; `Allow` says what can be done with it.",
    "stale-tip": "Somebody else moved the debate on meanwhile. Read it again.",
    "too-slow": "The request took too long to come in.",
    "too-large": "The body, or the address, is larger than this server takes.",
    "unsupported-media-type": "Send JSON, and say so: Content-Type: application/json",
    "wrong-host": "This server does not answer to that name; its operator can add it.",
    "key-reused": "The idempotency key came with another request before. Take a new one.",
    "busy": "A limit is reached, or all places are taken. Retry-After says when to come again.",
    "budget-spent": "No tokens or money are left for it, or the operator said halt.",
    "model-error": "A model could not speak; its debate waits for Resume.",
    "weights-error": "The built-in weights are missing or broken.",
    "store-error": "What is kept cannot be reached now. Try again soon.",
    "broken": "A bug of ours; the server's log says where.",
}
"""What each means, and what to do."""
_OF_STATUS = {
    400: "invalid-input",
    401: "unknown-caller",
    403: "not-allowed",
    404: "not-found",
    405: "method-not-allowed",
    408: "too-slow",
    413: "too-large",
    414: "too-large",
    415: "unsupported-media-type",
    421: "wrong-host",
    422: "invalid-input",
    429: "busy",
    503: "busy",
}
_WORD = re.compile(r"(?<!^)(?=[A-Z])")
UNTIL_TOMORROW = 3600.0
"""Seconds after which it is worth a look whether there is a budget again."""
REALM = 'Bearer realm="rebuttal"'


@dataclass(frozen=True)
class Problem:
    """``kind`` is one of TITLES; ``wait`` are seconds, 0 where waiting is of no use."""

    status: int
    kind: str
    detail: str
    hint: str = ""
    wait: float = 0.0
    more: Headers = ()

    @property
    def value(self) -> dict[str, object]:
        """What is said of it."""
        return {
            "type": f"{TYPES}{self.kind}",
            "title": TITLES[self.kind],
            "status": self.status,
            "detail": self.detail,
            "hint": self.hint,
        }

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What stands above it."""
        found = [*self.more]
        if self.wait:
            found.append((b"retry-after", str(max(1, round(self.wait))).encode()))
        if self.status in (408, 413):
            found.append((b"connection", b"close"))
        return found


def problem_of(error: RebuttalError | Refused) -> Problem:
    """How to put it to a program."""
    if isinstance(error, Refused):
        kind = _OF_STATUS.get(error.status, "invalid-input")
        return Problem(error.status, kind, error.words, wait=error.wait)
    kind = next(k for k in map(_name, type(error).__mro__) if k in TITLES or k == "exception")
    known = kind if kind in TITLES else "broken"
    return Problem(
        status_of(error), known, error.message, error.hint, _wait(error), _challenge(error)
    )


def status_of(error: RebuttalError) -> int:
    """The HTTP status that says the same."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


async def send_problem(send: Send, problem: Problem) -> None:
    """As a whole answer."""
    kind = (b"content-type", b"application/problem+json")
    await answer(send, problem.status, as_json(problem.value), [kind, *problem.headers])


def as_json(value: object) -> bytes:
    """In ASCII, so that half a character, which somebody may have sent, breaks nothing."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


async def answer_problem(send: Send, error: RebuttalError) -> None:
    """For the page's scripts: ``message`` and ``hint``, and ``detail`` as Gradio's has it."""
    status, said = status_of(error), {"message": error.message, "hint": error.hint}
    whole = {"status": status, "title": error.message, "detail": str(error), **said}
    await answer_json(send, status, whole, problem_of(error).headers)


async def answer_words(send: Send, error: RebuttalError) -> None:
    """For a person who followed a link."""
    words = f"{error.message}\n{error.hint}\n" if error.hint else f"{error.message}\n"
    await answer_text(send, status_of(error), words)


def _wait(error: RebuttalError) -> float:
    if isinstance(error, Busy | RateLimited):
        return error.retry_after or 0.0
    return UNTIL_TOMORROW if isinstance(error, BudgetSpent) else 0.0


def _challenge(error: RebuttalError) -> Headers:
    """What a program without the right token is told, as RFC 6750 has it."""
    if isinstance(error, Lacking):
        said = f'{REALM}, error="insufficient_scope", scope="{error.power}"'
    elif isinstance(error, UnknownCaller):
        said = f'{REALM}, error="invalid_token"' if error.is_wrong else REALM
    else:
        return ()
    return [(b"www-authenticate", said.encode())]


def _name(kind: type) -> str:
    return _WORD.sub("-", kind.__name__).lower()

"""What another Rebuttal answers where it refuses, as the error of ours that it was there."""

from __future__ import annotations

import json
from typing import Any

from rebuttal.errors import (
    BrokenAnswer,
    BudgetSpent,
    Busy,
    InvalidInput,
    ModelError,
    NotAllowed,
    NotFound,
    RebuttalError,
    ServerFailed,
    StaleTip,
    StoreError,
    WeightsError,
)
from rebuttal.material import clean, one_line

LONGEST = 2000
"""Characters of a message or a hint."""
TOKEN_HINT = (
    "Set REBUTTAL_TOKEN to a token; whoever runs it makes one with: rebuttal token make NAME"
)

_BY_KIND: dict[str, type[RebuttalError]] = {
    "broken": ServerFailed,
    "budget-spent": BudgetSpent,
    "model-error": ModelError,
    "not-allowed": NotAllowed,
    "not-found": NotFound,
    "stale-tip": StaleTip,
    "store-error": StoreError,
    "unknown-caller": NotAllowed,
    "weights-error": WeightsError,
}
"""By the end of a problem's ``type``; what else it has of these is an input that cannot be."""


def problem(status: int, body: bytes, retry_after: str = "") -> RebuttalError:
    """The error, in the words of the other side where it has any."""
    said = _fields(body)
    kind = _text(said, "type").rpartition("/")[2]
    message = _text(said, "detail") or _text(said, "title")
    hint = TOKEN_HINT if status == 401 else _text(said, "hint")
    if not (kind and message):
        if status >= 500:
            return ServerFailed(f"The server failed (HTTP {status}).", "Its log says why.")
        return foreign(f"HTTP {status}")
    if kind == "busy":
        return Busy(message, hint, _seconds(retry_after))
    return _BY_KIND.get(kind, InvalidInput)(message, hint)


def foreign(what: str) -> BrokenAnswer:
    """For an answer that no Rebuttal gives."""
    return BrokenAnswer(
        f"What answered there is no Rebuttal, or one of another version ({one_line(what, 80)}).",
        "Is the address right? It is the one that rebuttal serve prints.",
    )


def _fields(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _text(said: dict[str, Any], name: str) -> str:
    value = said.get(name)
    return clean(value[:LONGEST]).strip() if isinstance(value, str) else ""


def _seconds(retry_after: str) -> float:
    return min(float(retry_after), 86_400.0) if retry_after.isdecimal() else 60.0

"""What another Rebuttal answers where it refuses, as the error of ours that it was there."""

from __future__ import annotations

import json
from typing import Any

from rebuttal.errors import (
    BrokenAnswer,
    BudgetSpent,
    Busy,
    InvalidInput,
    NotAllowed,
    NotFound,
    RebuttalError,
    ServerFailed,
    StaleTip,
    StoreError,
)
from rebuttal.material import clean, one_line

LONGEST = 2000
"""Characters of a message or a hint."""
TOKEN_HINT = (
    "Set REBUTTAL_TOKEN to a token; whoever runs it makes one with: rebuttal token make NAME"
)

_BY_NAME: dict[str, type[RebuttalError]] = {
    kind.__name__.casefold(): kind
    for kind in (BudgetSpent, InvalidInput, NotAllowed, NotFound, StaleTip, StoreError)
}
_BY_STATUS: dict[int, type[RebuttalError]] = {
    400: InvalidInput,
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: StaleTip,
    413: InvalidInput,
    422: InvalidInput,
    503: StoreError,
}


def problem(status: int, body: bytes, retry_after: str = "") -> RebuttalError:
    """The error, in the words of the other side where it has any."""
    said = _fields(body)
    hint = _text(said, "hint")
    message = _text(said, "title") or _text(said, "message")
    if not message or status == 422:
        message = _text(said, "detail") or message
    if status == 401:
        hint = TOKEN_HINT
    named = _BY_NAME.get(_text(said, "type").rpartition("/")[2].replace("-", "").casefold())
    if status == 429 and named is None:
        return Busy(message or "It has too much to do.", hint, _seconds(retry_after))
    kind = named or _BY_STATUS.get(status)
    if message and kind:
        return kind(message, hint)
    if message and said:
        return ServerFailed(message, hint)
    if status >= 500:
        return ServerFailed(f"The server failed (HTTP {status}).", "Its log says why.")
    return foreign(f"HTTP {status}")


def foreign(what: str) -> BrokenAnswer:
    """For an answer that no Rebuttal gives."""
    return BrokenAnswer(
        f"What answered there is no Rebuttal, or one of another version ({one_line(what, 80)}).",
        "Is the address right? It is the one that rebuttal serve prints.",
    )


def _fields(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _text(said: dict[str, Any], name: str) -> str:
    value = said.get(name)
    return clean(value[:LONGEST]).strip() if isinstance(value, str) else ""


def _seconds(retry_after: str) -> float:
    return min(float(retry_after), 86_400.0) if retry_after.isdecimal() else 60.0

"""Errors of ours as answers: a status, what happened, and what to do now."""

from __future__ import annotations

from rebuttal.errors import (
    BudgetSpent,
    Busy,
    InvalidInput,
    NotAllowed,
    NotFound,
    RebuttalError,
    StaleTip,
    StoreError,
)
from rebuttal.web.asgi import Headers, Send, answer_json, answer_text

_STATUS: tuple[tuple[type[RebuttalError], int], ...] = (
    (InvalidInput, 400),
    (NotAllowed, 403),
    (NotFound, 404),
    (StaleTip, 409),
    (Busy, 429),
    (BudgetSpent, 429),
    (StoreError, 503),
)


def status_of(error: RebuttalError) -> int:
    """The HTTP status that says the same."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


async def answer_problem(send: Send, error: RebuttalError) -> None:
    """For a script: JSON with ``message`` and ``hint``, and with ``detail`` as Gradio's has it."""
    status, said = status_of(error), {"message": error.message, "hint": error.hint}
    whole = {"status": status, "title": error.message, "detail": str(error), **said}
    await answer_json(send, status, whole, _headers(error))


async def answer_words(send: Send, error: RebuttalError) -> None:
    """For a person who followed a link."""
    words = f"{error.message}\n{error.hint}\n" if error.hint else f"{error.message}\n"
    await answer_text(send, status_of(error), words)


def _headers(error: RebuttalError) -> Headers:
    wait = round(error.retry_after) if isinstance(error, Busy) else 0
    return [(b"retry-after", str(wait).encode())] if wait else []

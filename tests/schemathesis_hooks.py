"""Loaded by schemathesis, see test_api_schema: every request has an idempotency key of its own."""

from __future__ import annotations

import secrets
from typing import Any

import schemathesis

KEY = "Idempotency-Key"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """As programs do; a key that is none stays as it was generated."""
    key = (case.headers or {}).get(KEY)
    if isinstance(key, str) and 1 <= len(key) <= 200:
        case.headers[KEY] = secrets.token_hex(8)

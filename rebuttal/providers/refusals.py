"""An upstream's refusals, by status or inside an answer, as our errors."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from rebuttal.errors import (
    ContextOverflow,
    KeyRejected,
    ModelError,
    ModelMissing,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    ServerFailed,
)
from rebuttal.providers.upstream import Upstream, split_address

_QUOTA = re.compile(r"insufficient.quota|exceeded your current quota|billing|insufficient.balance")
_NO_MODEL = re.compile(r"model_not_found|not a valid model|model\b.{0,220}\b(not found|not exist)")
_OVERFLOW = re.compile(
    r"n_ctx|context_length|context (size|length|window)|prompt is too long|exceed_context"
    r"|input token count .{0,40}exceeds"
)
_ASKED = re.compile(
    r"requested (\d+) tokens|resulted in (\d+) tokens|request \((\d+) tokens"
    r"|too long: (\d+) tokens|token count \((\d+)\)|has (\d+) input tokens"
)
_ALLOWED = re.compile(
    r"context (?:length|size|window) (?:is |of |\()(\d+)|> (\d+) maximum|allowed \((\d+)\)"
)
_ROLES = re.compile(r"\b(roles?|alternat\w*|templates?|system)\b|jinja|raise_exception")


def refused_status(
    upstream: Upstream, status: int, body: object, headers: Mapping[str, str]
) -> ModelError:
    """The error for an HTTP status that is not 2xx. ``body`` is decoded JSON or text."""
    if 300 <= status < 400:
        return _redirect(upstream, status, headers)
    error = error_in(body)
    words = _words(error, body)
    return _refusal(upstream, status, error, words, asked_wait(headers))


def refused_inside(upstream: Upstream, error: object) -> ModelError:
    """The error for an error object inside a 200 answer, judged by the code it carries."""
    known = error_in({"error": error})
    code = known.get("code", known.get("status"))
    status = int(code) if str(code).isdigit() and 400 <= int(str(code)) < 600 else 500
    return _refusal(upstream, status, known, _words(known, error), None)


def error_in(body: object) -> Mapping[str, Any]:
    """The error object that servers wrap in ``error``, in a list, or not at all."""
    while isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, dict):
        inner = body.get("error", body)
        return inner if isinstance(inner, dict) else {"message": inner}
    return {}


def refuses_roles(problem: ModelError) -> bool:
    """Whether it may be the model's template refusing a system message or the order of roles."""
    return isinstance(problem, RequestRejected | ServerFailed) and bool(
        _ROLES.search(problem.message.lower())
    )


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait; None where it does not say."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if re.fullmatch(r"[0-9]{1,12}(\.[0-9]*)?", value):
            return float(value) * scale
        if value and name == "retry-after":
            try:
                return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
            except (ValueError, OverflowError):
                return None
    return None


def _refusal(
    upstream: Upstream, status: int, error: Mapping[str, Any], words: str, wait: float | None
) -> ModelError:
    """Most specific first: what the words say, then what the status says."""
    text = f"{error.get('code')} {error.get('type')} {words}".lower()
    said = upstream.says(f"{words} (status {status})" if words else f"status {status}")
    if _OVERFLOW.search(text) or "n_ctx" in error:
        return ContextOverflow(
            said,
            "Fewer rounds, shorter turns or a model with a larger context help.",
            asked=_size(error.get("n_prompt_tokens"), _ASKED, text),
            allowed=_size(error.get("n_ctx"), _ALLOWED, text),
        )
    if status == 402 or (status in (400, 403, 429) and _QUOTA.search(text)):
        return QuotaExhausted(said, "Top up the account, or seat a model of another endpoint.")
    if status in (401, 403, 407):
        return KeyRejected(said, _key_hint(upstream))
    if status == 404 or (status < 500 and _NO_MODEL.search(text)):
        return ModelMissing(said, _missing_hint(upstream, bool(error)))
    if status == 429 or (status in (503, 529) and wait is not None):
        return _rate_limit(upstream, status, words, wait)
    if status >= 500 or status == 408:
        return ServerFailed(said, "Resume tries again; the server's own log may say more.")
    if status == 413:
        return RequestRejected(said, "Fewer rounds, shorter turns or another model help.")
    return RequestRejected(said, "Another model or other options in models.yaml may be accepted.")


def _rate_limit(upstream: Upstream, status: int, words: str, wait: float | None) -> ModelError:
    wish = f"asks to wait {wait:.0f} s" if wait is not None else "asks to wait"
    said = f"{wish}: {words} (status {status})" if words else f"{wish} (status {status})"
    hint = "Resume later, or seat a model of another endpoint."
    return RateLimited(upstream.says(said), hint, retry_after=wait)


def _redirect(upstream: Upstream, status: int, headers: Mapping[str, str]) -> ModelError:
    place = split_address(headers.get("location", ""))
    host = place.netloc.rpartition("@")[2]
    target = f"points to {place.scheme}://{host}" if host else "points elsewhere"
    return RequestRejected(
        upstream.says(f"{target} (status {status}), and redirects are not followed"),
        "If you trust the new address, put it into models.yaml.",
    )


def _words(error: Mapping[str, Any], body: object) -> str:
    for name in ("message", "detail", "error", "msg"):
        if error.get(name):
            value = error[name]
            return value if isinstance(value, str) else json.dumps(value)
    if isinstance(body, str) and "<html" not in body[:2000].lower():
        return body.strip()
    return ""


def _size(told: object, pattern: re.Pattern[str], text: str) -> int | None:
    if isinstance(told, int):
        return told
    found = pattern.search(text.replace(",", ""))
    return next((int(group) for group in found.groups() if group), None) if found else None


def _key_hint(upstream: Upstream) -> str:
    if upstream.key_name:
        return f"Check {upstream.key_name} in the environment or in .env."
    if upstream.key:
        return "Bring another key, or choose another model."
    return "If the server wants a key, name its variable as key in models.yaml."


def _missing_hint(upstream: Upstream, explained: bool) -> str:
    if upstream.api == "ollama":
        return f"Fetch it with: ollama pull {upstream.name}"
    if explained:
        return "Choose a model that the endpoint lists, or correct its id in models.yaml."
    return "Check the endpoint's address in models.yaml; most end in /v1."

"""What of Gradio's many routes the page uses. Everything else does not exist here."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import unquote_plus

from rebuttal.web.asgi import Refused, Scope

Kind = Literal[
    "page", "asset", "start", "call", "join", "stream", "cancel", "reset", "config", "look"
]

API = "/gradio_api"
_KINDS: dict[tuple[str, str], Kind] = {
    ("GET", "/"): "page",
    ("HEAD", "/"): "page",
    ("GET", "/theme.css"): "asset",
    ("GET", "/favicon.ico"): "asset",
    ("GET", "/config"): "config",
    ("GET", f"{API}/app_id"): "look",
    ("GET", f"{API}/startup-events"): "start",
    ("POST", f"{API}/run/predict"): "call",
    ("POST", f"{API}/queue/join"): "join",
    ("GET", f"{API}/queue/data"): "stream",
    ("POST", f"{API}/cancel"): "cancel",
    ("POST", f"{API}/reset"): "reset",
}
_FILES = re.compile(r"/(assets|static)/[A-Za-z0-9_-][A-Za-z0-9_./-]{0,200}")
QUERY_BYTES = 2048
_OWN_QUERY = {"page", "deep_link"}
"""Arguments of Gradio's page that read stored state; ours does not use them."""


def kind_of(scope: Scope) -> Kind:
    """What a request is for. Raises Refused for what the page has no use for."""
    method, path = scope["method"], scope["path"]
    if len(scope["query_string"]) > QUERY_BYTES:
        raise Refused(414, "That address is too long.")
    kind = _KINDS.get((method, path))
    if kind:
        return kind
    if method in ("GET", "HEAD") and _FILES.fullmatch(path) and ".." not in path:
        return "asset"
    if any(path == known for _, known in _KINDS):
        raise Refused(405, "Not that way.")
    raise Refused(404, "There is nothing here.")


def without_own_query(query: bytes) -> bytes:
    """The query without what only Gradio itself would understand."""
    parts = [part for part in query.split(b"&") if part]
    return b"&".join(p for p in parts if _name(p) not in _OWN_QUERY)


def argument(scope: Scope, name: str) -> str | None:
    """The one value of a query argument; None where there is none or several."""
    parts = [part for part in scope["query_string"].split(b"&") if _name(part) == name]
    if len(parts) != 1:
        return None
    value: str = parts[0].partition(b"=")[2].decode("latin-1")
    return value


def _name(part: bytes) -> str:
    return unquote_plus(part.partition(b"=")[0].decode("latin-1"))

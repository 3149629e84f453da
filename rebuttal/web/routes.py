"""What of Gradio's many routes the page uses. Everything else does not exist here."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import unquote_plus, unquote_to_bytes

from rebuttal.web.asgi import Refused, Scope

Kind = Literal[
    "page",
    "asset",
    "start",
    "call",
    "join",
    "stream",
    "cancel",
    "reset",
    "config",
    "look",
    "shared",
    "watch",
    "fork",
    "excerpt",
    "session",
    "export",
    "archive",
    "import",
]
"""From ``shared`` on they are ours, and Gradio knows nothing of them."""

API = "/gradio_api"
PROGRAMS = ("/api/", "/v1/", "/mcp")
"""Where programs ask, which want errors as JSON."""
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
    ("GET", "/shared"): "shared",
    ("HEAD", "/shared"): "shared",
    ("GET", "/shared/page.css"): "shared",
    ("GET", "/shared/page.js"): "shared",
    ("POST", "/shared/watch"): "watch",
    ("POST", "/shared/fork"): "fork",
    ("POST", "/shared/file"): "excerpt",
    ("GET", "/session"): "session",
    ("POST", "/session"): "session",
    ("GET", "/history.zip"): "archive",
    ("POST", "/import"): "import",
}
_FILES = re.compile(r"/(assets|static)/[A-Za-z0-9_-][A-Za-z0-9_./-]{0,200}")
_DEBATE = re.compile(r"/debates/[A-Za-z0-9_-]{1,64}\.(md|txt|json|html)")
QUERY_BYTES = 2048
SID_LONGEST = 200
_OWN_QUERY = {"page", "deep_link"}
"""Arguments of Gradio's page that read stored state; ours does not use them."""


def paths() -> list[str]:
    """Every path that is open to somebody, files apart."""
    return [*dict.fromkeys(path for _, path in _KINDS)]


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
    if _DEBATE.fullmatch(path):
        if method != "GET":
            raise Refused(405, "Not that way.")
        return "export"
    if any(path == known for _, known in _KINDS):
        raise Refused(405, "Not that way.")
    raise Refused(404, "There is nothing here.")


def is_scripted(path: str) -> bool:
    """Whether a script of the page asks for that path, so that refusals are to be JSON."""
    return path.startswith((API, "/shared/", "/import", *PROGRAMS))


def is_programs(path: str) -> bool:
    """Whether it is programs that ask for that path."""
    return path.startswith(PROGRAMS)


def without_own_query(query: bytes) -> bytes:
    """The query without what only Gradio itself would understand."""
    parts = [part for part in query.split(b"&") if part]
    return b"&".join(p for p in parts if _name(p) not in _OWN_QUERY)


def take_sid(scope: Scope) -> str | None:
    """The secret of a history in the address, which is not in the scope any more afterwards.

    What is logged of a request is read from its scope.
    """
    query: bytes = scope["query_string"]
    if b"sid" not in unquote_to_bytes(query):
        return None
    parts = [(part, _name(part) == "sid") for part in query.split(b"&")]
    scope["query_string"] = b"&".join(part for part, is_sid in parts if not is_sid)
    values = [part.partition(b"=")[2] for part, is_sid in parts if is_sid]
    return unquote_plus(values[-1].decode("latin-1"))[:SID_LONGEST] if values else None


def argument(scope: Scope, name: str) -> str | None:
    """The one value of a query argument; None where there is none or several."""
    parts = [part for part in scope["query_string"].split(b"&") if _name(part) == name]
    if len(parts) != 1:
        return None
    value: str = parts[0].partition(b"=")[2].decode("latin-1")
    return value


def _name(part: bytes) -> str:
    return unquote_plus(part.partition(b"=")[0].decode("latin-1"))

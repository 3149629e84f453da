"""What every answer says about itself: where it may load from, and who may frame or keep it."""

from __future__ import annotations

from collections.abc import Mapping

from rebuttal.settings import Settings
from rebuttal.web.asgi import Message

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; frame-src 'none'; object-src 'none'; base-uri 'self'; form-action 'self'"
)
CLOSED = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'"
)
"""Of answers that show what others said outside of Gradio's page."""
SPACE_PAGES = ("https://huggingface.co", "https://*.huggingface.co", "https://*.hf.space")
PERMISSIONS = (
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), "
    "magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=(), browsing-topics=()"
)
HSTS = b"max-age=31536000"
_OURS = frozenset(
    {
        *(b"server", b"x-powered-by", b"content-security-policy", b"x-content-type-options"),
        *(b"referrer-policy", b"permissions-policy", b"x-frame-options"),
        *(b"cross-origin-opener-policy", b"cross-origin-resource-policy"),
        *(b"strict-transport-security", b"x-robots-tag"),
    }
)


class AnswerHeaders:
    """Adds ours to each answer and takes away what Gradio says to other sites."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        framing = settings.framed_by
        framing += SPACE_PAGES if "SPACE_ID" in environment else ()
        ancestors = " ".join(("'self'", *framing)) if framing else "'none'"
        fixed = {
            b"x-robots-tag": "noindex, nofollow",
            b"x-content-type-options": "nosniff",
            b"referrer-policy": "same-origin",
            b"permissions-policy": PERMISSIONS,
            b"cross-origin-resource-policy": "same-origin",
        }
        if not framing:
            fixed[b"x-frame-options"] = "DENY"
            fixed[b"cross-origin-opener-policy"] = "same-origin"
        self._policies = tuple(
            f"{policy}; frame-ancestors {ancestors}".encode() for policy in (POLICY, CLOSED)
        )
        self._fixed = [(name, value.encode()) for name, value in fixed.items()]
        self._names_host = bool(settings.hosts)

    def put(
        self,
        start: Message,
        *,
        keep: bool,
        https: bool,
        cookie: bytes | None,
        closed: bool = False,
    ) -> None:
        """On the start of an answer. ``keep``: the browser may store it as the answer says.

        ``closed``: it runs only scripts of its own files, and loads nothing from elsewhere.
        """
        headers = [
            (name, value)
            for name, value in ((n.lower(), v) for n, v in start.get("headers", []))
            if name not in _OURS and not name.startswith(b"access-control-")
        ]
        if not keep:
            headers = [pair for pair in headers if pair[0] != b"cache-control"]
            headers.append((b"cache-control", b"no-store"))
        headers += self._fixed
        headers.append((b"content-security-policy", self._policies[closed]))
        if https and self._names_host:
            headers.append((b"strict-transport-security", HSTS))
        if cookie:
            headers.append((b"set-cookie", cookie))
        start["headers"] = headers

"""Where another Rebuttal is, and whether a token may be sent there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from rebuttal.errors import InvalidInput
from rebuttal.material import one_line

_HINT = "Write it as http://localhost:7860 or https://NAME."
_TOKEN = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True)
class Address:
    """``base`` without a slash at its end; ``here`` is this machine, ``warning`` is for people."""

    base: str
    here: bool
    warning: str = ""


def checked_address(text: str, with_token: bool) -> Address:
    """The address that was typed. Raises InvalidInput, also where a token would go in the clear."""
    parts = _split(text.strip())
    host = parts.hostname or ""
    here = host == "localhost" or _is(host, "is_loopback")
    base = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
    if not with_token or here or parts.scheme == "https":
        return Address(base, here)
    near = _is(host, "is_private") or "." not in host or host.endswith((".local", ".lan"))
    if not near:
        raise InvalidInput(
            f"The token in REBUTTAL_TOKEN would go to {one_line(host, 80)} in the clear.",
            "Use its https:// address.",
        )
    return Address(base, here, f"The token goes to {one_line(host, 80)} unencrypted.")


def checked_token(text: str) -> str:
    """A token as it can be sent. Raises InvalidInput, without a word of it."""
    token = text.strip()
    if token and not _TOKEN.fullmatch(token):
        raise InvalidInput(
            "REBUTTAL_TOKEN holds what is no token.", "Make one with: rebuttal token make NAME"
        )
    return token


def _split(text: str) -> SplitResult:
    shown = one_line(text.rpartition("@")[2], 80)
    try:
        parts = urlsplit(text)
        named = parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        raise InvalidInput(f"{shown!r} is no address of a Rebuttal.", _HINT) from None
    if parts.username is not None or parts.password is not None:
        raise InvalidInput(
            "No name and no password in the address.", "A token goes into REBUTTAL_TOKEN."
        )
    if not named or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise InvalidInput(f"{shown!r} is no address of a Rebuttal.", _HINT)
    return parts


def _is(host: str, kind: str) -> bool:
    try:
        return bool(getattr(ip_address(host), kind))
    except ValueError:
        return False

"""Whom we asked, as the errors name it. What it says is quoted without keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from rebuttal.errors import KeyRejected
from rebuttal.material import clean, one_line, redact

RESUME = "Resume asks again."


@dataclass(frozen=True)
class Upstream:
    """Whom we asked, for the words of an error."""

    name: str
    """The model's id, or the endpoint's name where no model was asked for."""
    address: str
    api: str = "openai"
    key: str | None = field(default=None, repr=False)
    key_name: str | None = None

    def says(self, what: str) -> str:
        """``'model' at http://host/v1: what.``"""
        return f"{self._place}: {self.quotes(what)}."

    def bare(self, message: str) -> str:
        """What ``says`` made, without the place and the full stop."""
        return message.removeprefix(f"{self._place}: ").removesuffix(".")

    @property
    def _place(self) -> str:
        parts = split_address(self.address)
        host = parts.netloc.rpartition("@")[2]
        shown = f"{parts.scheme}://{host}{parts.path}" if host else "an address without a host"
        return f"{self.name!r} at {shown}"

    def quotes(self, foreign: str) -> str:
        """Foreign words, fit to stand in a message: one line, no key, at most 300 characters."""
        # Cleaned first: signs that nobody sees would keep a key from being known.
        return one_line(redact(clean(foreign), [self.key] if self.key else ()), 300).rstrip(" .")

    @property
    def is_local(self) -> bool:
        """Whether it runs on this machine."""
        host = split_address(self.address).hostname or ""
        return host in ("localhost", "::1", "0.0.0.0") or host.startswith("127.")


def no_key(upstream: Upstream) -> KeyRejected:
    """A key is needed, and none was given."""
    return KeyRejected(
        upstream.says("needs a key, and none is set"),
        f"Set {upstream.key_name} in the environment or in .env.",
    )


def unusable_key(upstream: Upstream) -> KeyRejected:
    """The key holds what no header may carry; it is never sent nor shown."""
    return KeyRejected(
        upstream.says("the key holds a space, a line break or a character no key has"),
        f"Copy it again{f' into {upstream.key_name}' if upstream.key_name else ''}.",
    )


def split_address(address: str) -> SplitResult:
    """``address`` in its parts, all empty where it has none."""
    try:
        return urlsplit(address)
    except ValueError:
        return SplitResult("", "", "", "", "")

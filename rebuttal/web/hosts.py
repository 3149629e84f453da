"""The names this server answers to: a page of another name that resolves here gets nothing."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from ipaddress import ip_address

from rebuttal.settings import Settings
from rebuttal.web.asgi import Refused, Scope, header

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]{1,253})(?::([0-9]{1,5}))?")


class Hosts:
    """Which Host headers are ours.

    Outside of the local profile any numeric address is: a rebound name is always a name.
    """

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._names = {"localhost", "127.0.0.1", "::1", *_listed(settings.host)}
        self._below: tuple[str, ...] = ()
        self._any_address = settings.profile != "local"
        if settings.profile == "lan":
            here = socket.gethostname().casefold()
            self._names |= {here, f"{here}.local", here.partition(".")[0]}
        space = ("*.hf.space",) if "SPACE_ID" in environment else ()
        for name in (*settings.hosts, *_listed(environment.get("SPACE_HOST", "")), *space):
            self.add(name)

    def add(self, name: str) -> None:
        """Answer to that name too, or with ``*.`` in front to all below it."""
        name = name.casefold().rstrip(".")
        if name.startswith("*."):
            self._below = (*self._below, name[1:])
        else:
            self._names.add(name.strip("[]"))

    def check(self, scope: Scope) -> str:
        """The Host that the browser asked for, with its port. Raises Refused."""
        asked = [value for key, value in scope["headers"] if key == b"host"]
        host = asked[0].decode("latin-1").casefold() if len(asked) == 1 else ""
        if not self._admits(host):
            raise Refused(
                421,
                "This server does not answer to that name. Whoever runs it can add the name "
                "with REBUTTAL_HOSTS.",
            )
        return host

    def _admits(self, host: str) -> bool:
        parts = _HOST.fullmatch(host)
        if not parts or int(parts[2] or 0) > 65535:
            return False
        name = parts[1].strip("[]").rstrip(".")
        if name in self._names or (self._below and name.endswith(self._below)):
            return True
        return self._any_address and _is_address(name)


def check_origin(scope: Scope, host: str) -> None:
    """Refuse what a page of another site has sent. ``host`` is what was asked for."""
    site = header(scope, b"sec-fetch-site")
    if site not in (None, "same-origin", "none"):
        raise Refused(403, "Pages of other sites may not do this.")
    origins = {value for key, value in scope["headers"] if key == b"origin"}
    if any(_host_of(origin.decode("latin-1")) != host for origin in origins):
        raise Refused(403, "Pages of other sites may not do this.")


def _host_of(origin: str) -> str:
    scheme, _, host = origin.casefold().partition("://")
    usual = {"http": ":80", "https": ":443"}.get(scheme, "")
    return host.removesuffix(usual) if usual else ""


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip() not in ("", "0.0.0.0", "::")]


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True

"""Where a request comes from: the address behind the proxies that are ours, and by what scheme."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from rebuttal.errors import InvalidInput
from rebuttal.settings import Settings
from rebuttal.web.asgi import Scope, header

PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8")
LOOPBACK = ("127.0.0.1/32", "::1/128")
HOPS = 20
"""Entries of X-Forwarded-For that are read, from the right."""
FORWARDED = frozenset(
    {
        *(b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"),
        *(b"x-forwarded-port", b"x-forwarded-prefix", b"x-forwarded-server", b"x-real-ip"),
        *(b"x-gradio-server", b"x-gradio-user"),
    }
)
"""What only a proxy may say. Gradio would believe it of anybody, so it is never passed on."""

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Peer:
    """``network`` is what limits count: an IPv4 address, or the /64 of an IPv6 one."""

    network: str
    is_https: bool


class Peers:
    """Believes X-Forwarded headers of configured proxies alone.

    With a share link the tunnel's near end is one, on a Space everything in a private network.
    Raises InvalidInput for a proxy that is no address.
    """

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        known = [*settings.proxies]
        self._names_host = bool(settings.proxies)
        known += LOOPBACK if settings.share else ()
        known += PRIVATE if "SPACE_ID" in environment else ()
        try:
            self._proxies = tuple(ip_network(name, strict=False) for name in known)
        except ValueError:
            raise InvalidInput(
                "proxies: every one must be an address or a network, such as 10.0.0.0/8.",
                "Set with REBUTTAL_PROXIES.",
            ) from None

    @property
    def any(self) -> bool:
        """Whether a proxy may bring the requests of many."""
        return bool(self._proxies)

    def read(self, scope: Scope) -> Peer:
        """Who is at the other end. The forwarding headers are taken out of the scope."""
        near = _address((scope.get("client") or ("", 0))[0])
        address, https = near, scope.get("scheme") == "https"
        if near is not None and self._is_proxy(near):
            address = self._behind(near, header(scope, b"x-forwarded-for") or "")
            proto = header(scope, b"x-forwarded-proto")
            https = proto.split(",")[-1].strip() == "https" if proto else https
            if self._names_host:
                self._take_host(scope)
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in FORWARDED]
        scope["scheme"] = "https" if https else "http"
        if address is not None:
            scope["client"] = (str(address), 0)
        return Peer(_network(address), https)

    def _behind(self, near: Address, listed: str) -> Address:
        """The right-most entry that is no proxy of ours."""
        here = near
        for entry in reversed(listed.split(",")[-HOPS:]):
            address = _address(entry.strip())
            if address is None:
                break
            here = address
            if not self._is_proxy(address):
                break
        return here

    def _take_host(self, scope: Scope) -> None:
        host = header(scope, b"x-forwarded-host")
        if host is None:
            return
        kept = [pair for pair in scope["headers"] if pair[0] != b"host"]
        name = host.split(",")[-1].strip().encode("latin-1")
        scope["headers"] = [*kept, (b"host", name)]

    def _is_proxy(self, address: Address) -> bool:
        return any(_within(address, network) for network in self._proxies)


def network_of(address: str) -> str:
    """What limits count an address as; empty for what is none."""
    return _network(_address(address))


def _within(address: Address, network: IPv4Network | IPv6Network) -> bool:
    return address.version == network.version and address in network


def _address(text: str) -> Address | None:
    text = text.partition("%")[0]
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _network(address: Address | None) -> str:
    if address is None:
        return ""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))

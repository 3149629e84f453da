"""A small OpenID provider on loopback that plays Hugging Face, honest or hostile.

``async with OpenIdProvider() as provider`` listens on ``provider.address``. ``provider.says`` may
replace any answer by its name: ``configuration``, ``token``, ``userinfo``.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit

CLIENT, SECRET = "client-of-the-space", "secret-of-the-space"


@dataclass(frozen=True)
class Said:
    """One answer over HTTP."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def as_json(value: object, status: int = 200) -> Said:
    """A JSON answer."""
    return Said(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


@dataclass
class OpenIdProvider:
    """Signs ``name`` in, without asking anybody, and gives ``token``."""

    name: str = "anna-hf"
    account: str = "64f0"
    token: str = field(default_factory=lambda: f"hf_oauth_{secrets.token_hex(300)}")
    says: dict[str, Said] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    lifetime: object = 28800
    port: int = 0

    @property
    def address(self) -> str:
        """What stands in OPENID_PROVIDER_URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a Space with hf_oauth has."""
        return {
            "OAUTH_CLIENT_ID": CLIENT,
            "OAUTH_CLIENT_SECRET": SECRET,
            "OAUTH_SCOPES": "openid profile inference-api",
            "OPENID_PROVIDER_URL": self.address,
        }

    async def __aenter__(self) -> Self:
        self._codes: dict[str, dict[str, str]] = {}
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
        body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
        target = urlsplit(first.split()[1])
        self.asked.append(target.path)
        said = self._answer(target.path, dict(parse_qsl(target.query)), body, headers)
        fields = {**said.headers, "Content-Length": str(len(said.body)), "Connection": "close"}
        start = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"HTTP/1.1 {said.status} X\r\n{start}\r\n".encode() + said.body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    def _answer(self, path: str, query: dict[str, str], body: str, headers: dict[str, str]) -> Said:
        if path == "/.well-known/openid-configuration":
            return self.says.get("configuration") or as_json(self.configuration())
        if path == "/oauth/authorize":
            return self._authorize(query)
        if path == "/oauth/token":
            return self.says.get("token") or self._exchange(dict(parse_qsl(body)), headers)
        if path == "/oauth/userinfo":
            return self.says.get("userinfo") or self._userinfo(headers)
        return Said(404, b"")

    def configuration(self, home: str = "") -> dict[str, str]:
        """Where what is, as OpenID's discovery tells it."""
        home = home or self.address
        return {
            "issuer": home,
            "authorization_endpoint": f"{home}/oauth/authorize",
            "token_endpoint": f"{home}/oauth/token",
            "userinfo_endpoint": f"{home}/oauth/userinfo",
        }

    def _authorize(self, query: dict[str, str]) -> Said:
        if query.get("client_id") != CLIENT or query.get("code_challenge_method") != "S256":
            return as_json({"error": "invalid_request"}, 400)
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        back = urlencode({"code": code, "state": query["state"]})
        return Said(303, b"", {"Location": f"{query['redirect_uri']}?{back}"})

    def _exchange(self, form: dict[str, str], headers: dict[str, str]) -> Said:
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        begun = self._codes.pop(form.get("code", ""), None)  # a code counts once
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            headers.get("authorization") != f"Basic {basic}"
            or begun is None
            or begun["code_challenge"] != challenge
            or begun["redirect_uri"] != form.get("redirect_uri")
        ):
            return as_json({"error": "invalid_grant"}, 400)
        return as_json(
            {"access_token": self.token, "token_type": "bearer", "expires_in": self.lifetime}
        )

    def _userinfo(self, headers: dict[str, str]) -> Said:
        if headers.get("authorization") != f"Bearer {self.token}":
            return as_json({"error": "invalid_token"}, 401)
        return as_json({"sub": self.account, "preferred_username": self.name, "name": "Anna"})

"""Hugging Face as a provider of sign-in: OpenID's authorization code flow, with PKCE."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import httpx

from rebuttal.errors import RebuttalError

WITHIN = 10.0
ANSWER_BYTES = 64 * 1024
SCOPES = "openid profile inference-api"
LONGEST = 8 * 3600.0
"""Seconds that a token is kept where nothing shorter was said."""

_ACCOUNT = re.compile(r"[A-Za-z0-9._-]{1,90}")
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


class SignInFailed(RebuttalError):
    """It did not come to a signed-in visitor. Holds no word of the other side's."""


@dataclass(frozen=True)
class Person:
    """Who has signed in, and the token that lets us ask models in their name for so long.

    ``account`` stays with them; a ``name`` that was given up may become somebody else's.
    """

    account: str
    name: str
    token: str = field(repr=False)
    seconds: float


class HuggingFace:
    """Speaks with the provider that a Space's variables name.

    What it says is believed only as far as it must be: the addresses it names are its own, a name
    is a name, a token a token. Nothing it says reaches a page or a log.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._provider = environment["OPENID_PROVIDER_URL"].rstrip("/")
        self._client_id = environment["OAUTH_CLIENT_ID"]
        self._secret = environment["OAUTH_CLIENT_SECRET"]
        self._scopes = environment.get("OAUTH_SCOPES") or SCOPES
        self._addresses: dict[str, str] = {}

    async def authorize(self, redirect: str, state: str, verifier: str) -> str:
        """The address where the visitor agrees. Raises SignInFailed."""
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect,
            "scope": self._scopes,
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        address = await self._address("authorization_endpoint")
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"

    async def exchange(self, code: str, verifier: str, redirect: str) -> Person:
        """The person for whom the provider gave this code. Raises SignInFailed."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "client_id": self._client_id,
            "code_verifier": verifier,
        }
        where = await self._address("token_endpoint")
        async with _client() as client:
            auth = httpx.BasicAuth(self._client_id, self._secret)
            answer = await _ask(client, "POST", where, data=form, auth=auth)
            token = answer.get("access_token")
            if not isinstance(token, str) or not _TOKEN.fullmatch(token):
                raise _failed()
            headers = {"Authorization": f"Bearer {token}"}
            where = await self._address("userinfo_endpoint")
            about = await _ask(client, "GET", where, headers=headers)
        account, name = (_plain(about.get(part)) for part in ("sub", "preferred_username"))
        return Person(account, name, token, _seconds(answer.get("expires_in")))

    async def _address(self, endpoint: str) -> str:
        if not self._addresses:
            async with _client() as client:
                where = f"{self._provider}/.well-known/openid-configuration"
                self._addresses = self._own(await _ask(client, "GET", where))
        return self._addresses[endpoint]

    def _own(self, said: Mapping[str, object]) -> dict[str, str]:
        """The three addresses, which must lie at the provider itself: it gets our secret."""
        names = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint")
        found = {name: str(said.get(name, "")) for name in names}
        home = urlsplit(self._provider)
        for address in found.values():
            there = urlsplit(address)
            if (there.scheme, there.netloc) != (home.scheme, home.netloc):
                raise _failed()
        return found


def _client() -> httpx.AsyncClient:
    # Uncompressed, so that no small answer becomes a large one.
    plain = {"Accept-Encoding": "identity", "Accept": "application/json"}
    return httpx.AsyncClient(timeout=WITHIN, follow_redirects=False, headers=plain)


async def _ask(
    client: httpx.AsyncClient,
    method: str,
    address: str,
    data: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    auth: httpx.BasicAuth | None = None,
) -> dict[str, object]:
    """The JSON object of an answer 200. Raises SignInFailed for anything else."""
    body = b""
    try:
        async with (
            asyncio.timeout(WITHIN),
            client.stream(method, address, data=data, headers=headers, auth=auth) as response,
        ):
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > ANSWER_BYTES:
                    raise _failed()
        said = json.loads(body) if response.status_code == 200 else None
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, RecursionError):
        # Without its cause: a traceback could hold the request, and with it a secret.
        raise _failed() from None
    if not isinstance(said, dict):
        raise _failed()
    return said


def _plain(said: object) -> str:
    if not isinstance(said, str) or not _ACCOUNT.fullmatch(said):
        raise _failed()
    return said


def _seconds(said: object) -> float:
    if isinstance(said, int | float) and 0 < said < LONGEST:
        return float(said)
    return LONGEST


def _failed() -> SignInFailed:
    return SignInFailed("Hugging Face did not sign you in.", "Try again in a minute.")

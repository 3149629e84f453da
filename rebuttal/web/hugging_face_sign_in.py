"""Signing in through Hugging Face: the way there, the way back, and the token kept in memory."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from rebuttal.web.answers import page, safe_next, went
from rebuttal.web.cookie import Cookie, Sealed, host, random_id, space_hosts
from rebuttal.web.hugging_face import HuggingFace, SignInFailed
from rebuttal.web.sign_in_page import hugging_face_page
from rebuttal.web.visitors import Visitors

LIFE = 600
"""Seconds between leaving for Hugging Face and coming back."""
AT_ONCE = 8
USED = 10_000
STALE = "This sign-in took too long, or was begun in another browser. Try again."
REFUSED = "Hugging Face did not sign you in."
BUSY = "Too many people are signing in at this moment. Try again in a few seconds."


class Journey(Sealed):
    """What the browser carries while it is away, in a cookie of its own."""

    state: Annotated[str, Field(max_length=64)]
    verifier: Annotated[str, Field(max_length=128)]
    next: Annotated[str, Field(max_length=400)]


class HuggingFaceSignIn:
    """The routes /login/huggingface and /login/callback.

    A way back counts once, in the browser that began it, and for ten minutes.
    """

    def __init__(self, visitors: Visitors, environment: Mapping[str, str]) -> None:
        assert visitors.browsers is not None
        self._visitors = visitors
        self._browsers = visitors.browsers
        self._cookie = Cookie(Journey, visitors.browsers, LIFE)
        self._provider = HuggingFace(environment)
        self._hosts = space_hosts(environment)
        self._used: dict[str, None] = {}
        self._asking = 0

    def routes(self) -> list[Route]:
        """For the router of SignIn."""
        return [
            Route("/login/huggingface", self._leave, methods=["GET"]),
            Route("/login/callback", self._return, methods=["GET"]),
        ]

    async def _leave(self, request: Request) -> Response:
        wanted = safe_next(request.query_params.get("next", ""))
        if host(request.scope) in self._hosts[1:]:
            # Hugging Face leads back to the Space's first name alone; begin where it will end.
            return RedirectResponse(f"https://{self._hosts[0]}/login", 303)
        verifier = secrets.token_urlsafe(48)
        journey = Journey(
            issued=self._browsers.now(), state=random_id(), verifier=verifier, next=wanted
        )
        try:
            where = await self._provider.authorize(self._redirect(request), journey.state, verifier)
        except SignInFailed as failed:
            return page(hugging_face_page(wanted, str(failed)), 502)
        return went(where, self._cookie.header(journey, request.scope))

    async def _return(self, request: Request) -> Response:
        journey = self._cookie.read(request.scope)
        said = request.query_params
        over = self._cookie.removal(request.scope)
        if journey is None or not self._is_first(journey, said.get("state", "")):
            return page(hugging_face_page("/", STALE), 400)
        code = said.get("code", "")
        if not 0 < len(code) <= 1024:
            return page(hugging_face_page(journey.next, REFUSED), 400, cookies=[over])
        if self._asking >= AT_ONCE:
            return page(hugging_face_page(journey.next, BUSY), 429, 5, cookies=[over])
        self._asking += 1
        try:
            person = await self._provider.exchange(code, journey.verifier, self._redirect(request))
        except SignInFailed as failed:
            return page(hugging_face_page(journey.next, str(failed)), 502, cookies=[over])
        finally:
            self._asking -= 1
        owner = f"hf:{person.account}"
        session, begun = self._visitors.begin(request.scope, owner, person.name)
        self._visitors.tokens.put(session.id, person.token, person.seconds)
        return went(journey.next, begun, over)

    def _is_first(self, journey: Journey, state: str) -> bool:
        if not secrets.compare_digest(journey.state.encode(), state.encode()):
            return False
        if state in self._used:
            return False
        while len(self._used) >= USED:
            del self._used[next(iter(self._used))]
        self._used[state] = None
        return True

    def _redirect(self, request: Request) -> str:
        if self._hosts:
            return f"https://{self._hosts[0]}/login/callback"
        scheme = "https" if self._browsers.is_https(request.scope) else "http"
        return f"{scheme}://{host(request.scope)}/login/callback"

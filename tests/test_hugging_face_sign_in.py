"""Signing in through Hugging Face, played by a small provider on loopback."""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from rebuttal.app import DebateApp
from rebuttal.providers.scripted import ScriptedModel
from rebuttal.records import Seat
from rebuttal.settings import load_settings
from rebuttal.web.auth import SignIn
from rebuttal.web.hugging_face import LONGEST, HuggingFace, SignInFailed
from rebuttal.web.hugging_face_sign_in import LIFE
from rebuttal.web.tokens import KEPT, Tokens
from rebuttal.web.visitors import HUGGING_FACE, Visitors
from tests.openid_provider import OpenIdProvider, Said, as_json
from tests.test_auth import Clock

HERE = "203.0.113.7"


@dataclass
class Space:
    """Our server on a Space, and the provider that its variables name."""

    folder: Path
    provider: OpenIdProvider
    clock: Clock = field(default_factory=Clock)
    keys: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = load_settings(profile="public", data=self.folder)
        environment = self.provider.environment
        self.visitors = Visitors(settings, environment=environment, clock=self.clock)
        self.sign_in = SignIn(self.visitors, environment=environment)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] in self.sign_in.paths:
            await self.sign_in(scope, receive, send)
            return
        identity = self.visitors.identify(scope, HERE)
        self.keys = dict(identity.keys)
        who = identity.visitor.owner if identity.visitor else "nobody"
        headers = [(b"set-cookie", identity.set_cookie)] if identity.set_cookie else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": who.encode()})

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self), base_url="http://rebuttal.test"
        )


@pytest.fixture
async def provider() -> AsyncIterator[OpenIdProvider]:
    async with OpenIdProvider() as there:
        yield there


@pytest.fixture
def space(tmp_path: Path, provider: OpenIdProvider) -> Space:
    return Space(tmp_path, provider)


@pytest.fixture
async def browser(space: Space) -> AsyncIterator[httpx.AsyncClient]:
    async with space.browser() as there:
        yield there


async def leave(browser: httpx.AsyncClient, next: str = "/") -> str:
    """The address at Hugging Face that our server leads to."""
    left = await browser.get("/login/huggingface", params={"next": next})
    assert left.status_code == 303, left.text
    return left.headers["location"]


async def agree(address: str) -> str:
    """The address that Hugging Face leads back to."""
    async with httpx.AsyncClient() as world:
        agreed = await world.get(address)
    assert agreed.status_code == 303, agreed.text
    return agreed.headers["location"]


async def sign_in(browser: httpx.AsyncClient, next: str = "/") -> httpx.Response:
    return await browser.get(await agree(await leave(browser, next)))


async def who(browser: httpx.AsyncClient) -> str:
    return (await browser.get("/config")).text


async def test_a_visitor_signs_in_and_brings_a_key_of_their_own(
    space: Space, browser: httpx.AsyncClient
) -> None:
    anonymous = (await browser.get("/")).text
    assert anonymous.startswith("c:")
    shown = await browser.get("/login", params={"next": "/?debate=abc"})
    assert "/login/huggingface?next=%2F%3Fdebate%3Dabc" in shown.text
    done = await sign_in(browser, "/?debate=abc")
    assert (done.status_code, done.headers["location"]) == (303, "/?debate=abc")
    assert await who(browser) == "hf:64f0"
    assert space.keys == {HUGGING_FACE: space.provider.token}
    await browser.post("/logout")
    assert await who(browser) == anonymous
    assert space.keys == {}
    assert len(space.visitors.tokens) == 0


async def test_who_takes_over_a_name_does_not_take_over_what_is_its_former_owners(
    space: Space, browser: httpx.AsyncClient
) -> None:
    await sign_in(browser)
    owner = await who(browser)
    space.provider.account = "77a1"  # the same name, freed and registered anew
    async with space.browser() as another:
        await sign_in(another)
        assert "anna-hf" in (await another.get("/login")).text
        assert await who(another) != owner
    space.provider.account, space.provider.name = "64f0", "anna-renamed"
    async with space.browser() as third:
        await sign_in(third)
        assert await who(third) == owner


async def test_what_is_asked_for_is_what_the_variables_say(
    space: Space, browser: httpx.AsyncClient
) -> None:
    asked = parse_qs(urlsplit(await leave(browser)).query)
    assert asked["scope"] == ["openid profile inference-api"]
    assert asked["redirect_uri"] == ["http://rebuttal.test/login/callback"]
    assert asked["code_challenge_method"] == ["S256"]
    assert len(asked["state"][0]) == 22
    again = parse_qs(urlsplit(await leave(browser)).query)
    assert again["state"] != asked["state"]
    assert again["code_challenge"] != asked["code_challenge"]


async def test_on_a_space_the_way_back_is_the_spaces_own_name(tmp_path: Path) -> None:
    async with OpenIdProvider() as provider:
        environment = provider.environment | {"SPACE_HOST": "me-r.hf.space,debate.example"}
        settings = load_settings(profile="public", data=tmp_path)
        visitors = Visitors(settings, environment=environment)
        app = SignIn(visitors, environment=environment)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://me-r.hf.space") as own:
            left = await own.get("/login/huggingface")
        asked = parse_qs(urlsplit(left.headers["location"]).query)
        assert asked["redirect_uri"] == ["https://me-r.hf.space/login/callback"]
        assert left.headers["set-cookie"].startswith("__Host-")
        async with httpx.AsyncClient(transport=transport, base_url="http://debate.example") as too:
            left = await too.get("/login/huggingface")
        assert left.headers["location"] == "https://me-r.hf.space/login"


def forged(back: str, state: str) -> str:
    """The way back with another state."""
    parts = urlsplit(back)
    code = parse_qs(parts.query)["code"][0]
    return f"{parts.scheme}://{parts.netloc}{parts.path}?code={code}&state={state}"


@pytest.mark.parametrize("state", ["", "x", "A" * 22, "\udc80".encode("utf-8", "surrogatepass")])
async def test_a_forged_state_signs_nobody_in(
    space: Space, browser: httpx.AsyncClient, state: str | bytes
) -> None:
    back = await agree(await leave(browser))
    text = state if isinstance(state, str) else "%ed%b2%80"
    refused = await browser.get(forged(back, text))
    assert refused.status_code == 400
    assert "begun in another browser" in refused.text
    assert await who(browser) == "nobody"
    assert "/oauth/token" not in space.provider.asked


@pytest.mark.parametrize("planted", [False, True])
async def test_an_attackers_way_back_does_not_sign_a_victim_in(space: Space, planted: bool) -> None:
    """Login CSRF. The control is the cookie: planted into the victim's browser, it succeeds."""
    async with space.browser() as attacker, space.browser() as victim:
        back = await agree(await leave(attacker))
        if planted:
            victim.cookies = httpx.Cookies(attacker.cookies)
        await victim.get(back)
        assert await who(victim) == ("hf:64f0" if planted else "nobody")


async def test_a_way_back_counts_once(space: Space, browser: httpx.AsyncClient) -> None:
    back = await agree(await leave(browser))
    kept = httpx.Cookies(browser.cookies)
    assert (await browser.get(back)).status_code == 303
    assert (await browser.get(back)).status_code == 400
    async with space.browser() as thief:
        thief.cookies = kept
        assert (await thief.get(back)).status_code == 400
        assert await who(thief) == "nobody"
    assert space.provider.asked.count("/oauth/token") == 1


async def test_a_stolen_code_is_nothing_without_the_browser_that_began(space: Space) -> None:
    """PKCE: the thief has the code and a journey of their own, but not the first one's verifier."""
    async with space.browser() as victim, space.browser() as thief:
        code = parse_qs(urlsplit(await agree(await leave(victim))).query)["code"][0]
        state = parse_qs(urlsplit(await leave(thief)).query)["state"][0]
        refused = await thief.get("/login/callback", params={"code": code, "state": state})
        assert refused.status_code == 502
        assert await who(thief) == "nobody"


async def test_a_way_back_that_took_too_long_counts_no_more(
    space: Space, browser: httpx.AsyncClient
) -> None:
    back = await agree(await leave(browser))
    space.clock.at += LIFE
    assert (await browser.get(back)).status_code == 400


async def test_the_token_is_forgotten_when_it_runs_out(
    space: Space, browser: httpx.AsyncClient
) -> None:
    space.provider.lifetime = 60
    anonymous = (await browser.get("/")).text
    await sign_in(browser)
    assert await who(browser) == "hf:64f0"
    space.clock.at += 61
    assert await who(browser) == anonymous
    assert space.keys == {}
    assert len(space.visitors.tokens) == 0


@pytest.mark.parametrize("said", [None, "soon", -1, 1e300, True, [], float("nan")])
async def test_a_lifetime_that_is_none_is_a_working_day_at_most(
    space: Space, browser: httpx.AsyncClient, said: object
) -> None:
    space.provider.lifetime = said
    await sign_in(browser)
    assert await who(browser) == "hf:64f0"
    space.clock.at += LONGEST
    assert await who(browser) != "hf:64f0"


def test_tokens_are_kept_in_bounds() -> None:
    tokens = Tokens()
    for number in range(KEPT + 10):
        tokens.put(f"session {number}", "token", 60)
    assert len(tokens) == KEPT
    assert tokens.get("session 9") is None
    assert tokens.get("session 10") == "token"


HOSTILE = "<script>alert(1)</script> hf_leaked \x1b[31m"


@pytest.mark.parametrize("answer", ["configuration", "token", "userinfo"])
@pytest.mark.parametrize(
    "said",
    [
        as_json({"error": HOSTILE, "error_description": HOSTILE}, 400),
        as_json({"error": HOSTILE, "error_description": HOSTILE}),
        as_json([HOSTILE]),
        as_json({"access_token": "a b\nSet-Cookie: x", "preferred_username": HOSTILE}),
        as_json({"access_token": 7, "preferred_username": {"a": 1}}),
        Said(200, HOSTILE.encode()),
        Said(200, b"[" * 60_000),
        Said(200, b'{"a":"' + b"x" * 100_000),
        Said(200, b"\xff\xfe"),
        Said(500, b""),
        Said(302, b"", {"Location": "http://169.254.169.254/"}),
    ],
)
async def test_a_provider_that_says_anything_else_signs_nobody_in_and_is_not_repeated(
    space: Space, browser: httpx.AsyncClient, answer: str, said: Said
) -> None:
    space.provider.says[answer] = said
    left = await browser.get("/login/huggingface")
    if answer != "configuration":
        left = await browser.get(await agree(left.headers["location"]))
    assert left.status_code == 502
    assert "Hugging Face did not sign you in." in left.text
    for word in ("alert(1)", "hf_leaked", "\x1b", "Traceback", space.provider.token):
        assert word not in left.text
    assert await who(browser) == "nobody"


@pytest.mark.parametrize("padding", [1000, 100_000])
async def test_an_answer_is_read_up_to_a_bound(
    space: Space, browser: httpx.AsyncClient, padding: int
) -> None:
    about = {"sub": "64f0", "preferred_username": "anna-hf", "picture": "x" * padding}
    space.provider.says["userinfo"] = as_json(about)
    assert (await sign_in(browser)).status_code == (303 if padding == 1000 else 502)


async def test_our_secret_goes_to_the_provider_alone(tmp_path: Path) -> None:
    async with OpenIdProvider() as elsewhere, OpenIdProvider() as provider:
        provider.says["configuration"] = as_json(provider.configuration(elsewhere.address))
        there = HuggingFace(provider.environment)
        with pytest.raises(SignInFailed):
            await there.authorize("http://rebuttal.test/login/callback", "s", "v")
        with pytest.raises(SignInFailed):
            await there.exchange("code", "v", "http://rebuttal.test/login/callback")
        assert elsewhere.asked == []


async def test_a_provider_that_is_away_is_said_in_words(tmp_path: Path) -> None:
    async with OpenIdProvider() as provider:
        space = Space(tmp_path, provider)
    async with space.browser() as browser:
        left = await browser.get("/login/huggingface")
    assert left.status_code == 502
    assert "Try again in a minute." in left.text


@pytest.mark.parametrize("query", ["", "?error=access_denied", "?error_description=<script>"])
async def test_who_does_not_agree_comes_back_to_the_page(
    browser: httpx.AsyncClient, query: str
) -> None:
    state = parse_qs(urlsplit(await leave(browser)).query)["state"][0]
    back = await browser.get(f"/login/callback{query or '?'}&state={state}")
    assert back.status_code == 400
    assert "did not sign you in" in back.text
    assert "<script>" not in back.text


async def test_the_token_stands_in_no_cookie_page_log_or_file(
    space: Space, browser: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = space.provider.token
    seen = [await sign_in(browser)]
    seen += [await browser.get(path) for path in ("/", "/login", "/logout", "/config")]
    await debate_with(space, browser)
    for answer in seen:
        assert token not in answer.text
        assert token not in str(answer.headers.raw)
    assert token not in str(dict(browser.cookies))
    assert token not in caplog.text
    assert token not in repr(space.visitors.identify(scope_of(browser), HERE))
    kept = [file for file in space.folder.rglob("*") if file.is_file()]
    assert any(b"Is tea a vice?" in file.read_bytes() for file in kept)
    for file in kept:
        assert token.encode() not in file.read_bytes(), file.name


async def debate_with(space: Space, browser: httpx.AsyncClient) -> None:
    """A whole debate of the signed-in visitor, with their key, in the same data folder."""
    models = space.folder / "models.yaml"
    models.write_text(
        'endpoints:\n  Hugging Face: {address: "http://localhost:9/v1", key: NO_SUCH_KEY}\n'
        "models:\n  Scripted: {endpoint: Hugging Face, model: scripted}\n"
    )
    settings = load_settings(profile="public", data=space.folder, models=models, offline=True)
    speeches = [secrets.token_hex(30) for _ in range(2)]
    async with DebateApp(settings, chat_models={"Scripted": ScriptedModel(speeches)}) as app:
        seats = [
            Seat(persona="cynic", model="Scripted"),
            Seat(persona="rational", model="Scripted"),
        ]
        visitor = space.visitors.identify(scope_of(browser), HERE).visitor
        assert visitor is not None
        assert visitor.owner == "hf:64f0"
        keys = {HUGGING_FACE: space.provider.token}
        debate = await app.start("Is tea a vice?", seats, rounds=1, keys=keys, visitor=visitor)
        async for batch in app.watch(debate, visitor=visitor):
            if any(event.kind == "debate_finished" for event in batch):
                break
        assert space.provider.token not in await app.export(debate, "json", visitor=visitor)


def scope_of(browser: httpx.AsyncClient) -> dict[str, Any]:
    """What ASGI would say of the browser's opening the page."""
    line = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    headers = [(b"cookie", line.encode())]
    return {"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": headers}

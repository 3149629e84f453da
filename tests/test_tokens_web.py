"""Tokens before the real guard: who may make them, what they open there, and on whose budget."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from rebuttal.__main__ import interfaces
from rebuttal.app import DebateApp
from rebuttal.material import redact
from rebuttal.providers.scripted import ScriptedModel
from rebuttal.records import Visitor
from rebuttal.users import Users
from rebuttal.web.asgi import Message, Receive, Scope, Send, answer_text
from rebuttal.web.auth import SignIn
from rebuttal.web.guard import Guard
from rebuttal.web.visitors import Visitors
from tests.debates import scripted_app, watch_to_rest
from tests.paying import public_app
from tests.test_guard_flood import QueueOfNobody

API = "/api/v1"
SEAT = {"persona": "cynic", "model": "Scripted"}
DEBATE = {"topic": "Cats?", "seats": [SEAT, SEAT], "rounds": 1}
OPENED = {"sec-fetch-mode": "navigate", "sec-fetch-site": "none"}
PASSWORD = "correct horse battery"


@dataclass
class House:
    """The app behind its guard, with a page that says who was let in."""

    app: DebateApp
    guests: AsyncExitStack

    def __post_init__(self) -> None:
        async def page(scope: Scope, receive: Receive, send: Send) -> None:
            visitor: Visitor | None = scope.get("rebuttal.visitor")
            await answer_text(send, 200, visitor.owner if visitor else "nobody")

        settings = self.app.settings.model_copy(update={"secret": "one secret of thirty letters."})
        self.visitors = Visitors(settings, environment={})
        guard = Guard(
            self.app,
            self.visitors,
            SignIn(self.visitors, environment={}),
            environment={},
            programs=interfaces(settings),
        )
        self._door = guard.stand_before(page, QueueOfNobody())

    async def client(self, secret: str = "", network: str = "203.0.113.7") -> httpx.AsyncClient:
        """A program with that token, or one that comes with nothing."""
        headers = {"authorization": f"Bearer {secret}"} if secret else {}
        transport = httpx.ASGITransport(self._door, client=(network, 1))
        return await self.guests.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers)
        )

    async def browser(self, network: str = "203.0.113.7") -> tuple[httpx.AsyncClient, Visitor]:
        """One that has opened the page, and who it is."""
        browser = await self.client(network=network)
        owner = (await browser.get("/", headers=OPENED)).text
        return browser, Visitor(owner=owner, network=network)

    async def leaves(
        self, client: httpx.AsyncClient, path: str, body: object, left: asyncio.Event
    ) -> None:
        """Post that as the client would, and close the connection when ``left`` is set."""
        content = json.dumps(body).encode()
        headers = {**client.headers, "host": "localhost", "content-type": "application/json"}
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
            "client": ("203.0.113.7", 1),
            "server": ("localhost", 80),
        }
        sent = [{"type": "http.request", "body": content, "more_body": False}]

        async def receive() -> Message:
            if sent:
                return sent.pop()
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(_: Message) -> None: ...

        await self._door(scope, receive, send)

    async def signed_in(self, name: str, password: str = PASSWORD) -> httpx.AsyncClient:
        """The browser of a user."""
        browser = await self.client()
        said = await browser.post("/login", data={"name": name, "password": password})
        assert said.status_code == 303, said.text
        return browser


@asynccontextmanager
async def house_of(app: DebateApp) -> AsyncIterator[House]:
    async with AsyncExitStack() as guests:
        yield House(app, guests)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    model = ScriptedModel(["Yes.", "No."], repeat=True)
    async with (
        scripted_app(tmp_path, model, profile="public") as app,
        house_of(app) as there,
    ):
        yield there


async def made(browser: httpx.AsyncClient, *powers: str, name: str = "editor") -> str:
    """The secret of a token that was made there."""
    given = {"powers": powers} if powers else {}
    answer = await browser.post(f"{API}/tokens", json={"name": name, **given})
    assert answer.status_code == 201, answer.text
    secret: str = answer.json()["secret"]
    return secret


async def hashes(browser: httpx.AsyncClient) -> list[str]:
    listed = (await browser.get(f"{API}/tokens")).json()
    return [token["hash"] for token in listed["items"]]


async def test_a_token_is_made_and_revoked_with_the_pages_cookie_and_never_with_a_token(
    house: House,
) -> None:
    browser, _ = await house.browser()
    program = await house.client(await made(browser, "read", "debate", "models"))
    nobody = await house.client()
    (hash,) = await hashes(browser)
    for client, status in ((program, 403), (nobody, 401)):
        asked = (
            await client.post(f"{API}/tokens", json={"name": "more"}),
            await client.get(f"{API}/tokens"),
            await client.delete(f"{API}/tokens/{hash}"),
        )
        assert [answer.status_code for answer in asked] == [status] * 3
        assert hash not in "".join(answer.text for answer in asked)
    assert (await program.get(f"{API}/debates")).status_code == 200
    assert (await browser.delete(f"{API}/tokens/{hash}")).status_code == 204
    assert (await program.get(f"{API}/debates")).status_code == 401
    assert await hashes(browser) == []


async def test_somebody_elses_token_is_neither_listed_nor_revoked(house: House) -> None:
    browser, _ = await house.browser()
    other, _ = await house.browser("198.51.100.9")
    program = await house.client(await made(browser))
    (hash,) = await hashes(browser)
    assert await hashes(other) == []
    foreign = await other.delete(f"{API}/tokens/{hash}")
    missing = await other.delete(f"{API}/tokens/{'0' * 64}")
    assert foreign.status_code == missing.status_code == 404
    assert foreign.text == missing.text
    assert (await program.get(f"{API}/debates")).status_code == 200


@pytest.mark.parametrize("site", ["same-origin", "cross-site"])
async def test_a_page_of_another_site_makes_no_token(house: House, site: str) -> None:
    browser, visitor = await house.browser()
    own = site == "same-origin"
    origin = "http://localhost" if own else "http://evil.example"
    answer = await browser.post(
        f"{API}/tokens", json={"name": "x"}, headers={"origin": origin, "sec-fetch-site": site}
    )
    assert (answer.status_code == 201) is own
    assert len(await house.app.tokens.all(visitor=visitor)) == own


@pytest.mark.parametrize(
    ("power", "method", "path", "body"),
    [
        ("read", "GET", "/debates", None),
        ("read", "GET", "/panels", None),
        ("debate", "POST", "/debates", DEBATE),
        ("debate", "PUT", "/panels/three", {"seats": [SEAT], "chair": SEAT}),
    ],
)
async def test_a_token_without_the_power_is_refused_and_with_it_goes_through(
    house: House, power: str, method: str, path: str, body: Any
) -> None:
    browser, _ = await house.browser()
    others = {"read", "debate", "models"} - {power}
    lacking = await house.client(await made(browser, *others))
    refused = await lacking.request(method, f"{API}{path}", json=body)
    assert refused.status_code == 403
    assert f'scope="{power}"' in refused.headers["www-authenticate"]
    assert await house.app.debates() == []
    able = await house.client(await made(browser, power))
    done = await able.request(method, f"{API}{path}", json=body)
    assert done.is_success, done.text


# --- whose it is ----------------------------------------------------------------------------------


@asynccontextmanager
async def house_with_users(folder: Path) -> AsyncIterator[tuple[House, Users]]:
    users = Users(folder / "users")
    for name in ("anna", "eve"):
        users.put(name, PASSWORD)
    model = ScriptedModel(["Yes.", "No."], repeat=True)
    async with (
        scripted_app(folder, model, profile="public", auth=users.file) as app,
        house_of(app) as there,
    ):
        yield there, users


@pytest.mark.parametrize("change", ["none", "another password", "removed", "the name given anew"])
async def test_a_token_ends_with_its_user(tmp_path: Path, change: str) -> None:
    async with house_with_users(tmp_path) as (house, users):
        anna, eve = [
            await house.client(await made(await house.signed_in(n))) for n in users.names()
        ]
        if change == "another password":
            users.put("anna", f"{PASSWORD} staple")
        elif change != "none":
            users.remove("anna")
        if change == "the name given anew":
            users.put("anna", PASSWORD)
        status = (await anna.get(f"{API}/debates")).status_code
        assert status == (200 if change == "none" else 401)
        assert (await eve.get(f"{API}/debates")).status_code == 200


async def test_where_one_has_to_sign_in_no_token_of_a_mere_cookie_opens_anything(
    tmp_path: Path,
) -> None:
    cookie = Visitor(owner="c:AAAAAAAAAAAAAAAAAAAAAA")
    model = ScriptedModel(["Yes."], repeat=True)
    async with scripted_app(tmp_path, model, profile="public") as app, house_of(app) as house:
        secrets = [await app.tokens.make("x", visitor=cookie), await app.tokens.make("house")]
        before = [await (await house.client(s)).get(f"{API}/debates") for s in secrets]
    async with house_with_users(tmp_path) as (house, _):
        after = [await (await house.client(s)).get(f"{API}/debates") for s in secrets]
    assert [answer.status_code for answer in before] == [200, 200]
    assert [answer.status_code for answer in after] == [401, 200]


# --- on whose budget ------------------------------------------------------------------------------


async def spends(house: House, client: httpx.AsyncClient) -> bool:
    """Whether a debate of theirs begins there and comes to its end."""
    answer = await client.post(f"{API}/debates", json=DEBATE)
    if answer.status_code == 429:
        assert answer.json()["type"].endswith("/budget-spent"), answer.text
        return False
    assert answer.status_code == 201, answer.text
    last = (await watch_to_rest(house.app, answer.json()["id"]))[-1]
    return last.kind == "debate_finished"


async def test_two_programs_and_the_page_of_a_visitor_share_one_purse(tmp_path: Path) -> None:
    model = ScriptedModel(["Yes, and here is why."], repeat=True)
    async with (
        public_app(tmp_path, model, tokens_per_visitor=8000) as app,
        house_of(app) as house,
    ):
        page, visitor = await house.browser()
        programs = [await house.client(await made(page), f"198.51.100.{n}") for n in (1, 2)]
        stranger, _ = await house.browser("192.0.2.5")
        alone = await house.client(await made(stranger))
        began = await taking_turns(house, [page, *programs])
        assert 3 <= sum(began) < 30
        assert began[-3:] == [False] * 3
        assert (await app.budget()).figures["visitor"].count == 1
        # With a token of its own visitor the same program would have a purse of its own.
        assert sum(await taking_turns(house, [alone])) >= sum(began) - 1
        assert await app.debates(visitor=visitor)


async def taking_turns(house: House, clients: Sequence[httpx.AsyncClient]) -> list[bool]:
    """Whether each debate of theirs could be spoken, until none of them can begin one."""
    began: list[bool] = []
    while len(began) < 60 and (not began or any(began[-len(clients) :])):
        began += [await spends(house, client) for client in clients]
    return began


# --- the secret -----------------------------------------------------------------------------------


async def test_no_secret_is_in_an_answer_a_log_or_an_error(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    browser, _ = await house.browser()
    secret = await made(browser)
    program = await house.client(secret)
    with caplog.at_level(logging.DEBUG):
        answers = [
            await browser.get(f"{API}/tokens"),
            await program.get(f"{API}/debates/{secret}"),
            await program.get(f"{API}/panels/nothing"),
            await (await house.client(f"{secret}x")).get(f"{API}/debates"),
        ]
    assert [answer.status_code for answer in answers] == [200, 404, 404, 401]
    assert secret not in answers[0].text + answers[2].text + answers[3].text
    assert secret not in "".join(r.getMessage() for r in caplog.records if r.name != "httpx")


def test_a_token_is_known_as_a_key_wherever_it_is_written() -> None:
    secret = f"rebuttal-{'Ab1_' * 10}xy-"
    assert redact(f"it says {secret}, which is wrong") == "it says [key], which is wrong"
    assert redact("rebuttal-a785d39c and rebuttal-0.4.0") == "rebuttal-a785d39c and rebuttal-0.4.0"

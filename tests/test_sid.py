"""A history in the address: it opens for whoever has the secret, and traps nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from rebuttal.app import DebateApp
from rebuttal.providers.scripted import ScriptedModel
from rebuttal.records import Visitor
from rebuttal.web.asgi import Receive, Scope, Send, answer_text
from rebuttal.web.attempts import FREE
from rebuttal.web.guard import Guard
from rebuttal.web.routes import take_sid
from rebuttal.web.visitors import Visitors
from tests.debates import CYNIC_AND_RATIONAL, scripted_app
from tests.intruder import Intruder
from tests.linked import Linked
from tests.test_guard_flood import QueueOfNobody

BY_HAND = {"sec-fetch-mode": "navigate", "sec-fetch-site": "none"}
LED = {"sec-fetch-mode": "navigate", "sec-fetch-site": "cross-site"}
PRESSED = {"sec-fetch-mode": "navigate", "sec-fetch-site": "same-origin"}


@dataclass
class House:
    """The guarded app, with a page behind it that says who was let in."""

    app: DebateApp
    guards: AsyncExitStack
    secret: str = "one secret of thirty-two letters."
    visitors: Visitors | None = None

    def __post_init__(self) -> None:
        async def page(scope: Scope, receive: Receive, send: Send) -> None:
            visitor: Visitor | None = scope.get("rebuttal.visitor")
            query = scope["query_string"].decode()
            await answer_text(send, 200, f"{visitor.owner if visitor else 'nobody'} {query}")

        settings = self.app.settings.model_copy(update={"secret": self.secret})
        visitors = self.visitors or Visitors(settings, environment={})
        guard = Guard(self.app, visitors, environment={})
        self._door = guard.stand_before(page, QueueOfNobody())

    async def browser(self, network: str = "203.0.113.7") -> httpx.AsyncClient:
        """A browser that was never here."""
        transport = httpx.ASGITransport(self._door, client=(network, 1))
        return await self.guards.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://localhost")
        )

    async def resident(self) -> tuple[httpx.AsyncClient, Visitor]:
        """A browser with a debate of its own, and whose it is."""
        browser = await self.browser()
        visitor = Visitor(owner=await seen(browser))
        await self.app.start("Cats?", CYNIC_AND_RATIONAL, rounds=1, visitor=visitor)
        return browser, visitor


async def seen(browser: httpx.AsyncClient) -> str:
    """As whom the page is opened in that browser."""
    return (await browser.get("/", headers=BY_HAND)).text.split()[0]


@asynccontextmanager
async def house_in(folder: Path, **settings: object) -> AsyncIterator[House]:
    model = ScriptedModel(["Yes.", "No."], repeat=True)
    async with (
        AsyncExitStack() as guards,
        scripted_app(folder, model, **{"profile": "public", **settings}) as app,
    ):
        yield House(app, guards)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_in(tmp_path) as there:
        yield there


async def test_the_address_opens_a_history_in_another_browser(house: House) -> None:
    _, visitor = await house.resident()
    sid = await house.app.links.session(visitor=visitor)
    other = await house.browser("198.51.100.9")
    led = await other.get(f"/?debate=abc&sid={sid}&view=x", headers=BY_HAND)
    assert (led.status_code, led.headers["location"]) == (303, "/?debate=abc&view=x")
    assert await seen(other) == visitor.owner
    assert (await other.get(f"/?sid={sid}", headers=BY_HAND)).headers["location"] == "/"


async def test_it_does_so_when_the_servers_secret_was_lost(house: House) -> None:
    browser, visitor = await house.resident()
    sid = await house.app.links.session(visitor=visitor)
    later = House(house.app, house.guards, "another secret of as many letters")
    again = await later.browser()
    again.cookies = browser.cookies
    assert await seen(again) != visitor.owner
    await again.get(f"/?sid={sid}", headers=BY_HAND)
    assert await seen(again) == visitor.owner


async def test_a_secret_that_was_renewed_or_ended_opens_nothing(house: House) -> None:
    _, visitor = await house.resident()
    old = await house.app.links.session(visitor=visitor)
    new = await house.app.links.session(visitor=visitor)
    await house.app.links.end_session(visitor=visitor)
    for dead in (old, new, "x" * 43, "", "%00", "a" * 1000):
        browser = await house.browser(f"203.0.113.{len(dead) % 250}")
        told = await browser.get(f"/?sid={dead}", headers=BY_HAND)
        assert (told.status_code, told.headers["location"]) == (303, "/session")
        said = await browser.get("/session", headers=PRESSED)
        assert said.status_code == 404
        assert "This address opens no history" in said.text
        assert not browser.cookies
        assert (await browser.post("/session", headers=PRESSED)).status_code == 404


async def test_a_link_in_what_somebody_said_moves_nobody(house: House) -> None:
    _, attacker = await house.resident()
    sid = await house.app.links.session(visitor=attacker)
    reader = await house.browser()
    mine = await seen(reader)
    led = await reader.get(f"/?sid={sid}", headers=PRESSED)
    assert led.headers["location"] == "/session"
    assert await seen(reader) == mine != attacker.owner


@pytest.mark.parametrize("has_debates", [False, True])
async def test_nobody_is_moved_into_the_history_of_another_site(
    house: House, has_debates: bool
) -> None:
    _, attacker = await house.resident()
    sid = await house.app.links.session(visitor=attacker)
    victim = (await house.resident())[0] if has_debates else await house.browser()
    mine = await seen(victim)
    led = await victim.get(f"/?sid={sid}", headers=LED)
    assert led.headers["location"] == "/session"
    assert await seen(victim) == mine != attacker.owner
    asked = await victim.get("/session", headers=LED)
    assert "Open this history here?" in asked.text
    assert ("This browser has debates of its own" in asked.text) is has_debates
    assert sid not in asked.text
    for forged in (LED, {"origin": "http://evil.example"}):
        assert (await victim.post("/session", headers=forged)).status_code == 403
    assert await seen(victim) == mine
    # What would have happened, had the address been their own.
    pressed = await victim.post("/session", headers=PRESSED)
    assert (pressed.status_code, pressed.headers["location"]) == (303, "/")
    assert await seen(victim) == attacker.owner
    assert (await victim.get("/session", headers=PRESSED)).status_code == 404


@pytest.mark.parametrize("headers", [BY_HAND, {}])
async def test_a_browser_with_debates_of_its_own_is_always_asked(
    house: House, headers: dict[str, str]
) -> None:
    _, other = await house.resident()
    browser, visitor = await house.resident()
    sid = await house.app.links.session(visitor=other)
    led = await browser.get(f"/?sid={sid}", headers=headers)
    assert led.headers["location"] == "/session"
    assert await seen(browser) == visitor.owner


async def test_who_has_signed_in_is_not_signed_out_unasked(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        provider = {"OAUTH_CLIENT_ID": "a", "OAUTH_CLIENT_SECRET": "b"}
        provider["OPENID_PROVIDER_URL"] = "http://localhost:9"
        visitors = Visitors(house.app.settings, environment=provider)
        _, other = await house.resident()
        sid = await house.app.links.session(visitor=other)
        spaces = House(house.app, house.guards, visitors=visitors)
        browser = await spaces.browser()
        scope = {"type": "http", "scheme": "http", "headers": []}
        session, cookie = visitors.begin(scope, "hf:1", "Ann <b>", "")
        visitors.tokens.put(session.id, "token", 60)
        name, _, value = cookie.decode().partition(";")[0].partition("=")
        browser.cookies.set(name, value)
        assert await seen(browser) == "hf:1"
        led = await browser.get(f"/?sid={sid}", headers=BY_HAND)
        assert led.headers["location"] == "/session"
        assert "Ann &lt;b&gt;" in (await browser.get("/session", headers=PRESSED)).text
        assert await seen(browser) == "hf:1"


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("HEAD", BY_HAND),
        ("GET", {"sec-fetch-mode": "no-cors", "sec-fetch-site": "cross-site"}),
        ("GET", {"sec-fetch-mode": "cors", "sec-fetch-site": "same-origin"}),
    ],
)
async def test_only_opening_the_page_opens_a_history(
    house: House, method: str, headers: dict[str, str]
) -> None:
    _, visitor = await house.resident()
    sid = await house.app.links.session(visitor=visitor)
    browser = await house.browser()
    assert (await browser.request(method, f"/?sid={sid}", headers=headers)).status_code == 200
    assert not browser.cookies


async def test_guessing_is_slowed_down(house: House) -> None:
    _, visitor = await house.resident()
    sid = await house.app.links.session(visitor=visitor)
    guesser = await house.browser("203.0.113.66")
    for _ in range(2 * FREE):  # right ones are no guesses
        assert (await guesser.get(f"/?sid={sid}", headers=BY_HAND)).status_code == 303
    answers = [await guesser.get(f"/?sid={n:043}", headers=BY_HAND) for n in range(2 * FREE)]
    assert [answer.status_code for answer in answers] == [303] * FREE + [429] * FREE
    assert int(answers[-1].headers["retry-after"]) > 5
    elsewhere = await house.browser("198.51.100.9")
    assert (await elsewhere.get(f"/?sid={sid}", headers=BY_HAND)).headers["location"] == "/"


async def test_where_there_is_but_one_history_no_address_opens_it(tmp_path: Path) -> None:
    async with house_in(tmp_path, profile="local") as house:
        browser = await house.browser()
        led = await browser.get(f"/?sid={'x' * 43}", headers=BY_HAND)
        assert led.headers["location"] == "/session"
        assert (await browser.get("/session")).status_code == 404


async def test_no_secret_of_a_history_is_in_the_log(linked: Linked) -> None:
    sid = "s" + "9" * 42
    async with Intruder(linked.address) as client:
        # What else stands in an address is logged.
        for path in ("/?logged={}", "/nothing?logged={}", "/config?logged={}"):
            await client.get(path.format("l" + "9" * 42))
        for name in ("sid", "%73id", "s%69d"):
            for path in ("/", "/nothing", "/config", "/shared", "/login", "/healthz"):
                await client.get(f"{path}?a=b&{name}={sid}", sec_fetch_mode="navigate")
        await client.get(f"/?sid={sid}", host="evil.example")
        await client.get(f"/?sid={sid}", referer=f"{linked.address}?sid={sid}")
    assert linked.log.count("l" + "9" * 42) == 3
    assert sid not in linked.log


@pytest.mark.parametrize(
    ("query", "left", "sid"),
    [
        ("", "", None),
        ("debate=abc", "debate=abc", None),
        ("sid=abc", "", "abc"),
        ("a=b&sid=abc&c=d", "a=b&c=d", "abc"),
        ("sid=1&sid=2", "", "2"),
        ("%73%69%64=abc", "", "abc"),
        ("sid=a%20b", "", "a b"),
        ("sid", "", ""),
        ("reside=x&nosid=y", "reside=x&nosid=y", None),
        ("sid=" + "x" * 3000, "", "x" * 200),
    ],
)
def test_it_is_taken_out_of_the_address(query: str, left: str, sid: str | None) -> None:
    scope: Scope = {"query_string": query.encode()}
    assert take_sid(scope) == sid
    assert scope["query_string"].decode() == left

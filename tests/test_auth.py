"""Signing in by name and password: who gets in, how often one may guess, what ends a session."""

from __future__ import annotations

import asyncio
import base64
import re
import time
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest

from rebuttal.errors import InvalidInput
from rebuttal.settings import load_settings
from rebuttal.users import Users
from rebuttal.web.answers import safe_next
from rebuttal.web.asgi import Refused, answer_refused
from rebuttal.web.attempts import Attempts, Lock, browser_lock, name_lock, network_lock
from rebuttal.web.auth import AT_ONCE, WAITING, SignIn
from rebuttal.web.hosts import check_origin
from rebuttal.web.signed_out import KEPT, SignedOut
from rebuttal.web.visitors import SESSION_LIFE, Visitors

PASSWORD = "correct horse battery"
EVES = "the password of eve"
HERE = "203.0.113.7"


@dataclass
class Clock:
    """Stands still until it is moved."""

    at: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.at


@cache
def both_users() -> str:
    """The content of a file of anna and eve."""
    with TemporaryDirectory() as folder:
        users = Users(Path(folder) / "users")
        users.put("anna", PASSWORD)
        users.put("eve", EVES)
        return users.file.read_text()


class Door:
    """What the guard does, and nothing more: says who asks, leads to the sign-in page.

    ``checks_origin`` is the guard's control against pages of other sites.
    """

    def __init__(self, visitors: Visitors, sign_in: SignIn, checks_origin: bool = True) -> None:
        self.visitors, self.sign_in, self.checks_origin = visitors, sign_in, checks_origin

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        network = dict(scope["headers"]).get(b"x-network", HERE.encode()).decode()
        if scope["path"] in self.sign_in.paths:
            try:
                if scope["method"] == "POST" and self.checks_origin:
                    check_origin(scope, "rebuttal.test")
            except Refused as refused:
                await answer_refused(send, refused, as_json=False)
                return
            await self.sign_in({**scope, "rebuttal.network": network}, receive, send)
            return
        identity = self.visitors.identify(scope, network)
        who = identity.visitor.owner if identity.visitor else "nobody"
        headers = [(b"set-cookie", identity.set_cookie)] if identity.set_cookie else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": who.encode()})


@dataclass
class House:
    """A server with two users, and browsers that come to it."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    checks_origin: bool = True

    def __post_init__(self) -> None:
        self.users = Users(self.folder / "users")
        if not self.users.file.exists():
            self.users.file.write_text(both_users())
        settings = load_settings(profile="lan", data=self.folder, auth=self.users.file)
        self.visitors = Visitors(settings, environment={}, clock=self.clock)
        self.sign_in = SignIn(self.visitors, environment={}, attempts=Attempts(clock=self.clock))
        self.door = Door(self.visitors, self.sign_in, self.checks_origin)

    def browser(self, network: str = HERE) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.door),
            base_url="http://rebuttal.test",
            headers={"x-network": network},
        )


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
async def browser(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.browser() as there:
        yield there


async def enter(
    browser: httpx.AsyncClient, name: str = "anna", password: str = PASSWORD, **more: str
) -> httpx.Response:
    return await browser.post("/login", data={"name": name, "password": password, **more})


async def who(browser: httpx.AsyncClient) -> str:
    return (await browser.get("/config")).text


async def test_name_and_password_lead_back_to_the_page_that_was_asked_for(
    browser: httpx.AsyncClient,
) -> None:
    assert await who(browser) == "nobody"
    shown = await browser.get("/login", params={"next": "/?debate=abc"})
    assert 'name="next" value="/?debate=abc"' in shown.text
    done = await enter(browser, next="/?debate=abc")
    assert (done.status_code, done.headers["location"]) == (303, "/?debate=abc")
    assert await who(browser) == "u:anna"
    assert "signed in as <strong>anna</strong>" in (await browser.get("/login")).text


async def test_without_signing_in_opening_the_page_gives_no_name(
    browser: httpx.AsyncClient,
) -> None:
    opened = await browser.get("/")
    assert (opened.text, "set-cookie" in opened.headers) == ("nobody", False)


async def test_the_page_says_what_password_managers_and_readers_need(
    browser: httpx.AsyncClient,
) -> None:
    shown = await browser.get("/login")
    for part in (
        '<html lang="en">',
        'name="viewport"',
        '<label for="name">',
        '<label for="password">',
        'autocomplete="username"',
        'autocomplete="current-password"',
        'type="password"',
        "prefers-color-scheme: dark",
    ):
        assert part in shown.text
    assert "<script" not in shown.text
    assert "http" not in shown.text
    assert shown.headers["cache-control"] == "no-store"


async def test_wrong_and_unknown_look_the_same(browser: httpx.AsyncClient) -> None:
    wrong = await enter(browser, "anna", "wrong password")
    unknown = await enter(browser, "nobody", "wrong password")
    assert (wrong.status_code, unknown.status_code) == (403, 403)
    assert wrong.text.replace("anna", "nobody") == unknown.text
    assert 'role="alert"' in wrong.text
    assert "set-cookie" not in wrong.headers
    assert await who(browser) == "nobody"


async def test_what_was_typed_comes_back_escaped_and_the_password_never(
    browser: httpx.AsyncClient,
) -> None:
    shown = await enter(browser, '"><script>alert(1)</script>', "secret words", next='/"><b>')
    assert "<script" not in shown.text
    assert "<b>" not in shown.text
    assert "secret words" not in shown.text


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"name=%ff&password=x", b"name=anna&" * 20, b"name=" + b"a" * 5000, b"{}"],
)
async def test_a_form_that_is_none_is_refused_in_words(
    browser: httpx.AsyncClient, body: bytes
) -> None:
    answer = await browser.post("/login", content=body)
    assert answer.status_code in (400, 403)
    assert "Name and password do not belong together." in answer.text


async def test_signing_out_ends_the_session_also_of_a_copied_cookie(
    house: House, browser: httpx.AsyncClient
) -> None:
    """With the list of ended sessions left out, the copy would still be anna."""
    await enter(browser)
    thief = house.browser()
    thief.cookies = httpx.Cookies(browser.cookies)
    assert await who(thief) == "u:anna"
    left = await browser.post("/logout")
    assert (left.status_code, left.headers["location"]) == (303, "/")
    assert await who(browser) == "nobody"
    assert await who(thief) == "nobody"
    assert await who_after_restart(house, thief) == "nobody"
    (house.folder / "signed-out").unlink()
    assert await who(thief) == "u:anna"
    await thief.aclose()


async def test_whoever_signs_out_without_end_revives_no_session_of_others(
    house: House, browser: httpx.AsyncClient
) -> None:
    """By age alone anna's session, the oldest, would be the first to count again."""
    await enter(browser)
    thief = house.browser()
    thief.cookies = httpx.Cookies(browser.cookies)
    await browser.post("/logout")
    ended = SignedOut(house.folder / "signed-out", house.clock)
    until = int(house.clock()) + SESSION_LIFE
    with (house.folder / "signed-out").open("a") as file:
        file.writelines(f"bob{number} {until} u:bob\n" for number in range(KEPT - 1))
    for number in range(3):
        ended.add(f"more{number}", "u:bob", until)
    assert "bob2" not in ended
    assert "bob3" in ended
    assert await who(thief) == "nobody"
    await thief.aclose()


async def who_after_restart(house: House, browser: httpx.AsyncClient) -> str:
    async with House(house.folder, house.clock).browser() as again:
        again.cookies = httpx.Cookies(browser.cookies)
        return await who(again)


async def test_a_session_survives_a_restart_and_ends_after_a_month(
    house: House, browser: httpx.AsyncClient
) -> None:
    await enter(browser)
    assert await who_after_restart(house, browser) == "u:anna"
    house.clock.at += SESSION_LIFE - 1
    assert await who(browser) == "u:anna"
    await browser.get("/")  # renews the cookie, not the session
    house.clock.at += 2
    assert await who(browser) == "nobody"


async def test_another_password_ends_the_sessions_begun_with_the_old_one(
    house: House, browser: httpx.AsyncClient
) -> None:
    await enter(browser)
    Users(house.users.file).put("anna", "another password")
    assert await who(browser) == "nobody"
    assert (await enter(browser)).status_code == 403
    await enter(browser, password="another password")
    assert await who(browser) == "u:anna"


async def test_a_removed_user_is_out_at_once(house: House, browser: httpx.AsyncClient) -> None:
    await enter(browser)
    Users(house.users.file).remove("anna")
    assert await who(browser) == "nobody"


async def test_a_session_planted_before_signing_in_gains_nothing(house: House) -> None:
    """Session fixation: the attacker knows the cookie that the victim's browser has."""
    async with house.browser() as attacker, house.browser() as victim:
        await enter(attacker, "eve", EVES)
        await attacker.post("/logout")
        victim.cookies = httpx.Cookies(attacker.cookies)
        await enter(victim)
        assert await who(victim) == "u:anna"
        assert await who(attacker) == "nobody"


async def test_the_cookie_holds_nothing_of_the_password_hash(
    house: House, browser: httpx.AsyncClient
) -> None:
    await enter(browser)
    payload = next(iter(browser.cookies.values())).rpartition(".")[0]
    packed = base64.urlsafe_b64decode(payload.removeprefix(".") + "==")
    said = zlib.decompress(packed) if payload.startswith(".") else packed
    assert b"u:anna" in said
    assert house.users.file.read_text().partition(":")[2][:60].encode() not in said


async def test_the_sixth_guess_waits_and_each_one_after_it_longer(house: House) -> None:
    async with house.browser() as browser:
        for _ in range(5):
            assert (await enter(browser, password="guess")).status_code == 403
        waits = []
        for _ in range(4):
            refused = await enter(browser)  # the right one, and too late
            assert refused.status_code == 429
            waits.append(int(refused.headers["retry-after"]))
            assert f"{waits[-1]} seconds" in refused.text
            house.clock.at += waits[-1]
            assert (await enter(browser, password="guess")).status_code == 403
        assert waits == [16, 31, 61, 121]


@pytest.mark.parametrize("limited", [False, True])
async def test_guessing_from_many_networks_is_slowed_down_by_the_name(
    house: House, limited: bool
) -> None:
    """The attack: a list of 30 passwords holds the right one; each network guesses once."""
    right_at = 20
    tried = 0
    for number in range(30):
        if not limited:  # the control off: nothing is remembered of the guess before
            house.sign_in = SignIn(house.visitors, environment={})
            house.door.sign_in = house.sign_in
        password = PASSWORD if number == right_at else f"guess {number}"
        async with house.browser(f"198.51.100.{number}") as browser:
            answer = await enter(browser, password=password)
            tried += answer.status_code != 429
            if answer.status_code == 303:
                break
    assert (answer.status_code == 303) is not limited
    assert tried == (5 if limited else right_at + 1)


async def test_guesses_elsewhere_do_not_lock_out_who_has_signed_in_here_before(
    house: House,
) -> None:
    async with house.browser() as home, house.browser("198.51.100.1") as attacker:
        await enter(home)
        await home.post("/logout")
        for _ in range(6):
            last = await enter(attacker, password="guess")
        assert last.status_code == 429
        async with house.browser("198.51.100.2") as elsewhere:
            assert (await enter(elsewhere)).status_code == 429
        assert (await enter(home)).status_code == 303
        house.clock.at += 61
        async with house.browser("198.51.100.2") as elsewhere:
            assert (await enter(elsewhere)).status_code == 303


async def test_ones_own_name_between_guesses_does_not_make_them_free(house: House) -> None:
    async with house.browser() as eve:
        codes = []
        for number in range(8):
            codes.append((await enter(eve, f"victim{number}", "guess")).status_code)
            eve.cookies.clear()
            await enter(eve, "eve", EVES)
        assert codes[:5] == [403] * 5
        assert codes[5:] == [429] * 3


def test_the_memory_of_guesses_is_bounded_and_forgets() -> None:
    clock = Clock()
    attempts = Attempts(clock=clock)
    for number in range(12_000):
        attempts.begin([network_lock(f"network {number}")])
    assert len(attempts._failures) == 10_000
    for _ in range(5):
        attempts.begin([name_lock("anna")])
    assert attempts.begin([name_lock("anna")]) == 15
    clock.at += 3601
    assert attempts.begin([name_lock("anna")]) == 0


@pytest.mark.parametrize(
    ("lock", "longest"),
    [(name_lock("anna"), 60), (network_lock(HERE), 900), (browser_lock("x"), 900)],
)
def test_a_name_is_never_locked_for_more_than_a_minute(lock: Lock, longest: float) -> None:
    clock = Clock()
    attempts = Attempts(clock=clock)
    waits = []
    for _ in range(20):
        waits.append(attempts.begin([lock]))
        clock.at += waits[-1]
    assert max(waits) == longest


async def test_a_thousand_sign_ins_at_once_do_not_hold_up_the_loop(
    house: House,
) -> None:
    names = [f"name{number}" for number in range(1000)]
    began = time.perf_counter()
    lags: list[float] = []
    ticking = asyncio.ensure_future(tick(lags))
    async with house.browser() as browser:
        answers = await asyncio.gather(
            *(
                browser.post(
                    "/login",
                    data={"name": name, "password": "guess"},
                    headers={"x-network": f"198.51.{n // 250}.{n % 250}"},
                )
                for n, name in enumerate(names)
            )
        )
    took = time.perf_counter() - began
    ticking.cancel()
    codes = [answer.status_code for answer in answers]
    assert set(codes) == {403, 429}
    assert codes.count(403) <= 3 * (AT_ONCE + WAITING)
    assert max(lags) < 2.0, f"the loop stood still for {max(lags):.2f} s of {took:.2f} s"


async def tick(lags: list[float]) -> None:
    """How much later than meant the loop comes back, again and again."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.01)
        lags.append(time.perf_counter() - began - 0.01)


async def test_never_are_more_than_two_passwords_checked_at_once(tmp_path: Path) -> None:
    house = House(tmp_path)
    counting = CountingUsers(house.users.file)
    house.visitors.users = counting
    async with house.browser() as browser:
        names = (f"name{number}" for number in range(30))
        headers = [{"x-network": f"198.51.100.{n}"} for n in range(30)]
        await asyncio.gather(
            *(
                browser.post("/login", data={"name": name, "password": "guess"}, headers=header)
                for name, header in zip(names, headers, strict=True)
            )
        )
    assert counting.most == AT_ONCE
    assert counting.seen == AT_ONCE + WAITING


class CountingUsers(Users):
    """Users that count how many passwords are being checked."""

    most = now = seen = 0

    def check(self, name: str, password: str) -> bool:
        self.seen += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return super().check(name, password)
        finally:
            self.now -= 1


ELSEWHERE = (
    *("//evil.example", "///evil.example", "https://evil.example", "/\\evil.example"),
    *("\\\\evil.example", "/\t/evil.example", "/\n/evil.example", "javascript:alert(1)"),
    *("/%0d%0aset-cookie:a=b\r\n", "evil.example", "", " //evil.example", "/ü", "/" * 400),
    *("/login", "/logout", "/login?next=//evil.example", "/\x00", "data:text/html,x"),
)
"""Where an attacker would like a sign-in to lead."""


@pytest.mark.parametrize("wanted", ELSEWHERE)
async def test_a_sign_in_never_leads_to_another_site(
    browser: httpx.AsyncClient, wanted: str
) -> None:
    assert safe_next(wanted) == "/"
    done = await enter(browser, next=wanted)
    assert (done.status_code, done.headers["location"]) == (303, "/")


@pytest.mark.parametrize("wanted", ["/", "/?debate=abc", "/?debate=a-b_c&tab=chat", "/a/b"])
def test_a_sign_in_leads_back_within_this_site(wanted: str) -> None:
    assert safe_next(wanted) == wanted


@pytest.mark.parametrize("checked", [False, True])
async def test_another_site_cannot_sign_its_reader_in_under_a_name_of_its_own(
    tmp_path: Path, checked: bool
) -> None:
    """Login CSRF; the control is the guard's look at Origin."""
    house = House(tmp_path, checks_origin=checked)
    async with house.browser() as victim:
        form = {"name": "eve", "password": EVES}
        headers = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
        await victim.post("/login", data=form, headers=headers)
        assert await who(victim) == ("nobody" if checked else "u:eve")


async def test_signing_out_by_a_link_takes_a_press_of_the_button(
    browser: httpx.AsyncClient,
) -> None:
    await enter(browser)
    shown = await browser.get("/logout")
    assert re.search(r'<form method="post" action="/logout">', shown.text)
    assert await who(browser) == "u:anna"


def test_a_file_of_users_that_lets_nobody_in_is_told_at_the_start(tmp_path: Path) -> None:
    for content, said in ((None, "No such file"), ("", "empty"), ("anna\n", "line 1")):
        file = tmp_path / "users"
        if content is not None:
            file.write_text(content)
        settings = load_settings(profile="lan", data=tmp_path, auth=file)
        with pytest.raises(InvalidInput, match=said):
            Visitors(settings, environment={})


async def test_where_nobody_signs_in_there_is_no_such_page(tmp_path: Path) -> None:
    settings = load_settings(profile="public", data=tmp_path)
    visitors = Visitors(settings, environment={})
    assert SignIn(visitors, environment={}).paths == frozenset()

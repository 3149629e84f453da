"""Signing in with a real browser, through the guard, to the page."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlparse

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from rebuttal.users import Users
from tests.chromium import NEEDS_CHROMIUM
from tests.openid_provider import OpenIdProvider
from tests.served import Served, serving

pytestmark = NEEDS_CHROMIUM

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("signed")
    Users(folder / "users").put("anna", PASSWORD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REBUTTAL_AUTH", str(folder / "users"))
        with serving(folder) as page:
            yield page


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    """Hugging Face on loopback, in a thread of its own."""
    there, loop = OpenIdProvider(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(there.__aenter__(), loop).result(10)
    yield there
    asyncio.run_coroutine_threadsafe(there.__aexit__(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory, provider: OpenIdProvider) -> Iterator[Served]:
    """The page for strangers, with the variables that sign in through Hugging Face."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("REBUTTAL_AUTH", raising=False)
        for name, value in {**provider.environment, "REBUTTAL_PROFILE": "public"}.items():
            patch.setenv(name, value)
        with serving(tmp_path_factory.mktemp("space")) as page:
            yield page


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    """A narrow screen, at night, without script."""
    context = browser.new_context(
        viewport={"width": 320, "height": 640},
        java_script_enabled=False,
        color_scheme="dark",
    )
    yield context
    context.close()


def sign_in(page: Page, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_on_a_phone_without_script_one_gets_in_and_out(
    phone: BrowserContext, served: Served
) -> None:
    page = phone.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text))
    page.goto(f"{served.address}?debate=abc")
    assert urlparse(page.url).path == "/login"
    assert page.title() == "Sign in · Rebuttal"
    field = page.get_by_label("Name").bounding_box()
    assert field is not None
    assert field["x"] >= 10
    assert field["x"] + field["width"] <= 310
    sign_in(page, "wrong password")
    expect(page.get_by_role("alert")).to_have_text("Name and password do not belong together.")
    expect(page.get_by_label("Name")).to_have_value("anna")
    sign_in(page)
    assert urlparse(page.url)[2:5] == ("/", "", "debate=abc")
    page.goto(f"{served.address}login")
    expect(page.get_by_text("You are signed in as anna.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    assert urlparse(page.url).path == "/login"
    # A wrong password is answered 403, which Chromium notes; nothing else.
    assert [said for said in complaints if "403" not in said] == []


def test_day_and_night_have_their_own_paper(browser: Browser, served: Served) -> None:
    papers = []
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        context = browser.new_context(color_scheme=scheme)
        page = context.new_page()
        page.goto(f"{served.address}login")
        papers.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        context.close()
    assert papers == ["rgb(251, 249, 245)", "rgb(24, 22, 19)"]


def test_signed_in_the_page_opens_and_says_who_one_is(browser: Browser, served: Served) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(served.address)
    sign_in(page)
    expect(page.get_by_role("heading", name="Rebuttal")).to_be_visible(timeout=20_000)
    context.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"origin": "null"},
    ],
)
def test_the_guard_refuses_a_sign_in_that_another_site_sends(
    served: Served, headers: dict[str, str]
) -> None:
    form = {"name": "anna", "password": PASSWORD}
    where = f"{served.address}login"
    refused = httpx.post(where, data=form, headers=headers)
    assert (refused.status_code, "set-cookie" in refused.headers) == (403, False)
    own = httpx.post(where, data=form, headers={"origin": served.address.rstrip("/")})
    assert (own.status_code, "set-cookie" in own.headers) == (303, True)


def test_without_signing_in_nothing_of_the_page_answers(served: Served) -> None:
    with httpx.Client(base_url=served.address) as stranger:
        led = stranger.get("/", params={"debate": "abc"})
        where = "/login?next=%2F%3Fdebate%3Dabc"
        assert (led.status_code, led.headers["location"]) == (303, where)
        assert stranger.get("/config").status_code == 401
        joined = stranger.post("/gradio_api/queue/join", json={"fn_index": 0, "data": []})
        assert joined.status_code == 401


def test_through_hugging_face_one_comes_back_to_the_debate_one_came_from(
    browser: Browser, space: Served, provider: OpenIdProvider
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{space.address}login?next=/%3Fdebate%3Dabc")
    with context.expect_page() as opened:
        page.get_by_role("link", name="Sign in with Hugging Face").click()
    tab = opened.value
    tab.wait_for_url("**/?debate=abc")
    assert provider.token not in tab.content()
    tab.goto(f"{space.address}login")
    expect(tab.get_by_text("You are signed in as anna-hf.")).to_be_visible()
    tab.get_by_role("button", name="Sign out").click()
    tab.wait_for_url(space.address)
    context.close()


def test_coming_back_from_hugging_face_is_no_foreign_request(
    space: Served, provider: OpenIdProvider
) -> None:
    """A browser says ``cross-site`` of the way back; the guard lets it through, and counts it."""
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    with httpx.Client(base_url=space.address) as browser:
        assert browser.get("/config").status_code == 401
        away = browser.get("/login/huggingface")
        back = httpx.get(away.headers["location"]).headers["location"]
        done = browser.get(back, headers=headers)
        assert (done.status_code, done.headers["location"]) == (303, "/")
        config = browser.get("/config")
        assert config.status_code == 200
        assert provider.token not in config.text

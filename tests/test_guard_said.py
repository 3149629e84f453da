"""What the guard and the server say: of their health, of who may come in."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from rebuttal.app import DebateApp
from rebuttal.settings import Settings, load_settings
from rebuttal.ui.server import Page, run_page
from rebuttal.users import Users
from rebuttal.web.asgi import Message, Refused, Scope
from rebuttal.web.guard import Guard
from rebuttal.web.headers import AnswerHeaders
from rebuttal.web.health import Health
from rebuttal.web.hosts import Hosts
from rebuttal.web.visitors import Visitors
from tests.test_guard_flood import QueueOfNobody

SPACE = {"SPACE_ID": "somebody/debates", "SPACE_HOST": "somebody-debates.hf.space"}


def health(folder: Path, late: float = 2.0) -> Health:
    return Health(DebateApp(load_settings(data=folder, cache=folder)), QueueOfNobody(), late)


async def test_a_store_that_cannot_be_opened_turns_it_red(tmp_path: Path) -> None:
    well, report = await health(tmp_path / "data").report()
    assert (well, report["store"], report["status"]) == (True, True, "ok")
    (tmp_path / "file").write_text("no folder")
    well, report = await health(tmp_path / "file").report()
    assert (well, report["store"], report["status"]) == (False, False, "failing")


async def test_an_event_loop_that_is_held_up_turns_it_red(tmp_path: Path) -> None:
    slow = health(tmp_path, late=0.2)
    beat = asyncio.create_task(slow.beat())
    await asyncio.sleep(0.9)
    time.sleep(0.5)  # noqa: ASYNC251 - what a handler must not do
    await beat
    well, report = await slow.report()
    assert not well
    assert isinstance(report["lag_ms"], int)
    assert report["lag_ms"] >= 200


def asked_for(host: str) -> Scope:
    return {"headers": [(b"host", host.encode())]}


def test_a_space_answers_to_its_own_name_and_to_the_probes_of_its_host() -> None:
    hosts = Hosts(load_settings(profile="public"), SPACE)
    for host in ("somebody-debates.hf.space", "10.20.30.40:7860", "localhost:7860"):
        assert hosts.check(asked_for(host)) == host
    with pytest.raises(Refused):
        hosts.check(asked_for("evil.example"))


def test_a_share_link_is_known_once_it_is_there() -> None:
    hosts = Hosts(load_settings(share=True), {})
    with pytest.raises(Refused):
        hosts.check(asked_for("abc123.gradio.live"))
    hosts.add("abc123.gradio.live")
    assert hosts.check(asked_for("abc123.gradio.live"))


def said_by(settings: Settings, environment: dict[str, str]) -> dict[str, str]:
    start: Message = {"headers": [(b"Server", b"x"), (b"Access-Control-Allow-Origin", b"*")]}
    AnswerHeaders(settings, environment).put(start, keep=False, https=True, cookie=b"a=b")
    return {name.decode(): value.decode() for name, value in start["headers"]}


def test_a_space_may_be_framed_by_its_page_and_by_nobody_else() -> None:
    said = said_by(load_settings(profile="public"), SPACE)
    assert "frame-ancestors 'self' https://huggingface.co" in said["content-security-policy"]
    assert "x-frame-options" not in said
    assert "cross-origin-opener-policy" not in said
    assert "server" not in said
    assert not [name for name in said if name.startswith("access-control")]


def test_pages_that_are_named_may_frame_it() -> None:
    said = said_by(load_settings(framed_by="https://school.example"), {})
    policy = said["content-security-policy"]
    assert "frame-ancestors 'self' https://school.example" in policy


class Announced(Page):
    """A page that is not served: only what is said about it counts."""

    tunnel = True

    def open(self) -> None:
        self.address, self.port = "http://127.0.0.1:7860/", 7860
        if self.settings.share and self.tunnel:
            self.public_address = "https://abc123.gradio.live"

    def wait(self) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({}, ["Rebuttal is at http://127.0.0.1:7860/   (Ctrl-C ends it)"]),
        (
            {"share": True},
            [
                "Rebuttal is at http://127.0.0.1:7860/   (profile public; Ctrl-C ends it)",
                "and, for everybody, at https://abc123.gradio.live",
                "Anyone with the link can debate here within today's budget; Ctrl-C ends it.",
            ],
        ),
    ],
)
def test_a_start_says_who_can_come_in_and_how_that_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], chosen: dict[str, bool], told: list[str]
) -> None:
    settings = load_settings(data=tmp_path, cache=tmp_path, **chosen)
    run_page(Announced(settings, DebateApp(settings)))
    assert capsys.readouterr().out.splitlines() == told


def test_a_link_that_could_not_be_made_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings(data=tmp_path, share=True)
    page = Announced(settings, DebateApp(settings))
    page.tunnel = False
    run_page(page)
    assert "no public link" in capsys.readouterr().out.splitlines()[-1]


async def test_whoever_must_sign_in_is_led_there_and_back(tmp_path: Path) -> None:
    Users(tmp_path / "users").put("ann", "a long enough password")
    settings = load_settings(data=tmp_path, auth=tmp_path / "users")
    guard = Guard(DebateApp(settings), Visitors(settings), environment={})

    async def never(scope: Scope, receive: object, send: object) -> None:
        raise AssertionError("let in")

    app = guard.stand_before(never, QueueOfNobody())
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"{}"}

    async def send(message: Message) -> None:
        said.append(message)

    async def ask(method: str, path: str, query: bytes = b"") -> Message:
        said.clear()
        scope: Scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": [(b"host", b"localhost")],
            "client": ("127.0.0.1", 1),
        }
        await app(scope, receive, send)
        return said[0]

    led = await ask("GET", "/", b"debate=abc")
    assert led["status"] == 303
    assert dict(led["headers"])[b"location"] == b"/login?next=%2F%3Fdebate%3Dabc"
    assert (await ask("POST", "/gradio_api/run/predict"))["status"] == 401
    assert (await ask("GET", "/config"))["status"] == 401

"""The page of a link: who gets in, what they are told, and what the page lets nobody do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rebuttal.app import DebateApp
from rebuttal.document import json_of
from rebuttal.settings import load_settings
from rebuttal.users import Users
from rebuttal.web.asgi import Message, Refused, Scope
from rebuttal.web.guard import Guard
from rebuttal.web.streams import Stream, Streams
from rebuttal.web.visitors import Visitors
from tests.branched import branched, said
from tests.intruder import Answer, Intruder
from tests.linked import Linked, Reading, reading
from tests.test_guard_flood import QueueOfNobody

EVIL = "http://evil.example"


async def first(client: Intruder, token: str, after: str | None = None) -> Reading:
    """What a page is told as it opens."""
    async with reading(client, token, after) as events:
        async for told in events:
            if told.of("state"):
                return told
    raise AssertionError("it told nothing")


async def ask(client: Intruder, token: str) -> Answer:
    """Ask to read along, and be refused."""
    return await client.post("/shared/watch", {"token": token})


async def test_a_reader_without_a_cookie_is_told_the_whole_debate(linked: Linked) -> None:
    async with linked.visitor() as owner, Intruder(linked.address) as nobody:
        debate, token = await linked.debate(owner)
        told = await first(nobody, token)
        (begin,) = told.of("begin")
        assert "Is it so?" in begin["head"]
        turns = "".join(piece["html"] for piece in told.of("turn"))
        assert turns.count('class="turn"') == 6
        assert "<strong>cheap</strong>" in turns
        assert told.of("state")[-1] == {
            "kind": "state",
            "words": "The debate is over.",
            "rests": True,
        }
        everything = repr(told.pieces)
        assert debate not in everything
        assert owner.cookie not in everything


async def test_who_reads_on_is_told_what_is_new_alone(linked: Linked) -> None:
    async with linked.visitor() as owner, Intruder(linked.address) as nobody:
        _, token = await linked.debate(owner)
        whole = await first(nobody, token)
        ids = [piece["id"] for piece in whole.of("turn")]
        rest = await first(nobody, token, ids[3])
        assert rest.of("begin")[0]["after"] == ids[3]
        assert [piece["id"] for piece in rest.of("turn")] == ids[4:]
        unknown = await first(nobody, token, "of-another-line")
        assert unknown.of("begin")[0]["after"] is None
        assert [piece["id"] for piece in unknown.of("turn")] == ids


async def test_a_debate_is_read_as_it_is_spoken(linked: Linked) -> None:
    async with linked.visitor() as owner, Intruder(linked.address) as nobody:
        _, token = await linked.debate(owner, "Slow")
        began = time.monotonic()
        async with reading(nobody, token) as events:
            async for told in events:
                if len(told.of("turn")) > 2:
                    break
        took = time.monotonic() - began
        words = [piece["html"] for piece in told.of("words")]
    assert len(words) > 8
    assert told.events <= took * 10 + 3
    assert any("Speech on gardens" in html and "principle" not in html for html in words)
    assert "Speech on gardens" in told.of("turn")[2]["html"]
    assert any("is speaking, round 1 of 3." in piece["words"] for piece in told.of("state"))


async def test_a_debate_that_is_hard_to_show_keeps_nobody_else_waiting(linked: Linked) -> None:
    debate, tree = branched()
    for number in range(40):
        tree.append(said(f"hard-{number}", tree[-1].id, "a", f"{number} " + "[*" * 900))
    hard = json_of(debate.model_copy(update={"tip": tree[-1].id}), tree)
    async with linked.app() as app, Intruder(linked.address) as reader, linked.visitor() as other:
        (there,) = await app.files.import_(_whole(hard.encode()))
        token = await app.links.make(there)
        answered = 0
        showing = asyncio.create_task(first(reader, token))
        while not showing.done():
            await other.get("/robots.txt")
            answered += 1
            await asyncio.sleep(0.01)
        assert len((await showing).of("turn")) > 1
        assert answered > 4  # else one waits until all is shown, on a busy machine too


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def test_a_revoked_link_ends_for_those_who_read_by_it(linked: Linked) -> None:
    async with linked.visitor() as owner, Intruder(linked.address) as nobody:
        debate, token = await linked.debate(owner, "Endless")
        async with linked.app() as app, reading(nobody, token) as events:
            async for told in events:
                if told.of("words"):
                    break
            (link,) = await app.links.of(debate)
            await app.links.revoke(link.hash)
            async with asyncio.timeout(6):
                async for told in events:
                    if told.of("ended"):
                        break
        assert told.pieces[-1] == {"kind": "ended"}
        assert (await ask(nobody, token)).status == 404


async def test_a_wrong_link_is_told_nothing(linked: Linked) -> None:
    async with linked.visitor() as owner, Intruder(linked.address) as nobody:
        debate, token = await linked.debate(owner)
        async with linked.app() as app:
            await app.links.revoke((await app.links.of(debate))[0].hash)
        said = {(await ask(nobody, wrong)).body for wrong in (token, "x" * 43, debate)}
        assert len(said) == 1
        assert b"This link does not work" in said.pop()
        for malformed in ("{}", "[]", '{"token": ""}', f'{{"token": "{"x" * 300}"}}', "", "x"):
            assert (await nobody.post("/shared/watch", malformed.encode())).status == 400
        assert (await nobody.get("/shared/watch")).status == 405


@pytest.mark.parametrize("path", ["watch", "fork", "file"])
async def test_a_page_of_another_site_gets_nowhere_with_a_link_of_its_own(
    linked: Linked, path: str
) -> None:
    async with linked.visitor() as owner, linked.visitor() as victim:
        _, token = await linked.debate(owner)
        wish = {"token": token}
        if path != "watch":  # which does not end
            own = await victim.post(f"/shared/{path}", wish, sec_fetch_site="same-origin")
            assert own.status == 200
        for forged in ({"origin": EVIL}, {"sec-fetch-site": "cross-site"}):
            assert (await victim.ask("POST", f"/shared/{path}", wish, forged)).status == 403


async def test_the_page_itself_is_the_same_for_everybody(linked: Linked) -> None:
    async with Intruder(linked.address) as client:
        page = await client.get("/shared", sec_fetch_mode="navigate")
        assert page.status == 200
        assert b"noindex" in page.body
        assert "set-cookie" not in page.headers
        assert page.headers["x-robots-tag"] == "noindex, nofollow"
        assert page.headers["cache-control"] == "no-store"
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
        assert b"<script>" not in page.body
        assert (await client.ask("HEAD", "/shared")).status == 200
        for path in ("/shared/", "/shared/x", "/shared/page.html", "/shared/../shared.py"):
            assert (await client.get(path)).status == 404
        assert b"Disallow: /" in (await client.get("/robots.txt")).body


async def test_every_answer_asks_not_to_be_indexed(linked: Linked) -> None:
    async with linked.visitor() as client:
        for path in ("/", "/config", "/healthz", "/nothing", "/session"):
            assert (await client.get(path)).headers["x-robots-tag"] == "noindex, nofollow"


async def test_no_secret_of_a_link_is_in_the_log(linked: Linked) -> None:
    async with linked.visitor() as owner, Intruder(linked.address) as nobody:
        _, token = await linked.debate(owner)
        await first(nobody, token)
        await nobody.post("/shared/fork", {"token": token})
        await nobody.post("/shared/file", {"token": token})
        await nobody.get("/shared?what=is-logged")
    assert "/shared?what=is-logged" in linked.log
    assert "POST /shared/watch" in linked.log
    assert token not in linked.log


# --- taking away ----------------------------------------------------------------------------------


async def test_a_reader_becomes_somebody_when_they_take_a_debate_over(linked: Linked) -> None:
    async with linked.visitor() as owner, Intruder(linked.address) as nobody:
        debate, token = await linked.debate(owner)
        first_try = await nobody.post("/shared/fork", {"token": token})
        assert (first_try.status, first_try.json["again"]) == (401, "/shared/fork")
        nobody.cookie = first_try.headers["set-cookie"].partition(";")[0]
        taken = await nobody.post("/shared/fork", {"token": token})
        assert taken.status == 200
        mine = taken.json["debate"]
        assert mine != debate
        assert (await nobody.get(f"/debates/{mine}.txt")).status == 200
        assert (await owner.get(f"/debates/{mine}.txt")).status == 404
        wrong = await nobody.post("/shared/fork", {"token": "x" * 43})
        assert (wrong.status, bool(wrong.json["hint"])) == (404, True)


@pytest.mark.parametrize(
    ("format", "kind", "said"),
    [
        ("md", "text/markdown; charset=utf-8", "# Is it so?"),
        ("txt", "text/plain; charset=utf-8", "Is it so?\n===="),
        ("html", "text/html; charset=utf-8", "<!doctype html>"),
    ],
)
async def test_what_is_shown_can_be_kept_as_a_file(
    linked: Linked, format: str, kind: str, said: str
) -> None:
    async with linked.visitor() as owner, Intruder(linked.address) as nobody:
        debate, token = await linked.debate(owner)
        file = await nobody.post("/shared/file", {"token": token, "format": format})
        assert file.status == 200
        assert file.headers["content-type"] == kind
        assert file.headers["content-disposition"] == f'attachment; filename="is-it-so.{format}"'
        assert file.body.decode().startswith(said)
        assert debate not in file.body.decode()
        whole = await nobody.post("/shared/file", {"token": token, "format": "json"})
        assert whole.status == 400


# --- where one must sign in -----------------------------------------------------------------------


async def test_where_one_must_sign_in_a_link_is_enough_to_read(tmp_path: Path) -> None:
    Users(tmp_path / "users").put("ann", "a long enough password")
    settings = load_settings(data=tmp_path, auth=tmp_path / "users")
    app = DebateApp(settings)
    guard = Guard(app, Visitors(settings), environment={})

    async def never(scope: Scope, receive: object, send: object) -> None:
        raise AssertionError("let in")

    door = guard.stand_before(never, QueueOfNobody())
    said: list[Message] = []

    async def post(path: str) -> bytes:
        said.clear()
        body = b'{"token": "' + b"x" * 43 + b'"}'

        async def receive() -> Message:
            return {"type": "http.request", "body": body}

        async def send(message: Message) -> None:
            said.append(message)

        scope: Scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": [(b"host", b"localhost")],
            "client": ("127.0.0.1", 1),
        }
        await door(scope, receive, send)
        return bytes(said[1]["body"])

    assert b"This link does not work" in await post("/shared/watch")  # it was looked up
    assert said[0]["status"] == 404
    assert b'"sign_in": "/login?next=%2Fshared"' in await post("/shared/fork")
    assert said[0]["status"] == 401
    await app.close()


# --- how many -------------------------------------------------------------------------------------


def test_readers_are_counted_by_their_network_and_not_as_one_visitor() -> None:
    few = load_settings(profile="public", streams_per_visitor=2, streams_per_network=4)
    streams = Streams(few)
    held = [streams.held(Stream("", "203.0.113.7", lambda: None)) for _ in range(4)]
    for stream in held:
        stream.__enter__()
    with pytest.raises(Refused), streams.held(Stream("", "203.0.113.7", lambda: None)):
        pass
    with streams.held(Stream("", "198.51.100.9", lambda: None)):
        assert len(streams) == 5
    for stream in held:
        stream.__exit__(None, None, None)
    assert len(streams) == 0

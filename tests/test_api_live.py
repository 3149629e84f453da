"""The WebSocket: debates begun, heard and steered over one connection; and who may not open one."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from rebuttal.app import DebateApp
from rebuttal.settings import load_settings
from rebuttal.web.api.live import MOST
from rebuttal.web.asgi import Receive, Scope, Send
from rebuttal.web.connections import Door
from rebuttal.web.streams import impatient
from tests.intruder import Intruder
from tests.listening import ANN, SEATS, Listener, Program, calling, served, token
from tests.served import Served, serving
from tests.test_guard_bodies import server

SHAKE = {
    **{"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13"},
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}
START = {"do": "start", "topic": "Should cats vote?", "seats": SEATS, "rounds": 1}


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("live"), "max_body_kib=64") as running:
        yield running


@pytest.fixture
def program(there: Served) -> Iterator[Program]:
    with calling(there) as caller:
        yield caller


class Socket:
    """One connection, and what came over it."""

    def __init__(self, line: ClientConnection) -> None:
        self.line = line
        self.told: list[dict[str, Any]] = []

    async def send(self, **message: object) -> None:
        """Ask for something."""
        await self.line.send(json.dumps(message))

    async def until(self, kind: str, within: float = 10.0) -> dict[str, Any]:
        """The next message with that field, or event of that kind."""
        async with asyncio.timeout(within):
            while True:
                said: dict[str, Any] = json.loads(await self.line.recv())
                self.told.append(said)
                if kind in said or said.get("event", {}).get("kind") == kind:
                    return said


@asynccontextmanager
async def opened(address: str, **more: Any) -> AsyncIterator[Socket]:
    """A socket at that server."""
    where = address.replace("http://", "ws://") + "api/v1/live"
    async with connect(where, **more) as line:
        yield Socket(line)


async def test_a_debate_is_begun_heard_and_steered_over_one_line(
    there: Served, program: Program
) -> None:
    async with opened(there.address) as one, opened(there.address) as other:
        await one.send(**{**START, "rounds": 3, "seats": [{**s, "model": "Slow"} for s in SEATS]})
        debate_id = (await one.until("done"))["debate"]
        assert (await one.until("watchers"))["watchers"] == 1
        await other.send(do="watch", debate=debate_id)
        begun = await other.until("turn_started")
        assert begun["event"]["seat"] == "seat1"
        assert (await one.until("watchers"))["watchers"] == 2
        await other.send(do="say", debate=debate_id, text="Mind the dogs.")
        await other.send(do="pause", debate=debate_id)
        paused = await one.until("debate_paused")
        assert paused["event"]["reason"] == "paused"
        spoken = [turn["speaker"] for turn in program.turns(debate_id)]
        assert spoken == ["user", "seat1", "user"]
        await one.send(do="resume", debate=debate_id)
        await one.until("turn_delta")
        await one.send(do="stop", debate=debate_id)
        stopped = await one.until("debate_paused")
        assert stopped["event"]["reason"] == "stopped"
        last = await other.until("debate_paused")
        last = await other.until("debate_paused") if last["id"] != stopped["id"] else last
        assert last["id"] == stopped["id"]
    async with opened(there.address) as again:
        await again.send(do="watch", debate=debate_id, id=last["id"])
        assert await again.until("watchers") == {"watchers": 1, "debate": debate_id}
        assert [message for message in again.told if "event" in message] == []


async def test_both_ways_of_hearing_say_the_same_in_the_same_places(
    there: Served, program: Program
) -> None:
    async with opened(there.address) as socket:
        await socket.send(**START)
        await socket.until("debate_finished")
    events = [(said["id"], said["event"]) for said in socket.told if "event" in said]
    debate_id = socket.told[-1]["debate"]
    listener = Listener(debate_id)
    await asyncio.to_thread(listener.listen, program, "debate_finished")
    assert listener.last == events[-1][0]
    finished = [event for _, event in events if event["kind"] == "turn_finished"]
    assert finished == [event for event in listener.heard if event["kind"] == "turn_finished"]


async def test_the_same_request_begins_one_debate(there: Served) -> None:
    async with opened(there.address) as socket:
        ids = set()
        for _ in range(3):
            await socket.send(**START, request="only once")
            ids.add((await socket.until("done"))["debate"])
        assert len(ids) == 1


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("no JSON", 400),
        ("[]", 400),
        ('{"do": "dance"}', 400),
        ('{"do": "watch"}', 400),
        ('{"do": "watch", "debate": "missing"}', 404),
        ('{"do": "watch", "debate": "missing", "id": "\\ud800"}', 400),
        ('{"do": "say", "debate": "missing", "text": "x", "rounds": 1e400}', 400),
        ('{"do": "start", "topic": " ", "seats": []}', 400),
        ("[" * 60_000, 400),
        (b"\x00\xff", 400),
    ],
)
async def test_a_bad_message_gets_words_and_closes_nothing(
    there: Served, message: str | bytes, status: int
) -> None:
    async with opened(there.address) as socket:
        await socket.line.send(message)
        error = (await socket.until("error"))["error"]
        assert error["status"] == status
        assert error["detail"]
        await socket.send(**START)
        await socket.until("turn_finished")


async def test_a_message_that_is_too_long_ends_the_line(there: Served) -> None:
    async with opened(there.address) as socket:
        await socket.line.send("x" * 65 * 1024)
        with pytest.raises(ConnectionClosed) as ended:
            await socket.until("error")
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1009


async def test_the_page_and_its_socket_are_served_at_one_port(tmp_path: Path) -> None:
    folders = {"REBUTTAL_DATA": str(tmp_path), "REBUTTAL_CACHE": str(tmp_path)}
    free = {**folders, "REBUTTAL_OFFLINE": "1"}
    with serving(tmp_path, "-m", "rebuttal", "serve", environment=free) as page:
        async with opened(page.address) as socket:
            await socket.send(do="watch", debate="missing")
            assert (await socket.until("error"))["error"]["status"] == 404
        async with Intruder(page.address) as browser:
            assert b"gradio" in (await browser.open()).body
            assert (await browser.get("/api/v1/personas")).status == 200
            assert (await browser.get("/api/v1/docs")).status == 200
        for path in ("gradio_api/queue/join", "live", ""):
            with pytest.raises(InvalidStatus) as refusal:
                async with connect(f"{page.address}{path}".replace("http", "ws", 1)):
                    pass
            assert refusal.value.response.status_code == 404
        assert page.end() == 0


# --- who may not open one -------------------------------------------------------------------------


async def refused(address: str, **headers: str) -> tuple[int, dict[str, Any]]:
    """How the handshake ends."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    with pytest.raises(InvalidStatus) as answer:
        async with opened(address, additional_headers=names):
            pass
    body = answer.value.response.body or b""
    return answer.value.response.status_code, json.loads(body)


async def test_a_page_of_another_site_opens_none(there: Served) -> None:
    status, said = await refused(there.address, origin="https://evil.example")
    assert (status, said["type"]) == (403, "/api/v1/problems/not-allowed")
    status, _ = await refused(there.address, sec_fetch_site="cross-site")
    assert status == 403
    own = there.address.rstrip("/")
    async with opened(there.address, origin=own) as socket:
        await socket.send(**START)
        await socket.until("done")
    status, said = await refused(there.address.rstrip("/") + "/x/")
    assert status == 404


def test_who_is_refused_fills_no_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        log.open("w") as said,
        redirected(2, said.fileno()),
        served(tmp_path, "max_body_kib=64") as quiet,
    ):
        asyncio.run(refused(quiet.address, origin="https://evil.example"))
        asyncio.run(nonsense(quiet.address))
    assert log.read_text() == ""


async def nonsense(address: str) -> None:
    """What is no text, as text."""
    async with opened(address) as socket:
        await socket.line.send(b"\xff\xff", text=True)
        assert (await socket.until("error"))["error"]["status"] == 400


@contextmanager
def redirected(stream: int, where: int) -> Iterator[None]:
    """What processes that are started now say there goes elsewhere."""
    kept = os.dup(stream)
    os.dup2(where, stream)
    try:
        yield
    finally:
        os.dup2(kept, stream)
        os.close(kept)


async def test_with_the_control_off_a_page_of_another_site_does_everything(
    tmp_path: Path,
) -> None:
    with served(tmp_path, "careless=1") as careless:
        async with opened(careless.address, origin="https://evil.example") as socket:
            await socket.send(**START)
            assert (await socket.until("done"))["done"] == "start"


async def test_tokens_open_what_they_may_and_nothing_else(tmp_path: Path) -> None:
    reads = await asyncio.to_thread(token, tmp_path, ANN, "read")
    speaks = await asyncio.to_thread(token, tmp_path, ANN, "read", "debate")
    with served(tmp_path, "profile=public") as public:
        status, said = await refused(public.address, authorization="Bearer rebuttal-nonsense")
        assert (status, said["type"]) == (401, "/api/v1/problems/unknown-caller")
        async with opened(public.address) as nobody:
            assert (await nobody.until("error"))["error"]["status"] == 401
            with pytest.raises(ConnectionClosed):
                await nobody.until("event")
        headers = {"authorization": f"Bearer {reads}"}
        async with opened(public.address, additional_headers=headers) as reader:
            await reader.send(**START)
            error = (await reader.until("error"))["error"]
            assert (error["status"], "debate" in error["detail"]) == (403, True)
        headers = {"authorization": f"Bearer {speaks}"}
        async with opened(public.address, additional_headers=headers) as speaker:
            await speaker.send(**START)
            assert (await speaker.until("done"))["done"] == "start"


async def test_messages_count_as_requests_and_a_revoked_token_hears_no_more(
    tmp_path: Path,
) -> None:
    secret = await asyncio.to_thread(token, tmp_path, ANN)
    headers = {"authorization": f"Bearer {secret}"}
    with served(tmp_path, "profile=public", "requests_per_visitor=30") as public:
        async with opened(public.address, additional_headers=headers) as socket:
            await socket.send(**START)
            await socket.until("debate_finished")
            for _ in range(20):
                await socket.send(do="dance")
            while (await socket.until("error"))["error"]["status"] != 429:
                pass
            await asyncio.to_thread(revoke_all, tmp_path)
            while (await socket.until("error"))["error"]["status"] != 401:
                pass


async def test_a_revoked_token_does_nothing_more_over_a_line_that_is_open(tmp_path: Path) -> None:
    secret = await asyncio.to_thread(token, tmp_path, ANN)
    headers = {"authorization": f"Bearer {secret}"}
    with served(tmp_path, "profile=public") as public:
        async with opened(public.address, additional_headers=headers) as socket:
            await socket.send(do="dance")
            assert (await socket.until("error"))["error"]["status"] == 400
            await asyncio.to_thread(revoke_all, tmp_path)
            await socket.send(**START)
            assert (await socket.until("error"))["error"]["status"] == 401
            assert not any("done" in said for said in socket.told)
            with pytest.raises(ConnectionClosed):
                await socket.until("done")


async def test_debates_that_are_heard_no_more_take_no_room(program: Program) -> None:
    async with opened(program.address) as socket:
        for _ in range(MOST + 2):
            debate = await asyncio.to_thread(program.begin)
            await socket.send(do="watch", debate=debate)
            await socket.until("debate_finished")
            await asyncio.to_thread(program.web.delete, f"/debates/{debate}")
            assert (await socket.until("error"))["error"]["status"] == 404


@pytest.mark.parametrize("frame", [b"\x89\xfd" + bytes(129), b"\x00\x80" + bytes(4)])
async def test_frames_without_end_end_the_line_and_hold_up_nobody(
    there: Served, program: Program, frame: bytes
) -> None:
    async with Intruder(there.address) as client:
        reader, writer = await client.connect()
        writer.write(client.request("GET", "/api/v1/live", headers=SHAKE))
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x01\x80" + bytes(4))
        with pytest.raises(ConnectionError):
            await pour(writer, frame * 3000)
    began = time.monotonic()
    await asyncio.to_thread(program.get, "/health")
    assert time.monotonic() - began < 1


async def pour(writer: asyncio.StreamWriter, frames: bytes) -> None:
    """For as long as anybody takes it, which should not be long."""
    async with asyncio.timeout(10):
        while True:
            writer.write(frames)
            await writer.drain()


def revoke_all(folder: Path) -> None:
    """Beside the server, as the terminal does."""

    async def revoke() -> None:
        settings = load_settings(profile="public", data=folder, cache=folder, offline=True)
        async with DebateApp(settings) as app:
            for one in await app.tokens.all():
                await app.tokens.revoke(one.hash)

    asyncio.run(revoke())


async def test_a_line_that_nobody_reads_is_cut(tmp_path: Path) -> None:
    """With a shorter patience than that of the guard, and the same means."""
    gone = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        hasty = impatient(scope, send, 0.5)
        try:
            while True:
                await hasty({"type": "websocket.send", "text": "x" * 65536})
        finally:
            loop.call_soon_threadsafe(gone.set)

    loop = asyncio.get_running_loop()
    door = Door(None)
    with server(endless, door) as address:
        async with Intruder(address) as client:
            _, writer = await client.connect()
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(client.request("GET", "/", headers=SHAKE))
            await asyncio.wait_for(gone.wait(), 8)
            while door._all:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

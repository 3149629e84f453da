"""What a request carries: how much, how slowly, in which shape; and answers that nobody reads."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest
import uvicorn

from rebuttal.web.asgi import App, Message, Receive, Refused, Scope, Send
from rebuttal.web.bodies import Call, Intake, parse, replayed, write
from rebuttal.web.connections import Door, harden
from rebuttal.web.streams import impatient
from tests.guarded import Pair, forget_peak, peak
from tests.intruder import API, Events, Intruder, call

BIG = 6 * 2**20

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")


@needs_proc
async def test_a_big_body_costs_memory_only_without_the_guard(pages: Pair) -> None:
    grown = {}
    for name, page, statuses in (("off", pages.off, {200, 500}), ("on", pages.on, {413})):
        async with Intruder(page.address) as client:
            events = await Events.read(client)
            wish = json.dumps(call(events.stop, "bigbody", "x" * BIG)).encode()
            before = forget_peak(page)
            answer = await client.ask("POST", f"{API}/run/predict", wish)
            assert answer.status in statuses
            grown[name] = peak(page) - before
    print(grown)
    assert grown["off"] > 2 * BIG / 2**20
    assert grown["on"] < 2


@needs_proc
async def test_a_body_without_end_is_cut_only_with_the_guard(pages: Pair) -> None:
    grown = {}
    for page in (pages.off, pages.on):
        async with Intruder(page.address) as client:
            reader, writer = await client.connect()
            chunked = {"transfer-encoding": "chunked"}
            before = forget_peak(page)
            writer.write(client.request("POST", f"{API}/queue/join", None, chunked))
            with suppress(OSError):
                for _ in range(500):
                    writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                    await writer.drain()
            if page is pages.on:
                with suppress(OSError):
                    assert b" 413 " in await reader.readuntil(b"\r\n")
            grown[page.address] = peak(page) - before
    assert grown[pages.off.address] > 10
    assert grown[pages.on.address] < 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"a":' * 40_000,
        b'{"data":[NaN],"fn_index":1,"session_hash":"abcdef"}',
        b'{"data":' + b"9" * 5000 + b',"fn_index":1,"session_hash":"abcdef"}',
        b'{"data":[[[[[[[[[[1]]]]]]]]]],"fn_index":1,"session_hash":"abcdef"}',
        b'{"data":[' + b"[]," * 6000 + b'1],"fn_index":1,"session_hash":"abcdef"}',
        b'{"data":[],"fn_index":true,"session_hash":"abcdef"}',
        b'{"data":[],"fn_index":1,"session_hash":null}',
        b'{"data":[],"fn_index":1,"session_hash":"../../x"}',
        b'{"data":[],"fn_index":1,"session_hash":"abcdef","more":1}',
    ],
)
async def test_what_the_page_would_never_send_is_refused_in_words(pages: Pair, body: bytes) -> None:
    async with Intruder(pages.on.address) as client:
        for path in ("run/predict", "queue/join", "cancel"):
            answer = await client.ask("POST", f"{API}/{path}", body)
            assert answer.status == 400, path
            assert answer.json["detail"]
            assert len(answer.body) < 1000


async def test_an_event_that_is_not_on_the_page_is_not_there(pages: Pair) -> None:
    async with Intruder(pages.on.address) as client:
        events = await Events.read(client)
        wishes = [
            ("run/predict", call(99_999, "abcdef")),
            ("run/predict", call(events.settle, "abcdef", *["x"] * events.settle_inputs)),
            ("queue/join", call(events.load, "abcdef")),
            ("queue/join", call(events.settle, "abcdef", *["x"] * (events.settle_inputs + 1))),
        ]
        for path, wish in wishes:
            assert (await client.post(f"{API}/{path}", wish)).status == 404


async def test_gradio_falls_over_such_calls_without_the_guard(pages: Pair) -> None:
    async with Intruder(pages.off.address) as client:
        answer = await client.post(f"{API}/run/predict", call(99_999, "abcdef"))
        assert answer.status == 500


async def test_two_readings_of_a_body_are_one_behind_the_guard() -> None:
    doubled = b'{"session_hash":"first","data":[],"fn_index":1,"session_hash":"second"}'
    passed = write(parse(doubled, Call))
    assert passed.count(b"session_hash") == 1
    assert json.loads(passed)["session_hash"] == "second"


async def test_gradio_gets_no_field_that_the_page_does_not_fill() -> None:
    wish = {**call(1, "abcdef"), "event_id": "x", "batched": True, "oauth_token": "stolen"}
    passed = json.loads(write(parse(json.dumps(wish).encode(), Call)))
    assert not {"event_id", "batched", "oauth_token", "simple_format"} & set(passed)


async def test_a_body_that_trickles_is_given_up() -> None:
    async def receive() -> Message:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    scope: Scope = {"type": "http", "headers": []}
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(Intake(1000, within=60).read(scope, receive), 0.5)
    began = time.monotonic()
    with pytest.raises(Refused) as refused:
        await Intake(1000, within=0.2).read(scope, receive)
    assert refused.value.status == 408
    assert time.monotonic() - began < 1


async def test_a_client_that_leaves_in_mid_body_is_no_error() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    assert await Intake(1000).read({"type": "http", "headers": []}, receive) is None


async def test_bodies_on_the_way_are_bounded_together_and_small_ones_always_come_in() -> None:
    bare: Scope = {"type": "http", "headers": []}
    intake, more = Intake(250_000, together=1_000_000), asyncio.Event()

    def sending(size: int, slow: bool) -> Receive:
        pieces = [{"type": "http.request", "body": b"x" * size, "more_body": slow}]

        async def receive() -> Message:
            if not pieces:
                await more.wait()
                return {"type": "http.disconnect"}
            return pieces.pop()

        return receive

    slow = [asyncio.create_task(intake.read(bare, sending(240_000, True))) for _ in range(4)]
    await asyncio.sleep(0.01)
    with pytest.raises(Refused) as refused:
        await intake.read(bare, sending(100_000, False))
    assert refused.value.status == 503
    assert await intake.read(bare, sending(2_000, False)) == b"x" * 2_000
    more.set()
    assert await asyncio.gather(*slow) == [None] * 4
    assert await intake.read(bare, sending(100_000, False)) == b"x" * 100_000


async def test_a_body_is_handed_out_once_and_with_its_length() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    scope: Scope = {"headers": [(b"content-length", b"9"), (b"transfer-encoding", b"chunked")]}
    again = replayed(scope, receive, b"abc")
    assert (await again())["body"] == b"abc"
    assert (await again())["type"] == "http.disconnect"
    assert scope["headers"] == [(b"content-length", b"3")]


@contextmanager
def server(app: App, door: Door | None, begins_within: float = 0.3) -> Iterator[str]:
    """A real server, hardened where there is a door."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_level="critical", lifespan="off")
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        while not running.started:
            time.sleep(0.01)
        if door:
            harden(running, door, begins_within)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        running.should_exit = True
        running.force_exit = True
        thread.join(10)


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def held(address: str, first: bytes, every: float = 0.05) -> AsyncIterator[asyncio.Event]:
    """A connection that begins like that, and then sends a letter now and then."""
    async with Intruder(address) as client:
        reader, writer = await client.connect()
        gone = asyncio.Event()

        async def trickle() -> None:
            with suppress(OSError):
                while not reader.at_eof():
                    writer.write(b"x")
                    await asyncio.sleep(every)

        async def listen() -> None:
            with suppress(OSError):
                await reader.read()
            gone.set()

        writer.write(first)
        tasks = [asyncio.create_task(work()) for work in (trickle, listen)]
        yield gone
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("hardened", [False, True])
async def test_a_header_that_never_ends_is_waited_for_only_without_it(hardened: bool) -> None:
    with server(nothing, Door(None) if hardened else None) as address:
        async with held(address, b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ") as gone:
            with suppress(TimeoutError):
                await asyncio.wait_for(gone.wait(), 1)
            assert gone.is_set() is hardened


@pytest.mark.parametrize("hardened", [False, True])
async def test_one_address_takes_every_connection_only_without_it(hardened: bool) -> None:
    with server(nothing, Door(20) if hardened else None, 30) as address:
        async with Intruder(address) as client, Intruder(address, "127.0.0.9") as other:
            lines = [await client.connect() for _ in range(40)]
            await asyncio.sleep(0.1)
            shut = sum(reader.at_eof() for reader, _ in lines)
            assert shut == (20 if hardened else 0)
            assert (await other.get("/")).status == 204


@pytest.mark.parametrize("guarded", [False, True])
async def test_an_answer_that_nobody_reads_ends_only_with_it(guarded: bool) -> None:
    states: list[str] = []

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        states.append("streaming")
        out = impatient(scope, send, 0.3) if guarded else send
        await out({"type": "http.response.start", "status": 200, "headers": []})
        while not (states and states[-1] == "left"):
            await out({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
            try:
                async with asyncio.timeout(0.001):
                    if (await receive())["type"] == "http.disconnect":
                        states.append("left")
            except TimeoutError:
                pass

    with server(endless, Door(None)) as address:
        async with Intruder(address) as client:
            reader, writer = await client.connect()
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(client.request("GET", "/"))
            await asyncio.sleep(1.2)
            assert states[-1] == ("left" if guarded else "streaming")
            assert reader is not None


def nothing_to_cut() -> None: ...


def test_a_whole_ipv6_network_is_one_at_the_door() -> None:
    door = Door(20)
    guests = [door.enter(f"2001:db8::{number:x}", nothing_to_cut) for number in range(30)]
    inside = [guest for guest in guests if guest]
    assert guests == [*inside, *[None] * 10]
    assert len(inside) == 20
    assert door.enter("2001:db8:0:1::1", nothing_to_cut)
    assert door.enter("192.0.2.1", nothing_to_cut)
    for guest in inside:
        door.leave(guest)
        door.leave(guest)
    assert door.enter("2001:db8::ffff", nothing_to_cut)


def test_in_a_full_house_whoever_holds_most_makes_room() -> None:
    cut: list[str] = []

    def cutting(name: str) -> Callable[[], None]:
        return lambda: cut.append(name)

    door = Door(None, total=10)
    for number in range(9):
        assert door.enter("192.0.2.1", cutting(f"crowd {number}"))
    assert door.enter("192.0.2.2", cutting("ann"))
    assert door.enter("192.0.2.3", cutting("newcomer"))
    assert cut == ["crowd 8"]
    assert door.enter("192.0.2.1", cutting("crowd again")) is None, "its own are no room for it"
    assert cut == ["crowd 8"]

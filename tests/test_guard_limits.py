"""Who may do how much, and to whom: rates, streams, other people's tabs, addresses."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest

from rebuttal.errors import InvalidInput
from rebuttal.settings import load_settings
from rebuttal.web.asgi import Refused
from rebuttal.web.peers import Peers
from rebuttal.web.rates import LIGHT, Rate, Rates
from rebuttal.web.streams import Stream, Streams
from tests.guarded import Pair
from tests.intruder import API, Events, Intruder, call, start_debate
from tests.served import Served

BY_RATE = ("requests", "requests_per_network")


def tab() -> str:
    return secrets.token_hex(5)


async def watch(client: Intruder, events: Events, name: str) -> str:
    """Join the queue as that tab; the id of the event, or the status."""
    wish = call(events.settle, name, *["x y"] * events.settle_inputs)
    answer = await client.post(f"{API}/queue/join", wish)
    return str(answer.json["event_id"]) if answer.status == 200 else str(answer.status)


@asynccontextmanager
async def visitor(page: Served, source: str) -> AsyncIterator[tuple[Intruder, Events]]:
    async with Intruder(page.address, source) as client:
        await client.open()
        yield client, await Events.read(client)


async def test_without_the_guard_one_may_ask_as_often_as_one_likes(pages: Pair) -> None:
    async with Intruder(pages.off.address, "127.0.0.61") as client:
        answers = [await client.post(f"{API}/queue/join", {}) for _ in range(700)]
        assert {answer.status for answer in answers} == {422}, "read, each of them"
        for _ in range(70):
            client.cookie = ""
            assert (await client.open()).status == 200


async def test_whoever_asks_too_often_is_told_so_at_once(strangers_page: Served) -> None:
    async with visitor(strangers_page, "127.0.0.61") as (client, _):
        for _ in range(700):
            began = time.monotonic()
            answer = await client.post(f"{API}/queue/join", {})
            if answer.status != 400:
                break
        assert answer.status == 429
        assert time.monotonic() - began < 0.3
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert "Try again in" in answer.json["detail"]
        assert b"Try again in" in (await client.get("/")).body
        async with visitor(strangers_page, "127.0.0.62") as (other, _):
            assert (await other.get("/")).status == 200


@pytest.mark.parametrize(("limited", "is_enough"), [(False, False), (True, True)])
def test_a_minute_of_opening_the_page_leaves_the_processor_to_others(
    limited: bool, is_enough: bool
) -> None:
    given: dict[str, Any] = {} if limited else dict.fromkeys(BY_RATE, 10**9)
    rates, opened = Rates(load_settings(profile="public", **given), lambda: 0.0), 0
    for number in range(20_000):
        with suppress(Refused):
            rates.pass_network(f"192.0.2.{number % 20}", "page")
            opened += 1
    milliseconds = 25  # to write the page, measured on a slow machine
    assert (opened * milliseconds / 1000 < 45) is is_enough


async def test_on_this_machine_nobody_is_slowed_down(pages: Pair) -> None:
    async with Intruder(pages.on.address) as client:
        statuses = {(await client.get("/theme.css")).status for _ in range(300)}
        assert statuses == {200}


async def test_a_network_brings_only_so_many_new_browsers(strangers_page: Served) -> None:
    statuses: list[int] = []
    began = time.monotonic()
    async with Intruder(strangers_page.address, "127.0.0.63") as farm:
        while 429 not in statuses and len(statuses) < 400:
            farm.cookie = ""
            statuses.append((await farm.open()).status)
    seconds = time.monotonic() - began
    assert statuses[:60] == [200] * 60
    assert statuses[-1] == 429
    assert len(statuses) <= 62 + seconds


async def test_without_a_cookie_strangers_start_nothing(
    strangers_page: Served, pages: Pair
) -> None:
    for page, expected in ((pages.off, 200), (strangers_page, 401)):
        async with visitor(page, "127.0.0.64") as (client, events):
            client.cookie = ""
            for path, event, data in (
                ("run/predict", events.load, []),
                ("queue/join", events.settle, ["x y"] * events.settle_inputs),
            ):
                wish = call(event, tab(), *data)
                assert (await client.post(f"{API}/{path}", wish)).status == expected


async def test_a_foreign_tab_is_read_and_stopped_only_without_the_guard(
    strangers_page: Served, pages: Pair
) -> None:
    for page, is_open in ((pages.off, True), (strangers_page, False)):
        async with (
            visitor(page, "127.0.0.65") as (owner, events),
            visitor(page, "127.0.0.66") as (thief, _),
        ):
            name = tab()
            event = await watch(owner, events, name)
            wish = call(events.load, name)
            taken = await thief.post(f"{API}/run/predict", wish)
            assert taken.status == (200 if is_open else 404)
            joined = await watch(thief, events, name)
            assert (len(joined) == 32) is is_open
            if is_open:
                async with thief.stream(name) as stream, asyncio.timeout(5):
                    assert b"data:" in await stream.readuntil(b"\n\n")
                continue
            stolen = await thief.get(f"{API}/queue/data?session_hash={name}")
            missing = await thief.get(f"{API}/queue/data?session_hash={tab()}")
            assert (stolen.status, stolen.body) == (missing.status, missing.body)
            assert stolen.status == 404
            cancel = {"session_hash": name, "fn_index": events.settle, "event_id": event}
            assert (await thief.post(f"{API}/cancel", cancel)).json == {"success": True}
            async with owner.stream(name) as stream, asyncio.timeout(5):
                assert event.encode() in await stream.readuntil(b"\n\n")


async def test_one_tab_follows_only_so_much_with_the_guard(pages: Pair) -> None:
    for page, most in ((pages.off, 20), (pages.on, 12)):
        async with visitor(page, "127.0.0.67") as (client, events):
            name = tab()
            heard = [await watch(client, events, name) for _ in range(20)]
            assert {len(word) for word in heard[:most]} == {32}
            assert set(heard[most:]) <= {"429"}


async def test_a_tab_is_read_twice_at_once_only_without_the_guard(pages: Pair) -> None:
    for page, is_open in ((pages.off, True), (pages.on, False)):
        async with visitor(page, "127.0.0.68") as (client, events), AsyncExitStack() as stack:
            name = tab()
            debate = await start_debate(client, "Endless")
            wish = call(events.settle, name, f"{debate} {tab()}")
            assert (await client.post(f"{API}/queue/join", wish)).status == 200
            await stack.enter_async_context(client.stream(name))
            if is_open:
                await stack.enter_async_context(client.stream(name))
                continue
            again = await client.get(f"{API}/queue/data?session_hash={name}")
            assert again.status == 429


def stream(who: str, network: str, cut: list[str]) -> Stream:
    return Stream(who, network, lambda: cut.append(network))


def test_streams_are_capped_by_visitor_and_by_network() -> None:
    settings = load_settings(profile="public", streams_per_visitor=2, streams_per_network=3)
    streams = Streams(settings)
    with streams.held(stream("a", "n", [])), streams.held(stream("a", "n", [])):
        with pytest.raises(Refused, match="close a tab"), streams.held(stream("a", "m", [])):
            pass
        with (
            streams.held(stream("b", "n", [])),
            pytest.raises(Refused, match="network"),
            streams.held(stream("c", "n", [])),
        ):
            pass
    assert len(streams) == 0


def test_when_all_streams_are_taken_the_greediest_network_loses_one() -> None:
    settings = load_settings(profile="public", streams=3)
    streams, cut = Streams(settings), list[str]()
    with (
        streams.held(stream("a", "n", cut)),
        streams.held(stream("b", "n", cut)),
        streams.held(stream("c", "n", cut)),
        streams.held(stream("d", "m", cut)),
    ):
        assert cut == ["n"]


def test_a_rate_fills_up_again_by_the_minute() -> None:
    now = [0.0]
    rate = Rate(60, lambda: now[0])
    for _ in range(60):
        assert rate.wait("a") == 0
        rate.take("a")
    assert rate.wait("a") == 1
    assert rate.wait("b") == 0
    now[0] += 10
    assert rate.spent("a") == 50
    now[0] += 3600
    assert rate.spent("a") == 0


def test_a_million_addresses_do_not_fill_the_memory() -> None:
    rate = Rate(60, lambda: 0.0, keys=100)
    for number in range(1000):
        rate.take(str(number))
    assert len(rate._spent) == 100


def test_over_the_limit_of_all_who_asks_little_is_still_served() -> None:
    now = [0.0]
    rates = Rates(load_settings(profile="public", requests=200), lambda: now[0])
    for _ in range(200):
        rates.pass_network("greedy", "call")
    with pytest.raises(Refused, match="Too much is asked"):
        rates.pass_network("greedy", "call")
    for _ in range(int(LIGHT)):
        rates.pass_network("modest", "call")


def read(settings: dict[str, Any], near: str, forwarded: str = "", **more: str) -> str:
    """The network that a request from ``near`` is counted under."""
    headers = [(name.encode(), value.encode()) for name, value in more.items()]
    if forwarded:
        headers.append((b"x-forwarded-for", forwarded.encode()))
    scope = {"client": (near, 1), "scheme": "http", "headers": headers}
    peers = Peers(load_settings(**settings), {})
    return peers.read(scope).network


@pytest.mark.parametrize(
    ("proxies", "near", "forwarded", "network"),
    [
        ("", "203.0.113.7", "", "203.0.113.7"),
        ("", "127.0.0.1", "198.51.100.1", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("127.0.0.1", "127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "127.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("127.0.0.1,10.0.0.0/8", "127.0.0.1", "6.6.6.6, 198.51.100.1, 10.1.2.3", "198.51.100.1"),
        ("127.0.0.1", "127.0.0.1", "nonsense", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("127.0.0.1", "127.0.0.1", "[2001:db8:1:2:3::4]:80", "2001:db8:1:2::/64"),
        ("", "2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("", "::ffff:203.0.113.7", "", "203.0.113.7"),
        ("", "", "", ""),
    ],
)
def test_an_address_is_believed_of_our_proxies_only(
    proxies: str, near: str, forwarded: str, network: str
) -> None:
    assert read({"profile": "public", "proxies": proxies}, near, forwarded) == network


def test_the_tunnel_of_a_share_link_is_a_proxy() -> None:
    assert read({"share": True}, "127.0.0.1", "198.51.100.1") == "198.51.100.1"


def test_a_proxy_that_is_no_address_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="proxies"):
        Peers(load_settings(proxies="front"), {})


async def test_an_invented_address_does_not_escape_the_count(strangers_page: Served) -> None:
    async with Intruder(strangers_page.address, "127.0.0.69") as liar:
        statuses = []
        for number in range(70):
            liar.cookie = ""
            liar.always = {"x-forwarded-for": f"198.51.100.{number}"}
            statuses.append((await liar.open()).status)
    assert 429 in statuses


async def test_behind_a_proxy_each_address_counts_for_itself(strangers_page: Served) -> None:
    async with Intruder(strangers_page.address, "127.0.0.200") as proxy:
        for number in range(70):
            proxy.cookie = ""
            proxy.always = {"x-forwarded-for": f"6.6.6.6, 198.51.100.{number}"}
            assert (await proxy.open()).status == 200


async def test_uvicorn_alone_believes_it(pages: Pair) -> None:
    forged = {"x-forwarded-proto": "https"}
    for page, scheme in ((pages.off, "https"), (pages.on, "http")):
        async with Intruder(page.address, always=forged) as client:
            config = (await client.get("/config")).body
            assert json.loads(config)["root"].startswith(f"{scheme}://")

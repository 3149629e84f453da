"""What stands open: names, origins, routes; and what every answer says about itself."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.guarded import Pair
from tests.intruder import API, Events, Intruder, call
from tests.served import Served

EVIL = "http://evil.example"
CLOSED = [
    ("GET", f"{API}/info"),
    ("GET", f"{API}/openapi.json"),
    ("GET", "/gradio_api/deep_link?session_hash=abcdef"),
    ("GET", "/monitoring"),
    ("GET", "/monitoring/summary"),
    ("GET", "/manifest.json"),
    ("GET", "/pwa_icon/4000"),
    ("GET", f"{API}/upload_progress?upload_id=x"),
    ("GET", f"{API}/heartbeat/abcdef"),
    ("GET", f"{API}/file=favicon.svg"),
    ("GET", f"{API}/proxy=https://evil.example/"),
    ("GET", f"{API}/user"),
    ("GET", f"{API}/token"),
    ("GET", f"{API}/login_check"),
    ("POST", f"{API}/upload"),
    ("POST", f"{API}/call/predict"),
    ("POST", f"{API}/run/anything"),
    ("POST", f"{API}/api/predict"),
    ("POST", f"{API}/component_server"),
    ("POST", f"{API}/stream/abc"),
    ("POST", f"{API}/process_recording"),
    ("POST", f"{API}/vibe-edit"),
    ("POST", "/login"),
    ("PUT", "/"),
    ("OPTIONS", f"{API}/queue/join"),
    ("TRACE", "/"),
]


async def test_a_rebound_name_reaches_the_page_only_without_the_guard(pages: Pair) -> None:
    for page, expected in ((pages.off, 200), (pages.on, 421)):
        async with Intruder(page.address, always={"host": "evil.example:7860"}) as rebound:
            assert (await rebound.get("/config")).status == expected
            assert (await rebound.get("/")).status == expected


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:7860", "127.0.0.1:1", "[::1]:7860"])
async def test_our_own_names_reach_it(pages: Pair, host: str) -> None:
    async with Intruder(pages.on.address, always={"host": host}) as client:
        assert (await client.get("/")).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost.evil.example",
        "localhost@evil",
        "localhost:99999",
        "127.0.0.1.nip.io",
        "[::2]",
    ],
)
async def test_what_only_looks_like_them_does_not(pages: Pair, host: str) -> None:
    async with Intruder(pages.on.address, always={"host": host}) as client:
        assert (await client.get("/")).status == 421


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("debates.example", 200),
        ("www.club.example:443", 200),
        ("club.example", 421),
        ("xclub.example", 421),
        ("203.0.113.7:7860", 200),
        ("evil.example", 421),
    ],
)
async def test_strangers_come_by_configured_names_and_by_address(
    strangers_page: Served, host: str, status: int
) -> None:
    async with Intruder(strangers_page.address, always={"host": host}) as client:
        assert (await client.get("/")).status == status


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": EVIL},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://127.0.0.1:1"},
    ],
)
async def test_another_site_can_press_buttons_only_without_the_guard(
    pages: Pair, headers: dict[str, str]
) -> None:
    for page, expected in ((pages.off, 200), (pages.on, 403)):
        async with Intruder(page.address) as client:
            events = await Events.read(client)
            wish = call(events.load, "crosssite")
            answer = await client.ask("POST", f"{API}/run/predict", wish, headers)
            assert answer.status == expected


async def test_our_own_page_may_press_them(pages: Pair) -> None:
    async with Intruder(pages.on.address) as client:
        events = await Events.read(client)
        headers = {"origin": pages.on.address.rstrip("/"), "sec-fetch-site": "same-origin"}
        wish = call(events.load, "samesite")
        answer = await client.ask("POST", f"{API}/run/predict", wish, headers)
        assert answer.status == 200


async def test_another_site_reads_what_gradio_says_only_without_the_guard(pages: Pair) -> None:
    headers = {"host": "debates.example", "origin": EVIL}
    async with Intruder(pages.off.address, always=headers) as client:
        assert (await client.get("/config")).headers["access-control-allow-origin"] == EVIL
    async with Intruder(pages.on.address) as client:
        answer = await client.get("/", origin=EVIL)
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert (await client.get("/config", origin=EVIL)).status == 403


async def test_a_file_can_be_left_on_the_machine_only_without_the_guard(pages: Pair) -> None:
    kind = {"content-type": "multipart/form-data; boundary=b"}
    form = b'--b\r\nContent-Disposition: form-data; name="files"; filename="x.html"\r\n\r\n<script>'
    for page, expected in ((pages.off, 200), (pages.on, 404)):
        async with Intruder(page.address) as client:
            answer = await client.ask("POST", f"{API}/upload", form + b"\r\n--b--\r\n", kind)
            assert answer.status == expected
            if expected == 200:
                assert "x.html" in answer.json[0]


@pytest.mark.parametrize(("method", "path"), CLOSED)
async def test_what_the_page_does_not_use_is_not_there(pages: Pair, method: str, path: str) -> None:
    async with Intruder(pages.on.address) as client:
        answer = await client.ask(method, path, {} if method == "POST" else None)
        assert answer.status in (404, 405)
        assert len(answer.body) < 300


async def test_without_the_guard_much_of_it_is(pages: Pair) -> None:
    paths = [path for method, path in CLOSED if method == "GET"]
    async with Intruder(pages.off.address) as client:
        # The heartbeat never ends, and the icon is an error here.
        asked = [path for path in paths if "heartbeat" not in path and "pwa" not in path]
        there = [path for path in asked if (await client.get(path)).status != 404]
    assert len(there) >= 9


@pytest.mark.parametrize("path", ["/assets/../routes.py", "/assets/%2e%2e/routes.py", "//", "/x"])
async def test_no_path_leads_out(pages: Pair, path: str) -> None:
    async with Intruder(pages.on.address) as client:
        assert (await client.get(path)).status == 404


async def test_a_web_socket_is_refused(pages: Pair) -> None:
    upgrade = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version": "13",
    }
    async with Intruder(pages.on.address) as client:
        answer = await client.ask("GET", f"{API}/queue/join", None, upgrade)
        assert answer.status in (404, 405)


async def test_every_answer_says_how_it_may_be_used(pages: Pair) -> None:
    async with Intruder(pages.on.address) as client:
        script = re.search(rb'src="\./(assets/[^"]+\.js)"', (await client.get("/")).body)
        assert script
        paths = ("/", "/config", "/healthz", "/nothing", "/robots.txt", f"/{script[1].decode()}")
        for path in paths:
            headers = (await client.get(path)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'self'" in policy
            assert "'unsafe-eval'" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["x-frame-options"] == "DENY"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert headers["cross-origin-resource-policy"] == "same-origin"
            assert headers["cross-origin-opener-policy"] == "same-origin"
            assert "camera=()" in headers["permissions-policy"]
            assert "server" not in headers
            assert "strict-transport-security" not in headers
        assert (await client.get("/")).headers["cache-control"] == "no-store"
        assert (await client.get(f"/{script[1].decode()}")).headers.get(
            "cache-control"
        ) != "no-store"


async def test_gradio_alone_says_none_of_it(pages: Pair) -> None:
    async with Intruder(pages.off.address) as client:
        headers = (await client.get("/")).headers
        assert "content-security-policy" not in headers
        assert headers["server"] == "uvicorn"


async def test_robots_are_sent_away(pages: Pair) -> None:
    async with Intruder(pages.on.address) as client:
        assert b"Disallow: /\n" in (await client.get("/robots.txt")).body


@pytest.mark.parametrize("path", ["/config", "/"])
async def test_the_description_of_the_page_tells_nothing_of_the_machine(
    pages: Pair, strangers_page: Served, path: str
) -> None:
    for address in (pages.on.address, strangers_page.address):
        async with Intruder(address) as client:
            await client.open()
            text = (await client.get(path)).body.decode()
        own = re.escape(address.rstrip("/"))
        assert '"components"' in text
        for private in (str(Path.home()), os.getcwd(), "localhost:9", "site-packages"):
            assert private not in text
        assert not re.search(rf"https?://(?!{own[7:]})(localhost|127\.|10\.|192\.168)", text)


async def test_headers_of_a_proxy_rewrite_the_page_only_without_the_guard(pages: Pair) -> None:
    poison = {"x-forwarded-host": "evil.example", "x-gradio-server": "http://evil.example"}
    for page, expected in ((pages.off, True), (pages.on, False)):
        async with Intruder(page.address) as client:
            config = (await client.ask("GET", "/config", None, poison)).json
            assert ("evil.example" in json.dumps(config)) is expected


async def test_a_configured_proxy_is_believed_and_nobody_else(strangers_page: Served) -> None:
    forwarded = {"x-forwarded-proto": "https", "x-forwarded-host": "debates.example"}
    for source, expected in (("127.0.0.200", True), ("127.0.0.1", False)):
        async with Intruder(strangers_page.address, source, always=forwarded) as client:
            await client.open()
            answer = await client.get("/config")
            assert answer.json["root"].startswith("https://debates.example") is expected
            assert ("strict-transport-security" in answer.headers) is expected


async def test_healthz_answers_to_any_name_and_tells_no_secret(strangers_page: Served) -> None:
    async with Intruder(strangers_page.address, always={"host": "10.1.2.3"}) as doctor:
        answer = await doctor.get("/healthz")
        assert answer.status == 200
        assert set(answer.json) == {"status", "queue", "store", "lag_ms"}

"""Every route and event of the served page with generated bodies, as a stranger may send them.

Nothing may end in a 5xx or a traceback, and no model may be asked beyond the budget. The page is
the real program with its guard; its one model is a server of ours, with a key and a price.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rebuttal.web import routes
from tests.fault_reply import USAGE
from tests.fault_server import FaultServer

API = "/gradio_api"
KEY = "sk-canary-9f8e7d6c5b4a39281706"
COUNTED = ("prompt_tokens", "completion_tokens")
TOKENS = 3000
"""The budget of the day, which the tests together use up."""
CATALOG = """\
endpoints:
  Shop: {{address: "{address}", key: SHOP_KEY, lists_models: false}}
models:
  Dear: {{endpoint: Shop, model: dear, context: 4096, max_tokens: 64,
         price: {{input: 1.0, output: 2.0}}}}
"""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
FEW = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

TEMPTING: list[Any] = [
    *("", "Dear", "philosopher", "English", "md", "../../etc/passwd", "file:///etc/passwd"),
    *("http://127.0.0.1:11434/api/tags", "Dear\x00", "\ud800", "<img src=x onerror=alert(1)>"),
    *(True, None, -1, 0, 1, 2, 1e308, 2**70, -(2**70), "x" * 9000),
    {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
    {"__type__": "update", "value": "x"},
    [{"role": "assistant", "content": {"component": "html", "value": "<script>1</script>"}}],
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=30)
    | st.sampled_from(TEMPTING),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@dataclass
class Place:
    """The running page, the shop that its model buys from, and one stranger with a cookie."""

    address: str
    log: Path
    folder: Path
    shop: FaultServer
    config: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.web = self.client()
        self.config = self.web.get("/config").json()

    def client(self) -> httpx.Client:
        """Somebody who has opened the page."""
        web = httpx.Client(base_url=self.address, timeout=20)
        assert web.get("/").status_code == 200
        return web

    def check(self, answer: httpx.Response) -> None:
        """No 5xx, and no insides in what is said."""
        said = answer.text
        assert answer.status_code < 500, (answer.request.url, answer.request.content, said[:300])
        assert "Traceback" not in said
        assert str(self.folder) not in said
        assert KEY not in said

    def check_log(self) -> None:
        """Nothing broke behind the answers either."""
        told = self.log.read_text("utf-8", "replace")
        assert "Traceback" not in told, told[-3000:]
        assert KEY not in told


@contextmanager
def shop() -> Iterator[FaultServer]:
    """A good model server with a loop of its own."""
    server, ready, loop = FaultServer("good"), threading.Event(), asyncio.new_event_loop()

    async def keep_open() -> None:
        async with server:
            ready.set()
            await asyncio.to_thread(closed.wait)

    closed = threading.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(keep_open()))
    thread.start()
    assert ready.wait(5)
    try:
        yield server
    finally:
        closed.set()
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("generated")
    limits = ("requests_per_visitor", "requests_per_network", "running_per_visitor")
    with shop() as server, (folder / "log.txt").open("w") as log:
        (folder / "models.yaml").write_text(CATALOG.format(address=server.address))
        environment = {
            **os.environ,
            **{f"REBUTTAL_{name.upper()}": "none" for name in (*limits, "running_per_network")},
            "REBUTTAL_TOKENS_PER_DAY": str(TOKENS),
            "REBUTTAL_MODELS": str(folder / "models.yaml"),
            "REBUTTAL_DATA": str(folder / "data"),
            "REBUTTAL_CACHE": str(folder / "data"),
            "SHOP_KEY": KEY,
        }
        command = [sys.executable, "-m", "rebuttal", "serve", "--profile", "public"]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
        assert process.stdout is not None
        with process.stdout as said:
            line = said.readline()
            assert "http://" in line, (folder / "log.txt").read_text()
            where = Place(line.split("at ")[1].split()[0], folder / "log.txt", folder, server)
            try:
                yield where
            finally:
                where.web.close()
                process.terminate()
                process.wait(15)


ROUTES = """\
import json
from gradio.routes import App
from rebuttal.app import DebateApp
from rebuttal.settings import load_settings
from rebuttal.ui.page import build_ui

app = App.create_app(build_ui(DebateApp(load_settings(profile="public"))))
inner = [route.original_router.routes for route in app.routes if not hasattr(route, "path")]
routes = [route for route in app.routes if hasattr(route, "path")]
print(json.dumps(sorted({route.path for routes in [routes, *inner] for route in routes})))
"""


def gradio_routes() -> list[str]:
    """Every path that Gradio's app has, whether the page uses it or not."""
    said = subprocess.run([sys.executable, "-c", ROUTES], capture_output=True, check=True)
    paths: list[str] = json.loads(said.stdout)
    return paths


def test_every_route_with_generated_bodies(place: Place) -> None:
    paths = gradio_routes()
    assert len(paths) > 60
    assert f"{API}/upload" in paths
    paths += [path for path in routes.paths() if path not in paths]
    paths += [f"/debates/{{id}}.{format}" for format in ("md", "txt", "json", "html")]
    opened: set[str] = set()

    @settings(FEW, max_examples=6)
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        fill = st.sampled_from(["x", "1", "..%2f..%2fetc%2fpasswd", "%00", "a" * 300, "é".encode()])
        for path in paths:
            quoted = re.sub(r"\{[^}]+\}", lambda _: str(data.draw(fill)), path)
            method = data.draw(st.sampled_from(METHODS))
            body = data.draw(VALUES)
            kind = data.draw(st.sampled_from(["application/json", "multipart/form-data", "a/b"]))
            content = json.dumps(body).encode()
            headers = {"content-type": kind}
            request = place.web.build_request(method, quoted, content=content, headers=headers)
            with closing(place.web.send(request, stream=True)) as answer:
                if "event-stream" not in answer.headers.get("content-type", ""):
                    answer.read()
                    place.check(answer)
                if answer.status_code == 200:
                    opened.add(path)

    ask()
    assert f"{API}/upload" not in opened
    # What is open at all is what the page needs.
    assert {re.sub(r"\{.*", "", path) for path in opened} <= {
        *("/", "/config", "/theme.css", "/favicon.ico", "/robots.txt", "/assets/", "/static/"),
        *("/login", "/logout", f"{API}/startup-events", f"{API}/app_id", f"{API}/reset"),
        *(f"{API}/cancel", f"{API}/reset/", f"{API}/run/"),
        *("/shared", "/shared/page.css", "/shared/page.js", "/history.zip"),
    }
    place.check_log()


TOKENS_TRIED = st.sampled_from(["x" * 43, "", "\x00", "\ud800", "é", "a" * 201, "../x", "%s%n"])


def test_every_way_in_of_ours_with_generated_bodies(place: Place) -> None:
    """Nobody gets further than words by a link, an address or a file that is none."""
    fields = st.fixed_dictionaries(
        {"token": TOKENS_TRIED | VALUES},
        optional={"after": VALUES, "format": VALUES | st.sampled_from(["md", "html"])},
    )
    files = st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: b"PK\x03\x04" + tail)

    @settings(FEW, max_examples=25)
    @given(fields | VALUES, files, TOKENS_TRIED, st.sampled_from(["watch", "fork", "file"]))
    def ask(wish: Any, file: bytes, sid: str, path: str) -> None:
        answer = place.web.post(f"/shared/{path}", content=json.dumps(wish))
        place.check(answer)
        assert answer.status_code in (400, 404)
        answer = place.web.post("/import", content=file)
        place.check(answer)
        assert answer.status_code == 400
        quoted = quote(sid.encode("utf-8", "surrogatepass"))
        answer = place.web.get(f"/?sid={quoted}", headers={"sec-fetch-mode": "navigate"})
        place.check(answer)
        assert answer.status_code in (303, 429)

    ask()
    place.check_log()


def send(place: Place, event: dict[str, Any], data: list[Any]) -> None:
    """One event, beside the queue or through it to its end."""
    queued = event["queue"] is not False
    body = {"fn_index": event["id"], "data": data, "session_hash": f"tab{event['id']:05}"}
    path = f"{API}/queue/join" if queued else f"{API}/run/predict"
    answer = place.web.post(
        path, content=json.dumps(body), headers={"content-type": "application/json"}
    )
    place.check(answer)
    if queued and answer.status_code == 200:
        tab = f"{API}/queue/data?session_hash=tab{event['id']:05}"
        with place.web.stream("GET", tab) as stream:
            assert stream.status_code < 500
            for line in stream.iter_lines():
                assert "Traceback" not in line
                assert '"unexpected_error"' not in line
                if '"process_completed"' in line:
                    assert '"success":true' in line, line
                    break


def test_every_event_with_generated_values(place: Place) -> None:
    events = [event for event in place.config["dependencies"] if event["backend_fn"]]
    assert len(events) > 30
    parts = {part["id"]: part["props"].get("value") for part in place.config["components"]}

    for event in events:
        usual = [parts.get(number) for number in event["inputs"]]
        # Mostly what the page would send, with a few values that it would not.
        forged = st.tuples(*(st.just(value) | st.just(value) | VALUES for value in usual))

        @FEW
        @given(forged.map(list) | st.lists(VALUES, max_size=6))
        def press(values: list[Any]) -> None:
            send(place, event, values)  # noqa: B023

        press()
    place.check_log()


def test_no_model_is_asked_beyond_the_budget(place: Place) -> None:
    config = place.config
    start = next(
        event
        for event in config["dependencies"]
        if any(
            part["id"] == target[0] and part["props"].get("value") == "Start the debate"
            for target in event["targets"]
            for part in config["components"]
        )
    )
    parts = {part["id"]: part for part in config["components"]}
    statuses = []
    for number in range(60):
        with closing(place.client()) as web:
            data = [parts[part]["props"].get("value") for part in start["inputs"]]
            data = [
                "Should cats vote?" if parts[part]["props"].get("label") == TOPIC else value
                for part, value in zip(start["inputs"], data, strict=True)
            ]
            body = {"fn_index": start["id"], "data": data, "session_hash": f"rush{number:04}"}
            answer = web.post(f"{API}/run/predict", json=body)
            place.check(answer)
            statuses.append("debate=" in answer.text)
    assert not all(statuses), "every start went through"
    asked = [request for request in place.shop.requests if request.path.endswith("completions")]
    assert asked, "no debate could be started at all"
    with closing(sqlite3.connect(place.folder / "data" / "debates.sqlite")) as store:
        [(spent,)] = store.execute("SELECT tokens FROM spendings WHERE scope = 'app'")
    assert sum(int(str(USAGE[kind])) for kind in COUNTED) * len(asked) <= spent <= TOKENS
    place.check_log()


TOPIC = "What shall they argue about?"

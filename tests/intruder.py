"""A client without manners: any header, any body, from any address of this machine's loopback."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

API = "/gradio_api"
WITHIN = 30.0


@dataclass
class Answer:
    """What came back; header names in small letters, of several the last."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


@dataclass
class Intruder:
    """One client: an address to come from, a cookie, headers for every request."""

    address: str
    source: str = "127.0.0.1"
    cookie: str = ""
    always: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = urlsplit(self.address)
        self.host, self.port = parts.hostname or "", parts.port or 80
        self._lines: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Intruder:
        return self

    async def __aexit__(self, *_: object) -> None:
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection; closed with the client."""
        reader, writer = await asyncio.open_connection(
            self.host, self.port, local_addr=(self.source, 0), limit=1 << 24
        )
        self._writers.append(writer)
        return reader, writer

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> bytes:
        """A request as it goes over the wire."""
        fields = {"host": f"{self.host}:{self.port}", **self.always, **headers}
        if self.cookie:
            fields.setdefault("cookie", self.cookie)
        if body is not None:
            fields.setdefault("content-type", "application/json")
            fields.setdefault("content-length", str(len(body)))
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {text}" for name, text in fields.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")

    async def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] = {}
    ) -> Answer:
        """Send a request over a connection that is kept, and read the whole answer."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        reader, writer = self._lines.pop() if self._lines else await self.connect()
        try:
            writer.write(self.request(method, path, data, headers))
            async with asyncio.timeout(WITHIN):
                answer = await _read(reader, method)
        except BaseException:
            writer.transport.abort()
            raise
        if answer.headers.get("connection") == "close":
            writer.transport.abort()
        else:
            self._lines.append((reader, writer))
        return answer

    async def get(self, path: str, **headers: str) -> Answer:
        """``ask`` with GET; header names with _ for -."""
        return await self.ask("GET", path, None, _names(headers))

    async def post(self, path: str, body: object, **headers: str) -> Answer:
        """``ask`` with POST; header names with _ for -."""
        return await self.ask("POST", path, body, _names(headers))

    async def open(self) -> Answer:
        """Open the page as a browser does, and keep its cookie."""
        answer = await self.get("/", sec_fetch_mode="navigate")
        if "set-cookie" in answer.headers:
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer

    @asynccontextmanager
    async def stream(self, session_hash: str) -> AsyncIterator[asyncio.StreamReader]:
        """The event stream of a tab, behind the head of its answer."""
        reader, writer = await self.connect()
        try:
            writer.write(self.request("GET", f"{API}/queue/data?session_hash={session_hash}"))
            async with asyncio.timeout(WITHIN):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            assert " 200 " in head.splitlines()[0], head
            yield reader
        finally:
            writer.transport.abort()


@dataclass
class Events:
    """The numbers of the page's events, read from its description."""

    settle: int
    settle_inputs: int
    load: int
    stop: int

    @classmethod
    async def read(cls, intruder: Intruder) -> Events:
        """From ``/config``; raises where the page has no such events any more."""
        config = (await intruder.get("/config")).json
        queued = [e for e in config["dependencies"] if e["queue"] and e["backend_fn"]]
        load = [e for e in config["dependencies"] if e["targets"][0][1] == "load"]
        first = min(queued, key=lambda event: len(event["inputs"]))
        stops = {
            part["id"] for part in config["components"] if part["props"].get("value") == "Stop"
        }
        stop = [e for e in config["dependencies"] if e["targets"][0][0] in stops]
        return cls(first["id"], len(first["inputs"]), load[0]["id"], stop[0]["id"])


def call(event: int, session_hash: str, *data: object) -> dict[str, object]:
    """What the page sends for an event."""
    fields = {"event_data": None, "trigger_id": None}
    return {"data": [*data], "fn_index": event, "session_hash": session_hash, **fields}


async def _read(reader: asyncio.StreamReader, method: str) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    pairs = (line.split(": ", 1) for line in lines if ": " in line)
    headers = {name.lower(): value for name, value in pairs}
    body = b""
    if method == "HEAD" or first.split()[1] in ("204", "304"):
        pass
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    elif "chunked" in headers.get("transfer-encoding", ""):
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
    else:
        body = await reader.read()
    return Answer(int(first.split()[1]), headers, body)


def _names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): text for name, text in headers.items()}


async def together(count: int, coroutine: Any, at_once: int = 16) -> list[Any]:
    """``coroutine(i)`` for each number, some at once; errors of connections are results."""
    gate = asyncio.Semaphore(at_once)

    async def one(number: int) -> Any:
        async with gate:
            try:
                return await coroutine(number)
            except OSError as error:
                return error

    with suppress(asyncio.CancelledError):
        return await asyncio.gather(*(one(number) for number in range(count)))
    return []


async def start_debate(intruder: Intruder, model: str) -> str:
    """Press the last Start of the page with that model at every seat. Returns the debate's id."""
    config = (await intruder.get("/config")).json
    parts = {part["id"]: part for part in config["components"]}
    starts = [i for i, p in parts.items() if p["props"].get("value") == "Start the debate"]
    event = next(e for e in config["dependencies"] if e["targets"][0][0] == starts[-1])
    filled = {"Speaks through": model, "What shall they argue about?": "Is it so?"}
    props = [parts[i]["props"] for i in event["inputs"]]
    data = [filled.get(prop.get("label"), prop.get("value")) for prop in props]
    wish = call(event["id"], secrets.token_hex(5), *data)
    return debate_in((await intruder.post(f"{API}/run/predict", wish)).body.decode())


def debate_in(text: str) -> str:
    """The id of a debate in what the page was told."""
    found = re.search(r"debate=([A-Za-z0-9_-]{22})", text)
    assert found, text[:400]
    return found[1]

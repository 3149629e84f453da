"""Files out and in by HTTP: whose they are, how large they may be, and that they run nowhere."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.intruder import Intruder
from tests.linked import Linked

KINDS = {
    "md": "text/markdown",
    "txt": "text/plain",
    "json": "application/json",
    "html": "text/html",
}
MOST_KIB = 1024
"""What one import may carry in the public profile."""


@pytest.mark.parametrize("format", KINDS)
async def test_a_debate_is_a_file_for_whose_it_is(linked: Linked, format: str) -> None:
    async with linked.visitor() as owner, linked.visitor() as other:
        debate, _ = await linked.debate(owner)
        file = await owner.get(f"/debates/{debate}.{format}")
        assert file.status == 200
        assert file.headers["content-type"].startswith(KINDS[format])
        # A document, kept: it acts on no page of ours.
        assert file.headers["content-disposition"] == f'attachment; filename="is-it-so.{format}"'
        assert file.headers["content-security-policy"].startswith("default-src 'none'")
        assert file.headers["cache-control"] == "no-store"
        foreign = await other.get(f"/debates/{debate}.{format}")
        missing = await other.get(f"/debates/{'x' * 22}.{format}")
        assert foreign.status == missing.status == 404
        assert foreign.body.replace(debate.encode(), b"") == missing.body.replace(b"x" * 22, b"")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/debates/abc.md", 405),
        ("POST", "/debates/abc.md", 405),
        ("GET", "/debates/abc.exe", 404),
        ("GET", "/debates/abc", 404),
        ("GET", "/debates/..%2f..%2fetc.md", 404),
        ("GET", "/debates/a/b.md", 404),
        ("HEAD", "/history.zip", 405),
        ("GET", "/import", 405),
        ("PUT", "/import", 405),
    ],
)
async def test_only_these_ways_lead_to_files(
    linked: Linked, method: str, path: str, status: int
) -> None:
    async with linked.visitor() as client:
        assert (await client.ask(method, path, b"" if method != "GET" else None)).status == status


async def test_nobody_gets_no_files_and_leaves_none(linked: Linked) -> None:
    async with linked.visitor() as owner, Intruder(linked.address) as nobody:
        debate, _ = await linked.debate(owner)
        assert (await nobody.get(f"/debates/{debate}.md")).status == 401
        assert (await nobody.get("/history.zip")).status == 401
        assert (await nobody.post("/import", {})).status == 401


async def test_a_history_goes_out_and_comes_in_again(linked: Linked) -> None:
    async with linked.visitor() as owner, linked.visitor() as other:
        debates = [(await linked.debate(owner))[0] for _ in range(2)]
        zipped = await owner.get("/history.zip")
        assert zipped.status == 200
        assert zipped.headers["content-type"] == "application/zip"
        assert 'attachment; filename="rebuttal-history.zip"' in zipped.headers.values()
        with zipfile.ZipFile(io.BytesIO(zipped.body)) as archive:
            assert archive.testzip() is None
            documents = [name for name in archive.namelist() if name.endswith(".json")]
        assert len(documents) >= 2
        taken = await other.post("/import", zipped.body, content_type="application/zip")
        assert taken.status == 200, taken.body
        ids = taken.json["debates"]
        assert len(ids) == 2
        assert not {*ids} & {*debates}
        assert (await other.get(f"/debates/{ids[0]}.txt")).status == 200
        assert (await owner.get(f"/debates/{ids[0]}.txt")).status == 404


async def test_one_debate_goes_out_and_comes_in_again(linked: Linked) -> None:
    async with linked.visitor() as owner:
        debate, _ = await linked.debate(owner)
        file = await owner.get(f"/debates/{debate}.json")
        (new,) = (await owner.post("/import", file.body)).json["debates"]
        again = await owner.get(f"/debates/{new}.json")
        assert words(again.json) == words(file.json)


def words(document: dict[str, Any]) -> list[str]:
    return [turn["text"] for turn in document["turns"]]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"not json", b"PK\x03\x04 no zip", b"\xff\xfe", b"[" * 5000, b"null"]
)
async def test_what_is_no_export_is_refused_in_words(linked: Linked, body: bytes) -> None:
    async with linked.visitor() as client:
        answer = await client.post("/import", body)
        assert answer.status == 400
        assert answer.json["message"]
        assert isinstance(answer.json["hint"], str)


async def test_an_import_is_counted_while_it_comes(linked: Linked) -> None:
    """Told or not, more than may come in is refused before it has all been sent."""
    async with linked.visitor() as client:
        told = {"content-length": str(200 * 1024 * 1024)}
        assert (await client.ask("POST", "/import", b"", told)).status == 413
        reader, writer = await client.connect()
        head = client.request("POST", "/import", None, {"transfer-encoding": "chunked"})
        writer.write(head)
        piece = b" " * 65536
        sent = 0
        while not (reader._buffer or reader.at_eof()):  # type: ignore[attr-defined]
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            sent += len(piece)
            assert sent < 40 * MOST_KIB * 1024
            await asyncio.sleep(0.001)
        assert b" 413 " in await reader.readline()


async def test_an_import_that_breaks_off_leaves_nothing(linked: Linked) -> None:
    async with linked.visitor() as client:
        debate, _ = await linked.debate(client)
        whole = (await client.get(f"/debates/{debate}.json")).body
        reader, writer = await client.connect()
        told = {"content-length": str(len(whole) + 10)}
        writer.write(client.request("POST", "/import", None, told) + whole)
        await writer.drain()
        await asyncio.sleep(0.3)
        writer.transport.abort()
        await asyncio.sleep(0.5)
        zipped = await client.get("/history.zip")
        with zipfile.ZipFile(io.BytesIO(zipped.body)) as archive:
            assert len([name for name in archive.namelist() if name.endswith(".json")]) == 1
        # And the place is given back.
        assert (await client.post("/import", whole)).status == 200
        del reader


async def test_a_page_of_another_site_brings_nothing_in_and_takes_nothing_out(
    linked: Linked,
) -> None:
    async with linked.visitor() as victim:
        debate, _ = await linked.debate(victim)
        body = json.dumps(json.loads((await victim.get(f"/debates/{debate}.json")).body)).encode()
        for forged in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
            forged["content-type"] = "text/plain"
            assert (await victim.ask("POST", "/import", body, forged)).status == 403
            assert (await victim.ask("GET", f"/debates/{debate}.md", None, forged)).status == 403
            assert (await victim.ask("GET", "/history.zip", None, forged)).status == 403
        assert (await victim.post("/import", body, sec_fetch_site="same-origin")).status == 200


async def test_one_network_does_not_keep_others_histories_waiting(linked: Linked) -> None:
    async with AsyncExitStack() as guests:
        for _ in range(12):
            slow = await guests.enter_async_context(linked.visitor("127.0.0.9"))
            _, writer = await slow.connect()
            writer.write(slow.request("POST", "/import", None, {"content-length": "100"}) + b"{")
            await writer.drain()
        await asyncio.sleep(0.5)
        crowded = await guests.enter_async_context(linked.visitor("127.0.0.9"))
        assert (await crowded.post("/import", b"{}")).status == 429
        other = await guests.enter_async_context(linked.visitor("127.0.0.10"))
        assert (await other.post("/import", b"{}")).status == 400
        assert (await other.get("/history.zip")).status == 200


async def test_one_history_at_a_time_is_on_its_way(linked: Linked) -> None:
    async with linked.visitor() as client:
        reader, writer = await client.connect()
        writer.write(client.request("POST", "/import", None, {"content-length": "100"}) + b"{")
        await writer.drain()
        await asyncio.sleep(0.3)
        assert (await client.post("/import", b"{}")).status == 429
        async with linked.visitor() as other:
            assert (await other.post("/import", b"{}")).status == 400
        writer.transport.abort()
        del reader

"""A Rebuttal behind an address is the same as one in this process."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from rebuttal.app import DebateApp
from rebuttal.cli.commands import terminal
from rebuttal.cli.house import House
from rebuttal.errors import (
    BrokenAnswer,
    InvalidInput,
    NotAllowed,
    NotFound,
    RebuttalError,
    Unreachable,
)
from rebuttal.events import (
    DebateEvent,
    DebateFinished,
    DebatePaused,
    TurnDelta,
    TurnFinished,
    TurnStarted,
)
from rebuttal.records import Debate, Search, Seat
from rebuttal.remote import RemoteApp, events
from rebuttal.remote.address import checked_address
from rebuttal.remote.problems import problem
from rebuttal.remote.wire import Wire
from rebuttal.settings import HOME, load_settings
from tests.listening import ANN, served, token
from tests.page_app import CATALOG, SPEECHES, chat_models
from tests.relay import relaying
from tests.served import Served
from tests.snippets import blocks, runs
from tests.terminal_app import TEA, main

QUICK = (Seat(persona="cynic", model="Quick"), Seat(persona="rational", model="Quick"))
ENDLESS = (Seat(persona="cynic", model="Endless"), Seat(persona="rational", model="Endless"))
SLOW = (Seat(persona="cynic", model="Slow"), Seat(persona="rational", model="Slow"))


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that all tests share."""
    with served(tmp_path_factory.mktemp("there")) as server:
        yield server


@dataclass(frozen=True)
class Public:
    """A server for strangers, and a token for it that only reads."""

    address: str
    reads: str


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Public]:
    """One that all tests share."""
    folder = tmp_path_factory.mktemp("public")
    reads = token(folder, ANN, "read")
    with served(folder, "profile=public") as server:
        yield Public(server.address, reads)


@pytest.fixture(params=["here", "there"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    """Both kinds, one after the other."""
    if request.param == "there":
        async with RemoteApp(request.getfixturevalue("there").address) as remote:
            yield remote
        return
    models = tmp_path / "models.yaml"
    models.write_text(CATALOG)
    settings = load_settings(data=tmp_path, cache=tmp_path, models=models, offline=True)
    async with DebateApp(settings, chat_models=chat_models()) as app:
        yield app


async def until(
    house: House,
    debate_id: str,
    kind: type[DebateEvent],
    after: str | None = None,
) -> list[DebateEvent]:
    """What a watcher hears up to the first event of that kind."""
    heard: list[DebateEvent] = []
    async with asyncio.timeout(30), aclosing(house.watch(debate_id, after)) as batches:
        async for batch in batches:
            for event in batch:
                heard.append(event)
                if isinstance(event, kind):
                    return heard
    raise AssertionError("a watcher leaves by itself")


async def finished(house: House, rounds: int = 1) -> str:
    """A debate that has come to its end."""
    debate_id = await house.start("Should cats vote?", QUICK, rounds=rounds)
    await until(house, debate_id, DebateFinished)
    return debate_id


# --- the contract ---------------------------------------------------------------------------------


async def test_a_debate_is_begun_watched_and_read(house: House) -> None:
    debate_id = await house.start("Should cats vote?", QUICK, rounds=2, language="Latin", seed=7)
    heard = await until(house, debate_id, DebateFinished)
    turns = await house.transcript(debate_id)
    assert [e.turn for e in heard if isinstance(e, TurnFinished)] == [*turns]
    assert [turn.speaker for turn in turns] == ["user", "seat1", "seat2", "seat1", "seat2"]
    assert all(turn.text in SPEECHES for turn in turns[1:])
    assert {turn.persona for turn in turns[1:]} == {"cynic", "rational"}
    debate = await house.debate(debate_id)
    assert (debate.language, debate.seed, debate.tip) == ("Latin", 7, turns[-1].id)
    assert await house.origin(debate_id) == debate
    assert await house.state(debate_id) == "finished"
    assert debate in await house.debates()
    later = await until(house, debate_id, DebateFinished, turns[3].id)
    assert [e.turn.id for e in later if isinstance(e, TurnFinished)] == [turns[4].id]


async def test_a_watcher_who_waits_is_woken_now_and_then(house: House) -> None:
    debate_id = await finished(house)
    empty = 0
    async with asyncio.timeout(10), aclosing(house.watch(debate_id)) as batches:
        async for batch in batches:
            empty += not batch
            if empty == 2:
                break


async def test_stop_resume_pause_and_a_note(house: House) -> None:
    debate_id = await house.start("Should cats vote?", ENDLESS, rounds=1)
    await until(house, debate_id, TurnDelta)
    await house.stop(debate_id)
    paused = (await until(house, debate_id, DebatePaused))[-1]
    assert isinstance(paused, DebatePaused)
    assert paused.reason == "stopped"
    assert await house.state(debate_id) == "paused"
    half = (await house.transcript(debate_id))[-1]
    assert half.finish == "stopped"
    assert half.text.startswith("and")
    await house.history.find()
    assert debate_id not in house.history.speaking()
    await house.resume(debate_id)
    await until(house, debate_id, TurnStarted, half.id)
    await house.history.find()
    assert debate_id in house.history.speaking()
    await house.say(debate_id, "Be brief.")
    await house.pause(debate_id)
    await house.stop(debate_id)
    assert "Be brief." in [turn.text for turn in await house.transcript(debate_id)]


async def test_the_tree_of_a_debate(house: House) -> None:
    debate_id = await finished(house)
    topic, first, second = await house.transcript(debate_id)
    await house.regenerate(debate_id)
    await until(house, debate_id, DebateFinished, first.id)
    await house.edit(debate_id, first.id, "Cats vote with their feet.")
    await until(house, debate_id, DebateFinished, topic.id)
    edited = (await house.transcript(debate_id))[1]
    assert (edited.text, edited.edited_from) == ("Cats vote with their feet.", first.id)
    await house.branch(debate_id, first.id, seats=QUICK[:1], text="Only you now.", rounds=1)
    await until(house, debate_id, DebateFinished, first.id)
    assert [turn.text for turn in await house.transcript(debate_id)][2] == "Only you now."
    await house.choose(debate_id, second.id)
    assert [turn.id for turn in await house.transcript(debate_id)] == [
        topic.id,
        first.id,
        second.id,
    ]
    tree = await house.tree(debate_id)
    assert len(tree) > 6
    await house.prune(debate_id, edited.id)
    assert edited.id not in {turn.id for turn in await house.tree(debate_id)}


async def test_a_debate_is_run_again_compared_and_taken_away(house: House) -> None:
    debate_id = await finished(house)
    seats = {"seat1": Seat(persona="philosopher", model="Quick")}
    other = await house.rerun(debate_id, topic="And dogs?", rounds=1, seats=seats)
    await until(house, other, DebateFinished)
    again = await house.debate(other)
    assert (again.topic, again.rerun_of) == ("And dogs?", debate_id)
    assert again.debaters[0].persona.key == "philosopher"
    pairs = await house.compare(debate_id, other)
    assert len(pairs) >= 3
    assert (await house.export(debate_id, "md")).startswith("# Should cats vote?\n")
    assert Debate.model_validate(again) == again
    assert '"topic"' in await house.export(debate_id, "json")


async def test_the_history_is_found_named_pinned_and_deleted(house: House) -> None:
    debate_id = await finished(house)
    name = f"Cats & co {time.monotonic_ns()}"
    await house.history.rename(debate_id, name)
    await house.history.pin(debate_id, True)
    found = (await house.history.find(Search(text=name, finished=True))).found
    assert [one.debate.title for one in found] == [name]
    assert found[0].debate.pinned
    assert found[0].turns == 3
    await finished(house)
    first = await house.history.find(limit=1)
    assert len(first.found) == 1
    assert first.more
    second = await house.history.find(more=first.more, limit=1)
    assert second.found[0].debate.id != first.found[0].debate.id
    await house.history.delete([debate_id])
    with pytest.raises(NotFound):
        await house.debate(debate_id)
    await house.history.undelete([debate_id])
    assert (await house.debate(debate_id)).title == name


NOWHERE = "no-such-debate"
Act = Callable[[House], Awaitable[Any]]
REFUSED: list[tuple[Act, type[RebuttalError], str, str]] = [
    (lambda h: h.debate(NOWHERE), NotFound, NOWHERE, ""),
    (lambda h: h.transcript("../health"), NotFound, "../health", ""),
    (lambda h: h.stop(NOWHERE), NotFound, NOWHERE, ""),
    (lambda h: h.start(" ", QUICK), InvalidInput, "The topic is empty.", "Type something first."),
    (lambda h: h.start("x" * 8001, QUICK), InvalidInput, "8001 characters", ""),
    (lambda h: h.start("Cats?", QUICK, rounds=99), InvalidInput, "rounds: 99 is not", ""),
    (
        lambda h: h.start("Cats?", [Seat(persona="nobody", model="Quick")]),
        NotFound,
        "no persona is called 'nobody'",
        "Known: ",
    ),
    (lambda h: h.history.find(more="\x00"), InvalidInput, "", ""),
]


@pytest.mark.parametrize(("act", "kind", "said", "hint"), REFUSED)
async def test_what_cannot_be_is_refused_in_the_same_words(
    house: House, act: Act, kind: type[RebuttalError], said: str, hint: str
) -> None:
    with pytest.raises(kind) as refused:
        await act(house)
    assert type(refused.value) is kind
    assert said in refused.value.message
    assert hint in refused.value.hint


# --- the way there --------------------------------------------------------------------------------


def check_whole(heard: list[DebateEvent]) -> None:
    """No turn twice, and no word of one twice or out of order."""
    text, seen = "", list[str]()
    for event in heard:
        if isinstance(event, TurnStarted):
            text = ""
        elif isinstance(event, TurnDelta):
            text += event.text
        elif isinstance(event, TurnFinished):
            if not event.turn.from_user:
                assert event.turn.text.startswith(text.strip())
            seen.append(event.turn.id)
            text = ""
    assert len(seen) == len(set(seen))


async def test_connections_that_break_lose_nothing_and_repeat_nothing(there: Served) -> None:
    async with relaying(there.address) as relay, RemoteApp(relay.address) as remote:
        debate_id = await remote.start("Should cats vote?", SLOW, rounds=1)
        heard: list[DebateEvent] = []
        cuts = 0
        async with asyncio.timeout(40), aclosing(remote.watch(debate_id)) as batches:
            async for batch in batches:
                heard += batch
                if heard and isinstance(heard[-1], DebateFinished):
                    break
                if len(heard) > 5 * (cuts + 1) and cuts < 3:
                    cuts += relay.cut()
        assert cuts == 3
        check_whole(heard)
        turns = await remote.transcript(debate_id)
        assert [e.turn for e in heard if isinstance(e, TurnFinished)] == [*turns]
        again = [head for head in relay.heads if b"last-event-id: " in head]
        assert len(again) >= 3


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_watcher_is_still_there_when_the_server_has_been_restarted(tmp_path: Path) -> None:
    port = free_port()
    with served(tmp_path, f"port={port}") as first:
        async with RemoteApp(first.address) as remote:
            debate_id = await remote.start("Should cats vote?", SLOW, rounds=1)
            heard: list[DebateEvent] = []
            server = first
            async with asyncio.timeout(60), aclosing(remote.watch(debate_id)) as batches:
                async for batch in batches:
                    heard += batch
                    if any(isinstance(event, TurnDelta) for event in heard):
                        break
                await asyncio.to_thread(server.end)
                with served(tmp_path, f"port={port}"):
                    assert await remote.state(debate_id) == "interrupted"
                    await remote.resume(debate_id)
                    async for batch in batches:
                        heard += batch
                        if heard and isinstance(heard[-1], DebateFinished):
                            break
                    turns = await remote.transcript(debate_id)
    assert [e.turn for e in heard if isinstance(e, TurnFinished)] == [*turns]
    assert turns[1].finish == "stopped"
    assert len({turn.id for turn in turns}) == len(turns)


async def test_a_server_that_stays_away_is_given_up_with_a_hint(there: Served) -> None:
    async with relaying(there.address) as relay:
        wire = Wire(checked_address(relay.address, with_token=False))
        async with RemoteApp(relay.address) as remote:
            debate_id = await remote.start("Should cats vote?", SLOW, rounds=1)
        heard: list[DebateEvent] = []

        async def watch_until_it_goes() -> None:
            async with aclosing(events.watch(wire, debate_id, None, (0.01, 0.02))) as batches:
                async for batch in batches:
                    heard.extend(batch)
                    if heard:
                        relay.close()
                        relay.cut()

        with pytest.raises(Unreachable) as lost:
            await watch_until_it_goes()
        await wire.close()
    assert "rebuttal serve" in lost.value.hint
    assert heard


async def test_nobody_at_that_address() -> None:
    async with RemoteApp(f"http://127.0.0.1:{free_port()}") as remote:
        with pytest.raises(Unreachable, match="no connection") as refused:
            await remote.debates()
        assert "rebuttal serve" in refused.value.hint
        with pytest.raises(Unreachable):
            async for _ in remote.watch("x"):
                pass


@pytest.mark.parametrize("fault", ["html_200", "redirect", "plain_500"])
async def test_what_is_no_rebuttal_is_told_apart(fault: str) -> None:
    answers = {
        "html_200": b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\n<hi>",
        "redirect": b"HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:9\r\ncontent-length: 0\r\n\r\n",
        "plain_500": b"HTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\nno",
    }
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answers[fault])
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with RemoteApp(f"http://127.0.0.1:{port}", "rebuttal-secret") as remote:
            with pytest.raises(RebuttalError) as refused:
                await remote.debate("x")
    assert isinstance(refused.value, BrokenAnswer) == (fault != "plain_500")
    assert len(asked) == 1
    assert b"authorization: Bearer rebuttal-secret" in asked[0]
    assert "rebuttal-secret" not in str(refused.value)


@pytest.mark.parametrize("status", ["200 Yes", "400 No"])
async def test_what_is_nested_without_end_breaks_nothing(status: str) -> None:
    nested = b"[" * 100_000 + b"]" * 100_000

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(nested)}\r\n\r\n".encode())
        writer.write(nested)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with RemoteApp(f"http://127.0.0.1:{port}") as remote:
            for asked in (remote.models, remote.load_catalog, remote.debates):
                with pytest.raises(BrokenAnswer):
                    await asked()


@pytest.mark.parametrize(
    "line", [b"x" * 2**20, b"data: " + b"x" * 2**20 + b"\n", b": x\r\n" * 2**18]
)
async def test_an_event_without_end_fills_no_memory(line: bytes) -> None:
    sent = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        with suppress(ConnectionError):
            while sent < 100:
                writer.write(line)
                await writer.drain()
                sent += 1
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with RemoteApp(f"http://127.0.0.1:{port}") as remote:
            with pytest.raises(BrokenAnswer, match="without end"):
                async for _ in remote.watch("x"):
                    pass
    assert sent < 40


async def test_what_is_packed_is_not_unpacked() -> None:
    packed = gzip.compress(gzip.compress(b"[" + bytes(2**24)))
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        head = f"content-encoding: gzip, gzip\r\ncontent-length: {len(packed)}"
        writer.write(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + packed)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with RemoteApp(f"http://127.0.0.1:{port}") as remote:
            with pytest.raises(BrokenAnswer, match="packed"):
                await remote.models()
    assert b"accept-encoding: identity" in asked[0].lower()


async def test_a_start_whose_answer_was_lost_is_sent_once_more_under_its_key() -> None:
    keys: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length: ")[2].split()[0]))
        keys.append(head.partition(b"idempotency-key: ")[2].split()[0])
        if len(keys) > 1:
            writer.write(b'HTTP/1.1 201 Yes\r\ncontent-length: 14\r\n\r\n{"id": "abcd"}')
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with RemoteApp(f"http://127.0.0.1:{port}") as remote:
            assert await remote.start("Cats?", QUICK) == "abcd"
    assert len(keys) == 2
    assert keys[0] == keys[1]


async def test_a_token_opens_what_its_powers_allow_and_is_in_no_log(
    public: Public, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with RemoteApp(public.address, public.reads) as remote:
        assert await remote.debates() == []
        with pytest.raises(NotAllowed, match="power 'debate'"):
            await remote.start("Cats?", QUICK)
    for wrong in ("", "rebuttal-wrong"):
        async with RemoteApp(public.address, wrong) as stranger:
            with pytest.raises(NotAllowed) as refused:
                await stranger.debates()
            assert "REBUTTAL_TOKEN" in refused.value.hint
    assert public.reads not in caplog.text
    assert public.reads not in repr(remote)


@pytest.mark.parametrize(
    ("address", "refused"),
    [
        ("localhost:7860", "no address"),
        ("ftp://localhost", "no address"),
        ("http://", "no address"),
        ("http://localhost:99999", "no address"),
        ("http://localhost/?token=x", "no address"),
        ("http://ann:secret@localhost", "No name and no password"),
        ("http://debates.example.org", "in the clear"),
    ],
)
def test_addresses_that_are_refused(address: str, refused: str) -> None:
    with pytest.raises(InvalidInput, match=refused) as error:
        checked_address(address, with_token=True)
    assert "secret" not in str(error.value)


def test_where_a_token_goes_unencrypted_is_said() -> None:
    for here in ("http://localhost:7860/", "http://127.0.0.1", "http://[::1]:7860"):
        assert checked_address(here, with_token=True).warning == ""
        assert checked_address(here, with_token=True).here
    for near in ("http://192.168.1.4:7860", "http://attic.local", "http://rebuttal:7860"):
        assert "unencrypted" in checked_address(near, with_token=True).warning
        assert checked_address(near, with_token=False).warning == ""
    far = checked_address("https://debates.example.org/sub/", with_token=True)
    assert (far.base, far.warning, far.here) == ("https://debates.example.org/sub", "", False)
    with pytest.raises(InvalidInput) as refused:
        RemoteApp("http://localhost", "two words")
    assert "two words" not in str(refused.value)


async def test_proxies_of_the_environment_are_for_others_than_this_machine(
    there: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.close()

    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        async with RemoteApp("http://rebuttal.test") as remote:
            with pytest.raises(Unreachable):
                await remote.debate("x")
        assert asked[0].startswith(b"GET http://rebuttal.test/api/v1/debates/x ")
        asked.clear()
        async with RemoteApp(there.address) as remote:
            with pytest.raises(NotFound):
                await remote.debate("x")
        assert asked == []


def test_a_problem_is_the_error_that_it_was() -> None:
    busy = problem(429, b'{"type": "/api/v1/problems/busy", "detail": "All taken."}', "7")
    assert (busy.message, getattr(busy, "retry_after", 0)) == ("All taken.", 7.0)
    odd = problem(418, b'{"type": "x/tea", "title": "T\\u001b[2Jea", "detail": "", "hint": 3}')
    assert (type(odd), odd.message, odd.hint) == (InvalidInput, "Tea", "")
    assert type(problem(500, b"\xff")).__name__ == "ServerFailed"


# --- from the terminal ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Typing:
    """Types commands that are done at the server."""

    address: str
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str, code: int = 0) -> str:
        """What it says on stdout, or where it fails on stderr."""
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*words, "--server", self.address])
        out, err = self.capsys.readouterr()
        assert "Traceback" not in err
        assert ended.value.code == code, err
        return err if code else out


@pytest.fixture
def typed(there: Served, capsys: pytest.CaptureFixture[str]) -> Typing:
    return Typing(there.address, capsys)


def test_commands_are_done_at_the_server(typed: Typing, tmp_path: Path) -> None:
    seats = ("--seat", "cynic:Quick", "--seat", "rational:quick", "--rounds", "1")
    lines = typed("debate", "Should cats vote in May?", *seats, "--json").splitlines()
    events = [json.loads(line) for line in lines]
    assert events[-1]["kind"] == "debate_finished"
    debate_id = events[0]["debate"]
    said = next(e["text"] for e in events if e["kind"] == "turn_finished" and e["seat"] == "seat1")
    assert said in SPEECHES
    assert debate_id in typed("list")
    assert debate_id in typed("search", "cats", "may")
    assert said in typed("show", debate_id)
    file = tmp_path / "debate.md"
    typed("export", debate_id, "--to", str(file))
    assert said in file.read_text("utf-8")
    typed("rename", debate_id, "Feline suffrage")
    typed("pin", debate_id)
    assert "* Feline suffrage" in typed("list")
    assert "Cynic" in typed("tree", debate_id)
    assert "Cynic" in typed("branch", debate_id, "0", "--seat", "cynic:Quick", "--rounds", "1")
    assert "finished" in typed("stop", debate_id)
    typed("delete", debate_id)
    assert debate_id in typed("show", debate_id, code=1)
    typed("undelete", debate_id)
    assert "Quick" in typed("models")
    assert "cynic" in typed("personas")


def test_what_does_not_go_with_a_server_is_said(typed: Typing, tmp_path: Path) -> None:
    refused = typed("list", "--data", str(tmp_path), code=1)
    assert "--data does not go with --server" in refused
    assert "one by one" in typed("export", "--all", str(tmp_path / "all.zip"), code=1)
    assert "--server" in typed("backup", "copy", code=1)
    nowhere = Typing(f"http://127.0.0.1:{free_port()}", typed.capsys)
    assert "rebuttal serve" in nowhere("debate", "Cats?", code=1)


def test_a_token_comes_from_the_environment_and_is_named_where_it_lacks(
    public: Public, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REBUTTAL_TOKEN", raising=False)
    typed = Typing(public.address, capsys)
    assert "Set REBUTTAL_TOKEN" in typed("list", code=1)
    monkeypatch.setenv("REBUTTAL_TOKEN", public.reads)
    typed("list")
    lacks = typed("debate", "Cats?", "--seat", "cynic:Quick", code=1)
    assert "power 'debate'" in lacks
    assert public.reads not in lacks
    far = Typing("http://debates.example.org", capsys)("list", code=1)
    assert "in the clear" in far
    assert public.reads not in far


def test_ctrl_c_stops_a_debate_at_the_server(there: Served, tmp_path: Path) -> None:
    words = ("debate", "Cats?", "--seat", "cynic:Endless", "--json", "--server", there.address)
    command = [sys.executable, "-m", "tests.terminal_app", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        begun = json.loads(process.stdout.readline())
        while json.loads(process.stdout.readline())["kind"] != "turn_delta":
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 130
    paused = json.loads(out.splitlines()[-1])
    assert (paused["kind"], paused["reason"]) == ("debate_paused", "stopped")
    again = f"rebuttal resume {begun['debate']} --server {there.address.rstrip('/')}"
    assert again in err.decode()


LIVE, JSON, _, ELSEWHERE = blocks("docs/terminal.md", "sh")


@runs(ELSEWHERE)
def test_the_commands_of_the_page_about_the_terminal_work(typed: Typing) -> None:
    there = "https://debates.example.org"
    typed_so = [shlex.split(line) for line in ELSEWHERE.lines]
    assert len(typed_so) >= 9
    begun = typed("debate", "Is tea better than coffee?", "--rounds", "1", "--json")
    debate_id = json.loads(begun.splitlines()[0])["debate"]
    for program, *words in typed_so:
        assert program == "rebuttal"
        assert words[-2:] == ["--server", there]
        said = typed(*(debate_id if word == "ID" else word for word in words[:-2]))
        assert said.strip(), words


@runs(LIVE, JSON)
def test_a_debate_as_the_page_about_the_terminal_has_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = tmp_path / "models.yaml"
    models.write_text(
        CATALOG.partition("\nmodels:")[0] + "\nmodels:\n  Tea: {endpoint: Stage, model: t}\n"
    )
    for line in (LIVE.text, JSON.text):
        with pytest.raises(SystemExit) as ended:
            main([*shlex.split(line)[1:], "--data", str(tmp_path), "--models", str(models)])
        assert ended.value.code == 0
        said = capsys.readouterr().out
        assert TEA[0] in said
        assert ("debate_finished" in said) == ("--json" in line)


def test_every_command_that_can_be_done_elsewhere_is_named_on_the_page() -> None:
    page = (HOME / "docs" / "terminal.md").read_text("utf-8")
    group = typer.main.get_command(terminal(lambda _: None))
    commands = group.commands.items()  # type: ignore[attr-defined]
    able = {n for n, one in commands if any(p.name == "server" for p in one.params)}
    named = {
        *re.findall(r"`(?:rebuttal )?([a-z]+)`", page),
        *re.findall(r"^rebuttal (\w+)", page, re.M),
    }
    assert able
    assert able <= named

"""``rebuttal mcp``: a program of the SDK's own starts it and debates over stdin and stdout."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.types import TextContent

from rebuttal.app import DebateApp
from rebuttal.mcp import NEEDED
from rebuttal.records import Panel, Seat, Turn
from rebuttal.settings import HOME, load_settings
from tests.mcp_app import open_app
from tests.terminal_app import COFFEE, TEA

Object = dict[str, Any]
TEA_SEAT: Object = {"persona": "philosopher", "model": "Tea"}
COFFEE_SEAT: Object = {"persona": "cynic", "model": "Coffee:1b"}
SEATS = [TEA_SEAT, COFFEE_SEAT]
READING = {"read_debate", "search_debates", "list_panels", "list_personas", "list_models"}
SPEAKING = {"ask_panel", "start_debate", "wait_for_debate"}


def parameters(folder: Path) -> StdioServerParameters:
    """How a program starts it."""
    command = ["-m", "tests.mcp_app", "mcp", "--data", str(folder)]
    env = {"REBUTTAL_OFFLINE": "true", "REBUTTAL_CACHE": str(folder)}
    return StdioServerParameters(command=sys.executable, args=command, env=env, cwd=HOME)


@asynccontextmanager
async def connected(folder: Path, mode: str = "auto") -> AsyncIterator[Client]:
    async with Client(parameters(folder), mode=mode, read_timeout_seconds=30) as client:
        yield client


async def call(client: Client, tool: str, **arguments: Any) -> Object:
    """What the tool answers, in the form that it promised."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    (block,) = result.content
    assert isinstance(block, TextContent)
    answer: Object = result.structured_content
    assert json.loads(block.text) == answer
    return answer


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    """The words of a tool's error."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


async def cut(client: Client, debate_id: str) -> Object:
    """The last turn, when it is one that was stopped."""
    with anyio.fail_after(5):
        while True:
            debate = await call(client, "read_debate", debate_id=debate_id)
            turn: Object = debate["turns"][-1]
            if turn["finish"] == "stopped":
                return turn
            await anyio.sleep(0.05)


async def kept(folder: Path, debate_id: str) -> tuple[Turn, ...]:
    """What was said, as it is found afterwards."""
    async with DebateApp(load_settings(data=folder)) as app:
        return await app.transcript(debate_id)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_debate_is_begun_followed_read_and_found(tmp_path: Path, mode: str) -> None:
    async with connected(tmp_path, mode) as client:
        begun = await call(client, "start_debate", topic="Tea or coffee?", seats=SEATS, rounds=1)
        assert [one["name"] for one in begun["debaters"]] == ["Philosopher", "Cynic"]
        debate_id = begun["debate_id"]
        whole = await call(client, "wait_for_debate", debate_id=debate_id)
        assert (whole["state"], whole["problem"]) == ("finished", "")
        assert [turn["text"] for turn in whole["turns"]] == ["Tea or coffee?", TEA[0], COFFEE[0]]
        assert [turn["name"] for turn in whole["turns"]] == ["Moderator", "Philosopher", "Cynic"]
        assert await call(client, "read_debate", debate_id=debate_id) == whole
        topic = whole["turns"][0]["turn_id"]
        rest = await call(client, "wait_for_debate", debate_id=debate_id, after=topic)
        assert rest["turns"] == whole["turns"][1:]
        found = await call(client, "search_debates", text="empty page", persona="cynic")
        assert [debate["debate_id"] for debate in found["debates"]] == [debate_id]
        assert "page" in found["debates"][0]["excerpt"]
        assert (await call(client, "search_debates", text="lemonade"))["debates"] == []
        assert "400" in await refusal(client, "search_debates", text="x" * 401)


async def test_tools_say_what_they_do(tmp_path: Path) -> None:
    async with connected(tmp_path) as client:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {*listed} == READING | SPEAKING | {"stop_debate"}
        for name, tool in listed.items():
            assert tool.title
            assert tool.description
            assert "\n   " not in tool.description
            assert tool.output_schema
            assert tool.annotations
            assert tool.annotations.read_only_hint == (name in READING)
            assert tool.annotations.destructive_hint is False
            assert tool.annotations.open_world_hint == (name in SPEAKING)
            explained = [
                field.get("description") for field in tool.input_schema["properties"].values()
            ]
            assert all(explained), name
        assert "ask_panel" in (client.instructions or "")
        personas = await call(client, "list_personas")
        assert {"persona": "cynic", "name": "Cynic"}.items() <= personas["personas"][1].items()
        models = await call(client, "list_models")
        assert "SmolLM2" in [model["model"] for model in models["models"]]


async def test_a_panel_debates_and_its_chair_answers(tmp_path: Path) -> None:
    chair = Seat(persona="pragmatist", model="Tea")
    panel = Panel(name="two", seats=tuple(Seat(**seat) for seat in SEATS), rounds=1, chair=chair)
    async with open_app(load_settings(data=tmp_path)) as app:
        await app.panels.save(panel)
    told: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    async with connected(tmp_path) as client:
        (table,) = (await call(client, "list_panels"))["panels"]
        assert table["seats"] == ["philosopher@Tea", "cynic@Coffee:1b"]
        arguments = {"panel": "two", "question": "Tea or coffee?"}
        result = await client.call_tool("ask_panel", arguments, progress_callback=hear)
        assert result.structured_content
        assert result.structured_content["answer"] == TEA[1]
        assert result.structured_content["problem"] == ""
        debate = await call(client, "read_debate", debate_id=result.structured_content["debate_id"])
        assert debate["turns"][-1]["text"] == TEA[1]
        assert "two" in await refusal(client, "ask_panel", panel="three", question="Tea?")
    steps = [progress for progress, _, _ in told]
    assert steps == sorted({*steps})
    assert {total for _, total, _ in told} == {3}
    assert "Philosopher speaks, round 1" in [message for _, _, message in told]
    assert f"Cynic: {COFFEE[0]}" in [message for _, _, message in told]


async def test_errors_say_what_happened_and_what_to_do(tmp_path: Path) -> None:
    async with connected(tmp_path) as client:
        unknown = {"persona": "nobody", "model": "Tea"}
        said = await refusal(client, "start_debate", topic="Tea?", seats=[unknown])
        assert "nobody" in said
        assert "cynic" in said
        assert "'gone'" in await refusal(client, "read_debate", debate_id="gone")
        away = {"persona": "cynic", "model": "Away"}
        begun = await call(client, "start_debate", topic="Tea?", seats=[away])
        stands = await call(client, "wait_for_debate", debate_id=begun["debate_id"])
        assert stands["state"] == "paused"
        assert "connection refused" in stands["problem"]
        assert "away serve" in stands["problem"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_cancelled_wait_stops_the_debate(tmp_path: Path, mode: str) -> None:
    endless = {"persona": "cynic", "model": "Endless"}
    async with connected(tmp_path, mode) as client:
        begun = await call(client, "start_debate", topic="Tea?", seats=[endless])
        debate_id = begun["debate_id"]
        running = await call(client, "wait_for_debate", debate_id=debate_id, seconds=0.3)
        assert running["state"] == "running"
        with anyio.move_on_after(0.5) as scope:
            await client.call_tool("wait_for_debate", {"debate_id": debate_id})
        assert scope.cancelled_caught
        assert (await cut(client, debate_id))["text"].startswith("and so on")
        assert (await call(client, "read_debate", debate_id=debate_id))["state"] == "paused"


async def test_a_debate_is_stopped_and_goes_on_when_it_is_waited_for(tmp_path: Path) -> None:
    silent = {"persona": "cynic", "model": "Silent"}
    async with connected(tmp_path) as client:
        begun = await call(client, "start_debate", topic="Tea?", seats=[TEA_SEAT, silent], rounds=2)
        debate_id = begun["debate_id"]
        await call(client, "wait_for_debate", debate_id=debate_id, seconds=1.5)
        assert (await call(client, "stop_debate", debate_id=debate_id))["state"] == "paused"
        said = await call(client, "wait_for_debate", debate_id=debate_id, seconds=1)
        assert len(said["turns"]) > 2
        assert said["turns"][2]["finish"] == "stopped"


def spoken_to(folder: Path) -> subprocess.Popen[str]:
    """The process, and its streams by hand."""
    server = parameters(folder)
    return subprocess.Popen(
        [server.command, *server.args],
        cwd=HOME,
        env=os.environ | (server.env or {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def say(process: subprocess.Popen[str], number: int, method: str, **params: Any) -> Object:
    """A request, and the answer to it."""
    assert process.stdin
    assert process.stdout
    request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    process.stdin.write(json.dumps(request) + "\n")
    process.stdin.flush()
    while True:
        answer: Object = json.loads(process.stdout.readline())
        if answer.get("id") == number:
            assert "result" in answer, answer
            return answer["result"]  # type: ignore[no-any-return]


def shake_hands(process: subprocess.Popen[str]) -> None:
    who = {"name": "hand", "version": "1"}
    say(process, 0, "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=who)
    assert process.stdin
    process.stdin.write('{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')


async def test_nothing_but_the_protocol_is_on_stdout(tmp_path: Path) -> None:
    with spoken_to(tmp_path) as process:
        shake_hands(process)
        seats = [{"persona": "cynic", "model": "Loud"}]
        begun = say(
            process, 1, "tools/call", name="start_debate", arguments={"topic": "T", "seats": seats}
        )
        debate = {"debate_id": begun["structuredContent"]["debate_id"]}
        said = say(process, 2, "tools/call", name="wait_for_debate", arguments=debate)
        assert said["structuredContent"]["turns"][1]["text"].startswith("Whoever shouts")
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "")
    assert "loading weights" in err
    assert "loading more" in err


@pytest.mark.parametrize("how", ["eof", "SIGINT", "SIGTERM"])
async def test_its_end_keeps_what_was_said(tmp_path: Path, how: str) -> None:
    with spoken_to(tmp_path) as process:
        shake_hands(process)
        seats = [{"persona": "cynic", "model": "Endless"}]
        begun = say(
            process, 1, "tools/call", name="start_debate", arguments={"topic": "T", "seats": seats}
        )
        debate = {"debate_id": begun["structuredContent"]["debate_id"], "seconds": 0.5}
        say(process, 2, "tools/call", name="wait_for_debate", arguments=debate)
        if how != "eof":
            process.send_signal(getattr(signal, how))
            process.wait(15)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130 if how == "SIGINT" else 0, "")
    half = (await kept(tmp_path, debate["debate_id"]))[-1]
    assert (half.finish, half.text[:9]) == ("stopped", "and so on")


def missing(tmp_path: Path) -> str:
    """What is said where the package is not as it has to be."""
    code = "from rebuttal.mcp import check_installed; check_installed()"
    command = [sys.executable, "-S", "-c", code]
    path = os.pathsep.join([str(tmp_path), str(HOME)])
    env = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(command, env=env, capture_output=True, encoding="utf-8")
    return done.stderr.splitlines()[-1] if done.returncode else ""


def test_a_missing_package_is_said_with_what_to_type(tmp_path: Path) -> None:
    said = missing(tmp_path)
    assert "The package 'mcp' is not installed." in said
    assert f'pip install "{NEEDED}"' in said
    there = tmp_path / "mcp-1.27.0.dist-info"
    there.mkdir()
    (there / "METADATA").write_text("Metadata-Version: 2.1\nName: mcp\nVersion: 1.27.0\n")
    assert "'mcp' is 1.27.0, not 2" in missing(tmp_path)
    there.rename(tmp_path / "mcp-2.3.0.dist-info")
    (tmp_path / "mcp-2.3.0.dist-info" / "METADATA").write_text("Name: mcp\nVersion: 2.3.0\n")
    assert missing(tmp_path) == ""

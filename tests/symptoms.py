"""Everything that docs/troubleshooting.md quotes, caused for real, in the order of the page.

A cause is a function of a folder of its own. What it returns is what a terminal would print: the
message, and the hint below it, with the addresses that the page has in place of the test's.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from rebuttal.app import DebateApp
from rebuttal.catalog import load_catalog
from rebuttal.errors import RebuttalError
from rebuttal.events import ContextTrimmed, DebateEvent, DebatePaused
from rebuttal.providers.scripted import Line, ScriptedModel
from rebuttal.records import Seat
from rebuttal.serving import free_port
from rebuttal.settings import HOME, load_settings
from rebuttal.stores.memory import MemoryStore
from rebuttal.web.asgi import Refused
from rebuttal.web.hosts import Hosts
from tests.fault_server import FaultServer
from tests.ollama_server import OllamaServerFake

OPENAI = "https://api.openai.com/v1"
WORKSHOP = "http://localhost:8000/v1"
EMBEDDED = "Built-in: {api: embedded}"
SHORTLY = 0.1
"""Seconds that stand for the long ones of the settings."""
KEYS = {"SYMPTOM_PASTED": "“sk-abc”", "SYMPTOM_WRONG": "sk-never-issued", "SYMPTOM_POOR": "sk-poor"}
"""To be in the environment."""


def built_in() -> str:
    """The fields of the built-in model, as models.yaml has them."""
    found = re.search(r"  SmolLM2:(\n(?:    .*\n)+)", (HOME / "models.yaml").read_text("utf-8"))
    assert found
    return found[1]


def words(error: RebuttalError | DebatePaused) -> str:
    """As the terminal prints it."""
    return f"{error.message}\n{error.hint}".strip()


class House:
    """An app with one model at one endpoint, which has whatever else is given."""

    def __init__(self, folder: Path, model: str, endpoint: str, **settings: Any) -> None:
        self.label, _, fields = model.partition(": ")
        catalog = f"endpoints:\n  {endpoint}\nmodels:\n  {self.label}: {fields}\n"
        models = folder / "models.yaml"
        models.write_text(catalog, "utf-8")
        self.settings = load_settings(data=folder, models=models, **settings)

    async def events(
        self, app: DebateApp, topic: str = "Is tea better than coffee?", rounds: int = 1
    ) -> AsyncGenerator[DebateEvent, None]:
        """Of a debate of two."""
        seats = [Seat(persona="cynic", model=self.label), Seat(persona="polite", model=self.label)]
        debate = await app.start(topic, seats, rounds=rounds)
        async with aclosing(app.watch(debate)) as batches:
            async for batch in batches:
                for event in batch:
                    yield event

    async def wait(self, **models: Any) -> str:
        """Why the debate waits."""
        async with (
            DebateApp(self.settings, store=MemoryStore(), chat_models=models) as app,
            aclosing(self.events(app)) as events,
        ):
            async for event in events:
                if isinstance(event, DebatePaused):
                    return words(event)
        raise AssertionError


async def played(folder: Path, fault: str, instead: str = WORKSHOP, **more: Any) -> str:
    """Why a debate waits whose server plays that fault."""
    model, endpoint = more.pop("model", "Big: {endpoint: Workshop, model: big}"), "Workshop"
    async with FaultServer(fault) as server:
        if instead.endswith("11434/v1"):
            endpoint = "Ollama"
        api = "ollama" if endpoint == "Ollama" else "openai"
        line = f"{endpoint}: {{address: '{server.address}', api: {api}, needs_key: false}}"
        return (await House(folder, model, line, **more).wait()).replace(server.address, instead)


async def answered(
    folder: Path,
    status: int,
    answer: object,
    instead: str = WORKSHOP,
    model: str = "big",
    key: str = "",
) -> str:
    """Why a debate waits whose server gives that answer to everything."""
    body = answer if isinstance(answer, str) else json.dumps({"error": answer})
    async with OllamaServerFake(broken=(status, body)) as server:
        address = server.address if instead.endswith("/v1") else server.address[:-3]
        line = f"E: {{address: '{address}', {f'key: {key}' if key else 'needs_key: false'}}}"
        said = await House(folder, f"M: {{endpoint: E, model: {model}}}", line).wait()
        return re.sub(r"SYMPTOM_\w+", "OPENAI_API_KEY", said.replace(address, instead))


# In the order of the page


async def no_ollama(folder: Path) -> str:
    model = "Mistral: {endpoint: Ollama, model: mistral}"
    return await played(folder, "refuse", "http://localhost:11434/v1", model=model)


async def no_other_server(folder: Path) -> str:
    model = "Mine: {endpoint: Workshop, model: local-model}"
    return await played(folder, "refuse", "http://localhost:1234/v1", model=model)


async def not_pulled(folder: Path) -> str:
    async with OllamaServerFake() as server:
        line = f"Ollama: {{address: '{server.address}', api: ollama, needs_key: false}}"
        said = await House(folder, "Mistral: {endpoint: Ollama, model: mistral}", line).wait()
        said = said.replace("mistral:latest", "mistral")  # as Ollama itself says it
        return said.replace(server.address, "http://localhost:11434/v1")


async def no_such_id(folder: Path) -> str:
    error = {"message": "The model 'gpt-9' does not exist", "code": "model_not_found"}
    return await answered(folder, 404, error, OPENAI, "gpt-9")


async def no_such_label(folder: Path) -> str:
    async with DebateApp(load_settings(data=folder), store=MemoryStore()) as app:
        try:
            await app.start("Tea?", [Seat(persona="cynic", model="Mistrall")])
        except RebuttalError as error:
            return words(error)
    raise AssertionError


async def a_web_page(folder: Path) -> str:
    return await answered(folder, 200, "<!doctype html><title>Ours</title>", WORKSHOP[:-3])


async def no_such_path(folder: Path) -> str:
    return await answered(folder, 404, "404 page not found", WORKSHOP[:-3])


async def port_taken(folder: Path) -> str:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        try:
            free_port("127.0.0.1", port)
        except RebuttalError as error:
            return words(error).replace(str(port), "7860")
    raise AssertionError


async def no_first_word(folder: Path) -> str:
    said = await played(folder, "accept_then_silence", first_token_within=SHORTLY)
    return said.replace(f"{SHORTLY:g} s", f"{load_settings().first_token_within:g} s")


async def silence(folder: Path) -> str:
    said = await played(folder, "one_token_then_silence", silence_within=SHORTLY)
    return said.replace(f"{SHORTLY:g} s", f"{load_settings().silence_within:g} s")


async def too_large(folder: Path) -> str:
    house = House(folder, f"My Qwen: {built_in()}", EMBEDDED, memory_mib=128)
    return await house.wait()


async def no_memory_there(folder: Path) -> str:
    return await answered(folder, 500, {"message": "CUDA error: out of memory"})


def speech(number: int) -> str:
    """One of 300 letters, like no other."""
    return " ".join(f"{chr(97 + (number * at) % 26)}{number * at}" for at in range(60)) + "."


async def trimmed(folder: Path) -> str:
    house = House(folder, "S: {endpoint: E, model: s}", 'E: {address: "http://localhost:9/v1"}')
    model = ScriptedModel([speech(number) for number in range(20)], context=1024)
    async with (
        DebateApp(house.settings, store=MemoryStore(), chat_models={"S": model}) as app,
        aclosing(house.events(app, rounds=8)) as events,
    ):
        async for event in events:
            if isinstance(event, ContextTrimmed):
                return event.words
    raise AssertionError


async def no_room(folder: Path) -> str:
    house = House(folder, "Small: {endpoint: E, model: s}", 'E: {address: "http://localhost:9/v1"}')
    return await house.wait(Small=ScriptedModel([speech(7)], context=512, repeat=True))


async def only_thought(folder: Path) -> str:
    return await played(folder, "only_thought")


async def no_text(folder: Path) -> str:
    return await played(folder, "no_text")


async def no_answer(folder: Path) -> str:
    return await played(folder, "zero_chunks")


async def no_key(folder: Path) -> str:
    return await answered(folder, 200, "", OPENAI, "gpt-5-mini", "SYMPTOM_NONE")


async def pasted_key(folder: Path) -> str:
    return await answered(folder, 200, "", OPENAI, "gpt-5-mini", "SYMPTOM_PASTED")


async def wrong_key(folder: Path) -> str:
    error = {"message": f"Incorrect API key provided: {KEYS['SYMPTOM_WRONG']}"}
    return await answered(folder, 401, error, OPENAI, "gpt-5-mini", "SYMPTOM_WRONG")


async def no_money(folder: Path) -> str:
    message = "You exceeded your current quota, please check your plan and billing details."
    error = {"message": message, "code": "insufficient_quota"}
    return await answered(folder, 429, error, OPENAI, "gpt-5-mini", "SYMPTOM_POOR")


async def offline(folder: Path) -> str:
    house = House(folder, f"SmolLM2: {built_in()}", EMBEDDED, offline=True, cache=folder)
    return await house.wait()


async def misspelt(folder: Path) -> str:
    file = folder / "models.yaml"
    endpoints = 'endpoints:\n  Workshop: {address: "http://localhost:8000/v1"}\n'
    file.write_text(f"{endpoints}models:\n  Big one: {{endpoint: Workshp, model: big}}\n", "utf-8")
    try:
        load_catalog(file, HOME / "personas")
    except RebuttalError as error:
        return words(error)
    raise AssertionError


async def unwatched(folder: Path) -> str:
    house = House(
        folder,
        "S: {endpoint: E, model: s}",
        'E: {address: "http://localhost:9/v1"}',
        unwatched_after=SHORTLY,
    )
    model = ScriptedModel([Line("and so on ", next="end")], delay=0.1, repeat=True)
    async with DebateApp(house.settings, store=MemoryStore(), chat_models={"S": model}) as app:
        debate = await app.start("Tea?", [Seat(persona="cynic", model="S")] * 2, rounds=10)
        while await app.state(debate) == "running":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        async with aclosing(app.watch(debate)) as batches:
            async for batch in batches:
                for event in batch:
                    if isinstance(event, DebatePaused):
                        return words(event)
    raise AssertionError


async def another_name(folder: Path) -> str:
    hosts = Hosts(load_settings(host="0.0.0.0"), {})
    try:
        hosts.check({"headers": [(b"host", b"debates.example.org")]})
    except Refused as refused:
        return str(refused)
    raise AssertionError


CAUSES: tuple[Callable[[Path], Awaitable[str]], ...] = (
    *(no_ollama, no_other_server, not_pulled, no_such_id, no_such_label, a_web_page, no_such_path),
    *(port_taken, no_first_word, silence, too_large, no_memory_there, trimmed, no_room),
    *(only_thought, no_text, no_answer, no_key, pasted_key, wrong_key, no_money),
    *(offline, misspelt, unwatched, another_name),
)


async def caused(folder: Path) -> dict[str, str]:
    """What each says, by its name. All at once: some wait for seconds."""

    async def one(cause: Callable[[Path], Awaitable[str]]) -> str:
        own = folder / cause.__name__
        own.mkdir()
        return await cause(own)

    said = await asyncio.gather(*(one(cause) for cause in CAUSES))
    return {cause.__name__: text for cause, text in zip(CAUSES, said, strict=True)}

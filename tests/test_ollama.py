"""Ollama beyond ``/v1``: against a small server of its kind, and marked ones against a real one."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from rebuttal.catalog import Endpoint, Model
from rebuttal.errors import (
    BrokenAnswer,
    KeyRejected,
    ModelError,
    ModelMissing,
    RequestRejected,
    ServerFailed,
    Unreachable,
)
from rebuttal.providers.base import Chunk, Footprint, Limits, Message, Options, Progress
from rebuttal.providers.ollama import InstalledModel, OllamaModel, OllamaServer, full_name
from tests.ollama_server import GB, OllamaServerFake

PROMPT = (Message("user", "Tea or coffee?"),)


@pytest.fixture
async def fake(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OllamaServerFake]:
    monkeypatch.delenv("OLLAMA_CONTEXT_LENGTH", raising=False)
    async with OllamaServerFake() as server:
        yield server


def endpoint_at(address: str) -> Endpoint:
    return Endpoint(name="Ollama", api="ollama", address=address, needs_key=False)


def server_at(fake: OllamaServerFake) -> OllamaServer:
    return OllamaServer(endpoint_at(fake.address))


def model_at(
    fake: OllamaServerFake, server: OllamaServer, name: str = "phi", context: int | None = None
) -> OllamaModel:
    model = Model(label="The model", endpoint="Ollama", model=name, context=context)
    return OllamaModel(endpoint_at(fake.address), model, None, Limits(retries=0), server)


async def hear(model: OllamaModel) -> list[Chunk]:
    async with aclosing(model.stream(PROMPT, Options(max_tokens=16))) as stream:
        return [chunk async for chunk in stream]


def waiting(chunks: list[Chunk]) -> list[str]:
    return [chunk.waiting for chunk in chunks if chunk.waiting]


# What is there


async def test_installed_models_carry_size_and_what_of_them_is_loaded(
    fake: OllamaServerFake,
) -> None:
    fake.loaded["llama3.2:1b"] = 8192
    assert await server_at(fake).installed() == [
        InstalledModel("llama3.2:1b", GB, True, 8192, 2 * GB, GB // 2, "d"),
        InstalledModel("phi:latest", GB, digest="d"),
    ]


async def test_what_a_model_can_is_asked_once(fake: OllamaServerFake) -> None:
    fake.num_ctx["phi:latest"] = 2048
    server = server_at(fake)
    first = await server.show("phi")
    assert (first.max_context, first.num_ctx) == (32768, 2048)
    assert first.capabilities == {"completion", "thinking"}
    assert await server.show("Phi:latest") == first
    assert fake.paths() == ["/api/show"]


async def test_the_context_is_the_allocated_one_else_what_loading_would_give(
    fake: OllamaServerFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await server_at(fake).context("phi") == 4096
    monkeypatch.setenv("OLLAMA_CONTEXT_LENGTH", "16384")
    assert await server_at(fake).context("phi") == 16384
    fake.num_ctx["phi:latest"] = 2048
    assert await server_at(fake).context("phi") == 2048
    fake.loaded["phi:latest"] = 6144
    assert await server_at(fake).context("phi") == 6144
    fake.longest = 1024
    assert await server_at(fake).context("phi") == 1024


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("mistral", "Mistral:latest"),
        ("hf.co/Some/Model", "hf.co/some/model:latest"),
        ("localhost:5000/a/b", "localhost:5000/a/b:latest"),
    ],
)
def test_names_without_a_tag_mean_latest_in_any_case(name: str, same: str) -> None:
    assert full_name(name) == full_name(same)


def test_tags_tell_models_apart() -> None:
    assert full_name("llama3.2") != full_name("llama3.2:1b")


# What goes wrong


async def test_a_server_that_is_not_running_is_said_with_how_to_start_it() -> None:
    server = OllamaServer(endpoint_at("http://localhost:1/v1"))
    for asking in (server.installed(), server.show("phi"), server.unload("phi")):
        with pytest.raises(Unreachable, match="connection refused") as caught:
            await asking
        assert "ollama serve" in caught.value.hint
    with pytest.raises(Unreachable):
        async for _ in server.pull("phi"):
            pass


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, "<html>", BrokenAnswer),
        (200, "[]", BrokenAnswer),
        (200, '{"models": 3}', BrokenAnswer),
        (200, '{"models": [{"model": 3}]}', BrokenAnswer),
        (200, "\ufffd{", BrokenAnswer),
        (302, "", RequestRejected),
        (401, '{"error": "unauthorized"}', KeyRejected),
        (404, "404 page not found", ModelMissing),
        (500, '"only text"', ModelError),
        (500, '{"error": "out of memory"}', ServerFailed),
    ],
)
async def test_every_strange_answer_is_an_error_of_ours(
    fake: OllamaServerFake, status: int, body: str, kind: type[ModelError]
) -> None:
    fake.broken = (status, body)
    with pytest.raises(kind):
        await server_at(fake).installed()


async def test_a_missing_model_is_said_with_how_to_pull_it(fake: OllamaServerFake) -> None:
    server = server_at(fake)
    for asking in (server.show("nope"), server.context("nope")):
        with pytest.raises(ModelMissing) as caught:
            await asking
        assert "ollama pull nope" in caught.value.hint
    with pytest.raises(ModelMissing):
        await hear(model_at(fake, server, "nope"))


async def test_no_key_but_the_endpoints_own_is_sent(
    fake: OllamaServerFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "key-of-somebody-else")
    await server_at(fake).installed()
    await OllamaServer(endpoint_at(fake.address), "our-key").show("phi")
    assert fake.keys == [None, None, "Bearer our-key"]


# Pull and unload

LAYERS: list[dict[str, Any]] = [
    {"status": "pulling manifest"},
    {"status": "pulling 6a07", "digest": "sha256:6a07", "total": 900_000_000},
    {"status": "pulling 6a07", "digest": "sha256:6a07", "total": 900_000_000, "completed": 9**9},
    {"status": "pulling b1c2", "digest": "sha256:b1c2", "total": 100_000_000, "completed": 10**8},
    {"status": "verifying sha256 digest"},
]


async def test_a_pull_tells_how_far_it_is_over_all_layers(fake: OllamaServerFake) -> None:
    fake.pull = [*LAYERS, {"status": "success"}]
    steps = [step async for step in server_at(fake).pull("phi")]
    assert steps[0] == Progress("pulling phi: pulling manifest")
    assert steps[3].text == "pulling phi: 487 of 1000 MB"
    assert (steps[3].done, steps[3].total) == (9**9 + 10**8, GB)
    assert steps[-1] == Progress("phi is here", GB, GB)


@pytest.mark.parametrize(
    ("end", "kind", "said"),
    [
        ({"error": "pull model manifest: file does not exist"}, ModelMissing, "no such model"),
        ({"error": "write: no space left on device"}, ServerFailed, "no space left"),
        ({"status": "verifying"}, ServerFailed, "ended early"),
    ],
)
async def test_a_pull_that_fails_in_the_middle_says_why(
    fake: OllamaServerFake, end: dict[str, str], kind: type[ModelError], said: str
) -> None:
    fake.pull = [*LAYERS, end]
    with pytest.raises(kind, match=said):
        async for _ in server_at(fake).pull("phi"):
            pass


async def test_leaving_a_pull_closes_its_connection(fake: OllamaServerFake) -> None:
    fake.pull, fake.silent = LAYERS, True

    async def pull() -> None:
        async for _ in server_at(fake).pull("phi"):
            pass

    pulling = asyncio.create_task(pull())
    await asyncio.sleep(0.3)
    assert fake.open == 1
    began = time.perf_counter()
    pulling.cancel()
    await asyncio.wait({pulling})
    async with asyncio.timeout(1):
        while fake.open:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert time.perf_counter() - began < 0.2


async def test_unloading_frees_the_model_and_its_alias_and_nothing_else(
    fake: OllamaServerFake,
) -> None:
    server = server_at(fake)
    await hear(model_at(fake, server, "phi", context=8192))
    fake.loaded |= {"phi:latest": 4096, "llama3.2:1b": 4096}
    assert "phi-8k:latest" in fake.loaded
    await server.unload("Phi")
    assert list(fake.loaded) == ["llama3.2:1b"]
    asked = [body for path, body in fake.asked if path == "/api/generate"]
    assert [body["keep_alive"] for body in asked] == [0, 0]


async def test_what_is_unloaded_is_gone_when_that_is_said(fake: OllamaServerFake) -> None:
    server = server_at(fake)
    fake.loaded["phi:latest"], fake.lingers = 4096, 4
    await server.unload("phi")
    assert not any(model.loaded for model in await server.installed())


# Speaking


async def test_a_model_is_loaded_without_being_asked_anything(fake: OllamaServerFake) -> None:
    server = server_at(fake)
    plain, wide = model_at(fake, server), model_at(fake, server, context=8192)
    steps = [step.text async for step in plain.load()]
    assert steps == ["loading The model", "The model is in memory"]
    assert fake.loaded == {"phi:latest": 4096}
    assert [step.text async for step in wide.load()] == steps
    assert fake.loaded["phi-8k:latest"] == 8192, "with the context that a turn will want"
    assert "/v1/chat/completions" not in fake.paths()
    assert await plain.footprint() == Footprint("CPU and GPU", 2 * GB, GB // 2, 32768)
    await server.unload("phi")
    assert await wide.footprint() == Footprint(max_context=32768)


async def test_loading_is_said_once_and_asked_for_only_when_another_model_spoke(
    fake: OllamaServerFake,
) -> None:
    server = server_at(fake)
    phi, llama = model_at(fake, server), model_at(fake, server, "llama3.2:1b")
    first, second = await hear(phi), await hear(phi)
    assert waiting(first) == ["loading The model"]
    assert "".join(chunk.text for chunk in first) == "Tea."
    assert waiting(second) == []
    assert fake.paths().count("/api/ps") == 1
    assert waiting(await hear(llama)) == ["loading The model"]
    assert waiting(await hear(phi)) == []
    assert fake.paths().count("/api/ps") == 3


async def test_a_wish_for_more_context_is_met_by_an_alias_made_once(
    fake: OllamaServerFake,
) -> None:
    server = server_at(fake)
    model = model_at(fake, server, "phi", context=8192)
    assert await model.context() == 8192
    await hear(model)
    await hear(model)
    assert fake.loaded == {"phi-8k:latest": 8192}
    assert fake.paths().count("/api/create") == 1
    installed = await server.installed()
    assert [(m.name, m.context) for m in installed] == [("llama3.2:1b", None), ("phi:latest", 8192)]
    again = model_at(fake, server_at(fake), "phi", context=8192)
    await hear(again)
    assert fake.paths().count("/api/create") == 1


async def test_an_alias_never_takes_the_name_of_another_model(fake: OllamaServerFake) -> None:
    fake.models["phi-8k:latest"] = GB
    await hear(model_at(fake, server_at(fake), "phi", context=8192))
    assert fake.loaded == {"phi-8k-rebuttal:latest": 8192}


async def test_without_need_there_is_no_alias(fake: OllamaServerFake) -> None:
    for context in (None, 2048, 4096):
        await hear(model_at(fake, server_at(fake), "phi", context=context))
    assert await model_at(fake, server_at(fake), "phi", context=2048).context() == 2048
    assert "/api/create" not in fake.paths()


async def test_no_wish_goes_beyond_what_the_model_can(fake: OllamaServerFake) -> None:
    fake.longest = 2048
    model = model_at(fake, server_at(fake), "phi", context=8192)
    assert await model.context() == 2048
    await hear(model)
    assert "/api/create" not in fake.paths()


async def test_an_alias_that_was_removed_is_made_again(fake: OllamaServerFake) -> None:
    model = model_at(fake, server_at(fake), "phi", context=8192)
    await hear(model)
    del fake.models["phi-8k:latest"]
    with pytest.raises(ModelMissing):
        await hear(model)
    assert (await hear(model))[-1].finish == "stop"


# A real server, at REBUTTAL_TEST_OLLAMA or where Ollama usually is, and the first model it has


@pytest.fixture
async def real() -> tuple[OllamaServer, Endpoint, str]:
    address = os.environ.get("REBUTTAL_TEST_OLLAMA")
    endpoint = endpoint_at(f"{(address or 'http://localhost:11434').rstrip('/')}/v1")
    server = OllamaServer(endpoint)
    try:
        installed = await server.installed()
    except Unreachable as error:
        if address:
            raise
        pytest.skip(str(error))
    if not installed:
        pytest.skip("the Ollama server has no model")
    return server, endpoint, installed[0].name


@pytest.mark.ollama
async def test_a_real_server_loads_speaks_and_unloads(
    real: tuple[OllamaServer, Endpoint, str],
) -> None:
    server, endpoint, name = real
    await server.unload(name)
    await _until(server, name, loaded=False)
    model = Model(label="Real", endpoint="Ollama", model=name)
    speaker = OllamaModel(endpoint, model, None, Limits(), server)
    chunks = await hear(speaker)
    assert waiting(chunks) == ["loading Real"]
    assert "".join(chunk.text for chunk in chunks).strip()
    loaded = await _until(server, name, loaded=True)
    assert loaded.context == await speaker.context()
    assert loaded.loaded_bytes
    began = time.perf_counter()
    assert await server.is_loaded(name)
    assert time.perf_counter() - began < 0.1
    await server.unload(name)
    await _until(server, name, loaded=False)


@pytest.mark.ollama
async def test_a_real_server_gives_an_alias_the_context_that_is_wanted(
    real: tuple[OllamaServer, Endpoint, str],
) -> None:
    server, endpoint, name = real
    model = Model(label="Real", endpoint="Ollama", model=name, context=6144)
    speaker = OllamaModel(endpoint, model, None, Limits(), server)
    assert (await hear(speaker))[-1].finish
    assert (await _until(server, name, loaded=True)).context == 6144 == await speaker.context()
    await server.unload(name)


@pytest.mark.ollama
async def test_a_real_server_says_that_a_model_is_missing(
    real: tuple[OllamaServer, Endpoint, str],
) -> None:
    server, endpoint, _ = real
    with pytest.raises(ModelMissing):
        await server.show("no-such-model-of-ours")
    missing = Model(label="None", endpoint="Ollama", model="no-such-model-of-ours")
    with pytest.raises(ModelMissing):
        await hear(OllamaModel(endpoint, missing, None, Limits(), server))


async def _until(server: OllamaServer, name: str, *, loaded: bool) -> InstalledModel:
    """The model once it is, or is no more, in memory."""
    async with asyncio.timeout(10):
        while True:
            found = {full_name(one.name): one for one in await server.installed()}
            if found[full_name(name)].loaded == loaded:
                return found[full_name(name)]
            await asyncio.sleep(0.1)

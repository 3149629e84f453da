"""Models over HTTP: what there is, what it takes in memory, and loading before it is asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from rebuttal.app import DebateApp
from rebuttal.records import OPERATOR, Visitor
from rebuttal.settings import load_settings
from rebuttal.web.api.application import build_api
from rebuttal.web.asgi import Receive, Scope, Send
from tests.built_in import BuiltIn
from tests.ollama_server import GB, OllamaServerFake
from tests.paying import ANN

CATALOG = """\
endpoints:
  Inside: {{api: embedded}}
  Ollama: {{api: ollama, address: "{address}", needs_key: false}}
  Far: {{address: "http://localhost:9/v1", needs_key: false, lists_models: false}}
models:
  Small:
    endpoint: Inside
    model: small
    context: 512
    weights: {{path: "{weights}"}}
  Phi: {{endpoint: Ollama, model: phi}}
  New: {{endpoint: Ollama, model: new}}
  Elsewhere: {{endpoint: Far, model: elsewhere}}
"""


@asynccontextmanager
async def calling(
    folder: Path, ollama: str, weights: object = "away.gguf", visitor: Visitor = OPERATOR
) -> AsyncIterator[httpx.AsyncClient]:
    """A program that the guard knows as that visitor."""
    models = folder / "models.yaml"
    models.write_text(CATALOG.format(address=ollama, weights=weights))
    profile = "local" if visitor.operator else "public"
    settings = load_settings(
        data=folder, cache=folder, models=models, offline=True, profile=profile
    )
    async with DebateApp(settings) as app:
        api = build_api(app)

        async def known(scope: Scope, receive: Receive, send: Send) -> None:
            await api({**scope, "rebuttal.visitor": visitor}, receive, send)

        transport = httpx.ASGITransport(app=known)
        async with httpx.AsyncClient(transport=transport, base_url="http://here/api/v1") as web:
            yield web


async def told(web: httpx.AsyncClient, path: str, **query: str) -> Any:
    answer = await web.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def pieces(web: httpx.AsyncClient, path: str, model: str) -> list[tuple[str, dict[str, Any]]]:
    """The server-sent events of an answer."""
    answer = await web.post(path, json={"model": model})
    assert answer.status_code == 200, answer.text
    events = (event.split("\n") for event in answer.text.strip().split("\n\n"))
    return [(kind.removeprefix("event: "), json.loads(data[6:])) for kind, data in events]


async def test_an_embedded_model_is_loaded_tells_what_it_takes_and_is_unloaded(
    tmp_path: Path, built_in: BuiltIn
) -> None:
    assert built_in.model.weights
    file = built_in.weights.find(built_in.model.weights)
    async with OllamaServerFake() as ollama, calling(tmp_path, ollama.address, file) as web:
        before = await told(web, "/model-info", model="Small")
        assert (before["state"], before["memory"], before["device"]) == ("ready", None, None)
        assert (before["context"], before["max_context"]) == (512, 8192)
        steps = await pieces(web, "/load-model", "Small")
        assert [data["text"] for _, data in steps[:-1]] == ["loading Small", "Small is in memory"]
        kind, loaded = steps[-1]
        assert (kind, loaded["state"]) == ("done", "loaded")
        assert loaded["memory"] > 100_000_000
        assert loaded["device"] in ("CPU", "GPU")
        assert loaded == {
            **await told(web, "/model-info", model="Small"),
            "memory": loaded["memory"],
        }
        again = await web.post("/load-model", json={"model": "Small", "stream": False})
        assert again.json()["state"] == "loaded"
        said = await web.post(
            "/generate", json={"model": "Small", "prompt": "Say yes.", "max_tokens": 16}
        )
        assert said.json()["usage"]["completion_tokens"] <= 16
        freed = await web.post("/unload-model", json={"model": "Small"})
        assert (freed.json()["state"], freed.json()["memory"]) == ("ready", None)


async def test_a_model_of_ollama_is_pulled_loaded_and_unloaded(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"status": "pulling manifest"},
        {"status": "pulling 1", "digest": "sha256:1", "total": 200, "completed": 100},
        {"status": "success"},
    ]
    async with OllamaServerFake(pull=lines) as ollama, calling(tmp_path, ollama.address) as web:
        assert (await told(web, "/model-info", model="New"))["state"] == "missing"
        steps = await pieces(web, "/models/pull", "New")
        halfway = [data for _, data in steps if data.get("total")]
        assert halfway[0] == {
            "text": "pulling new: 0 of 0 MB",
            "done": 100,
            "total": 200,
            "fraction": 0.5,
        }
        assert steps[-1][0] == "done"
        whole = await web.post("/load-model", json={"model": "Phi", "stream": False})
        assert whole.status_code == 200
        assert whole.json() == {
            "label": "Phi",
            "endpoint": "Ollama",
            "model": "phi",
            "state": "loaded",
            "reason": "",
            "device": "CPU and GPU",
            "memory": 2 * GB,
            "gpu_memory": GB // 2,
            "context": 4096,
            "max_context": 32768,
            "size": GB,
        }
        states = {one["label"]: one for one in (await told(web, "/models"))["items"]}
        assert states["Phi"]["loaded"]
        assert "Ollama/llama3.2:1b" in states
        await web.post("/unload-model", json={"model": "Phi"})
        assert ollama.loaded == {}
        assert (await told(web, "/model-info", model="Phi"))["state"] == "ready"


@pytest.mark.parametrize(
    ("path", "model", "status", "words"),
    [
        ("/load-model", "Elsewhere", 400, "which is not ours to load"),
        ("/load-model", "Small", 503, "away.gguf"),
        ("/load-model", "New", 502, "ollama pull new"),
        ("/models/pull", "Elsewhere", 400, "nothing to pull"),
        ("/unload-model", "Elsewhere", 400, "not ours to unload"),
        ("/load-model", "Nobody", 404, "no model is called 'Nobody'"),
        ("/models/pull", "Nobody", 404, "no model is called 'Nobody'"),
    ],
)
async def test_what_cannot_be_is_said(
    tmp_path: Path, path: str, model: str, status: int, words: str
) -> None:
    async with OllamaServerFake() as ollama, calling(tmp_path, ollama.address) as web:
        refused = await web.post(path, json={"model": model, **NOT_IN_PIECES.get(path, {})})
        assert refused.status_code == status, refused.text
        said = refused.json()
        assert words in f"{said['detail']} {said['hint']}"


NOT_IN_PIECES = {"/load-model": {"stream": False}, "/models/pull": {"stream": False}}


async def test_what_goes_wrong_behind_the_first_piece_is_the_last_one(tmp_path: Path) -> None:
    async with OllamaServerFake() as ollama, calling(tmp_path, ollama.address) as web:
        steps = await pieces(web, "/load-model", "New")
        assert [kind for kind, _ in steps] == ["progress", "error"]
        assert steps[-1][1]["status"] == 502


async def test_models_are_the_operators_to_load_and_strangers_see_what_they_may(
    tmp_path: Path,
) -> None:
    async with (
        OllamaServerFake() as ollama,
        calling(tmp_path, ollama.address, visitor=ANN) as web,
    ):
        for path in ("/load-model", "/models/pull", "/unload-model"):
            refused = await web.post(path, json={"model": "Phi"})
            assert (refused.status_code, refused.json()["title"]) == (403, "Not allowed")
        assert (await told(web, "/model-info", model="Phi"))["state"] == "ready"
        for hidden in ("Small", "New", "Ollama/llama3.2:1b"):
            assert (await web.get("/model-info", params={"model": hidden})).status_code == 404
        labels = {one["label"] for one in (await told(web, "/models"))["items"]}
        assert labels == {"Phi", "Elsewhere"}
        assert {one["address"] for one in (await told(web, "/endpoints"))["items"]} == {""}
        assert len((await told(web, "/personas"))["items"]) > 5

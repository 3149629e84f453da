"""The same requests without Rebuttal: an ``openai`` client in a loop, at a server of its own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx2
import openai

from benchmarks.heard import Heard, Said
from benchmarks.recording import Request
from rebuttal.built_in import start
from rebuttal.catalog import Catalog, Model
from rebuttal.providers.base import Message
from rebuttal.providers.llama_cpp_process import LlamaServer
from rebuttal.providers.wire import request_body
from rebuttal.settings import Settings


@asynccontextmanager
async def serving(settings: Settings, model: Model) -> AsyncIterator[LlamaServer]:
    """A fresh llama.cpp server, set up as the app sets up its own. Fetches the weights at need."""
    server = await start(settings, model)
    try:
        yield server
    finally:
        await server.stop()


def ask_all(
    server: LlamaServer, catalog: Catalog, model: Model, requests: Sequence[Request]
) -> Heard:
    """Send each request when the one before has ended, and read every answer to its end.

    Each may take exactly the tokens that it took in the debate.
    """
    endpoint = catalog.endpoint_of(model)
    with openai.OpenAI(api_key=server.key, base_url=server.address, max_retries=0) as client:
        heard = Heard()
        for request in requests:
            taken = request.usage.completion_tokens
            assert taken, "the server counts no tokens"
            options = replace(request.options, max_tokens=taken)
            body = request_body(endpoint, model, request.messages, options)
            heard.turns.append(_ask(client, body))
    return heard


def _ask(client: openai.OpenAI, body: dict[str, Any]) -> Said:
    """The answer, its tokens, and when its first one came."""
    said = Said()
    model, messages = body.pop("model"), body.pop("messages")
    with client.chat.completions.create(
        model=model, messages=messages, stream=body.pop("stream"), extra_body=body
    ) as chunks:
        for chunk in chunks:
            if chunk.usage:
                said.generated = chunk.usage.completion_tokens
            if timings := (chunk.model_extra or {}).get("timings"):
                said.evaluated = timings["prompt_n"]
            if chunk.choices and chunk.choices[0].delta.content:
                said.first = said.first or time.monotonic()
                said.text += chunk.choices[0].delta.content
    said.ended = time.monotonic()
    return said


async def tokens_of(server: LlamaServer, messages: Sequence[Message], answer: str) -> list[int]:
    """The prompt that these messages become and the ``answer`` to it, in the server's tokens."""
    base = server.address.removesuffix("/v1")
    bearer = {"authorization": f"Bearer {server.key}"}
    wire = [{"role": message.role, "content": message.content} for message in messages]
    async with httpx2.AsyncClient(headers=bearer, timeout=30) as client:
        applied = await client.post(f"{base}/apply-template", json={"messages": wire})
        text = applied.raise_for_status().json()["prompt"] + answer
        asked = {"content": text, "add_special": True, "parse_special": True}
        counted = await client.post(f"{base}/tokenize", json=asked)
        return [int(token) for token in counted.raise_for_status().json()["tokens"]]

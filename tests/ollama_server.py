"""A small real HTTP server that speaks Ollama's API, as much of it as Rebuttal uses."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Self

GB = 1_000_000_000


@dataclass
class OllamaServerFake:
    """Listens on loopback while entered. ``models`` is what it has, ``loaded`` what is in memory.

    ``num_ctx`` and ``longest`` are a model's Modelfile setting and its maximum. ``pull`` is what a
    pull says, line by line; ``silent`` leaves it open after that. So often an unloaded model
    ``lingers`` in what is told to be in memory. ``broken`` answers every request with that status
    and body.
    """

    models: dict[str, int] = field(default_factory=lambda: {"llama3.2:1b": GB, "phi:latest": GB})
    loaded: dict[str, int] = field(default_factory=dict)
    num_ctx: dict[str, int] = field(default_factory=dict)
    longest: int = 32768
    default: int = 4096
    pull: list[dict[str, Any]] = field(default_factory=list)
    silent: bool = False
    lingers: int = 0
    broken: tuple[int, str] | None = None
    asked: list[tuple[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    open: int = 0
    port: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def paths(self) -> list[str]:
        """What was asked, in order."""
        return [path for path, _ in self.asked]

    async def __aenter__(self) -> Self:
        self._leaving: dict[str, int] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.open += 1
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        fields = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        path, asked = first.split(" ")[1], json.loads(body) if body else None
        self.asked.append((path, asked))
        self.keys.append(fields.get("authorization"))
        status, answer = self.broken or self._say(path, asked)
        kind = "text/event-stream" if path.startswith("/v1") else "application/json"
        writer.write(
            f"HTTP/1.1 {status} Told\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n"
            f"{answer}".encode()
        )
        await writer.drain()
        if path == "/api/pull" and self.silent:
            await reader.read()
        writer.close()
        await writer.wait_closed()

    def _say(self, path: str, asked: Any) -> tuple[int, str]:
        name = _full((asked or {}).get("model", ""))
        if path == "/api/tags":
            return 200, json.dumps({"models": [_tag(m, size) for m, size in self.models.items()]})
        if path == "/api/ps":
            here = {**self.loaded, **(self._leaving if self.lingers else {})}
            self.lingers = max(self.lingers - bool(self._leaving), 0)
            return 200, json.dumps({"models": [_ps(m, n) for m, n in here.items()]})
        if path == "/api/pull":
            return 200, "".join(json.dumps(line) + "\n" for line in self.pull)
        if path == "/api/create":
            self.models[name] = self.models[_full(asked["from"])]
            self.num_ctx[name] = asked["parameters"]["num_ctx"]
            return 200, json.dumps({"status": "success"})
        if name not in self.models:
            return 404, json.dumps({"error": f"model '{name}' not found"})
        if path == "/api/show":
            return 200, json.dumps(self._show(name))
        if path == "/api/generate":
            if asked.get("keep_alive") == 0:
                self._leaving[name] = self.loaded.pop(name, 0)
            else:
                self.loaded[name] = self.num_ctx.get(name, self.default)
            return 200, json.dumps({"model": name, "response": "", "done": True})
        self.loaded[name] = self.num_ctx.get(name, self.default)
        return 200, _spoken()

    def _show(self, name: str) -> dict[str, Any]:
        lines = ['stop    "<|im_end|>"']
        if name in self.num_ctx:
            lines.append(f"num_ctx                        {self.num_ctx[name]}")
        return {
            "parameters": "\n".join(lines),
            "model_info": {"general.architecture": "llama", "llama.context_length": self.longest},
            "capabilities": ["completion", "thinking"],
        }


def _full(name: str) -> str:
    return name.casefold() if ":" in name else f"{name.casefold()}:latest"


def _tag(name: str, size: int) -> dict[str, Any]:
    return {"name": name, "model": name, "size": size, "digest": "d"}


def _ps(name: str, tokens: int) -> dict[str, Any]:
    memory = {"size": 2 * GB, "size_vram": GB // 2}
    return {"name": name, "model": name, **memory, "context_length": tokens}


def _spoken() -> str:
    said = {"choices": [{"index": 0, "delta": {"content": "Tea."}, "finish_reason": None}]}
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return f"data: {json.dumps(said)}\n\ndata: {json.dumps(end)}\n\ndata: [DONE]\n\n"

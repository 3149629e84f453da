"""Out and in by HTTP: a debate as a file, one's whole history as a zip, and both back again."""

from __future__ import annotations

import re

from rebuttal.app import DebateApp, ExportFormat
from rebuttal.records import Debate
from rebuttal.web.asgi import Send, answer
from rebuttal.web.request import Request

KINDS: dict[str, bytes] = {
    "md": b"text/markdown; charset=utf-8",
    "txt": b"text/plain; charset=utf-8",
    "json": b"application/json",
    "html": b"text/html; charset=utf-8",
    "zip": b"application/zip",
}
_PATH = re.compile(r"/debates/([A-Za-z0-9_-]{1,64})\.(md|txt|json|html)")
_NAMELESS = re.compile(r"[^a-z0-9]+")


class Files:
    """Answers ``/debates/ID.FORMAT``, ``/history.zip`` and ``/import``."""

    def __init__(self, app: DebateApp) -> None:
        self._app = app

    async def export(self, asked: Request) -> None:
        """One debate as a file."""
        found = _PATH.fullmatch(asked.path)
        assert found is not None
        assert asked.visitor is not None
        debate_id, format = found[1], _format(found[2])
        debate = await self._app.debate(debate_id, visitor=asked.visitor)
        text = await self._app.export(debate_id, format, visitor=asked.visitor)
        await attachment(asked.send, file_name(debate, format), text.encode("utf-8"))


def file_name(debate: Debate, format: str) -> str:
    """A name that any system takes: the first words of the topic, in Latin letters."""
    words = _NAMELESS.sub("-", (debate.title or debate.topic).lower())[:60].strip("-")
    return f"{words or 'debate'}.{format}"


async def attachment(send: Send, name: str, body: bytes) -> None:
    """A file to keep: no browser shows it as a page of ours."""
    await answer(send, 200, body, headers_of(name))


def headers_of(name: str) -> list[tuple[bytes, bytes]]:
    """What says that an answer is a file of that name."""
    kind = KINDS[name.rpartition(".")[2]]
    disposition = f'attachment; filename="{name}"'.encode("ascii")
    return [(b"content-type", kind), (b"content-disposition", disposition)]


def _format(name: str) -> ExportFormat:
    formats: dict[str, ExportFormat] = {"md": "md", "txt": "txt", "json": "json", "html": "html"}
    return formats[name]

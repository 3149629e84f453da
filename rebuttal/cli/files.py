"""Debates out of Rebuttal and in again: ``rebuttal export`` and ``rebuttal import``."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager, suppress
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from rebuttal.app import DebateApp, ExportFormat
from rebuttal.cli.house import House
from rebuttal.cli.options import DONE
from rebuttal.cli.terminal import stderr, stdout
from rebuttal.errors import InvalidInput

OneId = Annotated[
    str | None, typer.Argument(metavar="ID", help="The debate's id in: rebuttal list")
]
Format = Annotated[
    ExportFormat, typer.Option(help="Markdown, plain text, JSON to import again, or a page.")
]
To = Annotated[Path | None, typer.Option(metavar="FILE", help="Write here instead of printing.")]
All = Annotated[
    Path | None, typer.Option("--all", metavar="FILE.zip", help="Write every debate into this zip.")
]
Source = Annotated[
    Path, typer.Argument(metavar="FILE", help="A debate as JSON, or a zip of a history.")
]


async def export(
    app: House, debate_id: OneId = None, format: Format = "md", to: To = None, all: All = None
) -> int:
    """Write one debate as a document, or all of them as a zip."""
    if (debate_id is None) == (all is None):
        raise InvalidInput("What shall be exported?", "Name one ID, or write --all FILE.zip.")
    if all is not None:
        if not isinstance(app, DebateApp):
            raise InvalidInput("--all does not go with --server.", "Export them one by one.")
        async with aclosing(app.files.export_all()) as pieces:
            await _write(all, pieces)
        stderr().print(f"Every debate is in {all.name}.", soft_wrap=True)
        return DONE
    text = await app.export(debate_id or "", format)
    if to is None:
        sys.stdout.write(text)
        return DONE
    with new_file(to) as file:
        file.write(text.encode())
    return DONE


async def import_(app: DebateApp, file: Source) -> int:
    """Take debates in: all that FILE holds, or none. Prints their new ids."""
    ids = await app.files.import_(file)
    for debate_id in ids:
        stdout().print(debate_id, soft_wrap=True)
    stderr().print(f"{len(ids)} debate{'s are' if len(ids) != 1 else ' is'} here now.")
    return DONE


async def _write(path: Path, pieces: AsyncIterator[bytes]) -> None:
    with new_file(path) as file:
        async for piece in pieces:
            file.write(piece)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that was not there, and that goes again if it cannot be written to its end."""
    try:
        with path.open("xb") as file:
            yield file
    except FileExistsError:
        raise InvalidInput(f"{path.name!r} is there already.", "Choose another name.") from None
    except BaseException as exc:
        with suppress(OSError):
            path.unlink()
        if isinstance(exc, OSError):
            raise InvalidInput(f"{path.name!r} cannot be written: {exc.strerror}.") from None
        raise

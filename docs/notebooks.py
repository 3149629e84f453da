"""Runs the notebooks and keeps what they print: python -m docs.notebooks [NAME ...]

Each runs from top to bottom in a kernel of its own, with the built-in model. What is kept says
nothing about this machine: where an output names a path, a user or an address beyond this machine,
nothing is saved. Cells listed in PICTURES have their page photographed in Chromium.
"""

from __future__ import annotations

import argparse
import getpass
import os
import re
import shutil
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from playwright.async_api import async_playwright, expect

from rebuttal.settings import HOME

NOTEBOOKS = HOME / "notebooks"
PATIENCE = 600
"""Seconds that one cell may take."""
SPEAKING = 2500
"""Milliseconds that a model speaks before its page is photographed."""
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
LEAKS = {
    "a path of this machine": r"(?<![\w.:/])/(?:home|root|tmp|usr|var|opt|work|Users|private)\b"
    r"|\b[A-Z]:\\",
    "an address beyond this machine": r"https?://(?!127\.0\.0\.1\b|localhost\b)[\w.-]+",
    "a key": r"\b(?:sk|hf)[-_]\w{16,}",
}
"""What no output may hold."""


@dataclass(frozen=True)
class Picture:
    """Taken once the cell has run: which example and button are pressed, and which one ends it."""

    file: str
    press: str
    example: str = ""
    stop: str = ""


PICTURES = {
    "launch": Picture("pictures/02_interface.png", "Submit", example="What do cats eat?"),
    "blocks-launch": Picture("pictures/02_blocks.png", "Ask", stop="Stop"),
    "stream-launch": Picture("pictures/03_live.png", "Start", stop="Stop"),
}
"""By the cell's id."""


def main() -> None:
    """Run those named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="of notebooks, or parts of them")
    wanted = parser.parse_args().names
    for file in sorted(NOTEBOOKS.glob("*.ipynb")):
        if not wanted or any(name in file.stem for name in wanted):
            keep(file)


def keep(file: Path) -> None:
    """Run it and write it with its outputs. Raises ValueError for one that tells too much."""
    notebook = executed(nbformat.read(file, 4), photograph)  # type: ignore[no-untyped-call]
    tidy(notebook)
    if found := [*leaks(notebook)]:
        raise ValueError(f"{file.name} is not saved:\n" + "\n".join(found))
    file.write_text(nbformat.writes(notebook) + "\n", "utf-8")  # type: ignore[no-untyped-call]
    print(f"{file.name}: {len(notebook.cells)} cells")


async def nothing(cell: NotebookNode) -> None:
    """What is done with a cell that has run, unless something else is said."""


def executed(
    notebook: NotebookNode, after: Callable[[NotebookNode], Awaitable[None]] = nothing
) -> NotebookNode:
    """The notebook with fresh outputs; ``after`` is called with each cell that has run."""

    async def ran(cell: NotebookNode, cell_index: int, execute_reply: object) -> None:
        await after(cell)

    client = NotebookClient(
        notebook,
        timeout=PATIENCE,
        kernel_name="python3",
        coalesce_streams=True,
        record_timing=False,
        resources={"metadata": {"path": str(NOTEBOOKS)}},
        on_cell_executed=ran,
    )
    return client.execute(env=os.environ | {"PYTHONPATH": str(HOME)})


def tidy(notebook: NotebookNode) -> None:
    """Take out what differs from machine to machine and says nothing."""
    notebook["metadata"] = METADATA
    for cell in notebook.cells:
        cell["metadata"] = {}
        for output in cell.get("outputs", []):
            if "metadata" in output:
                output["metadata"] = {}


def leaks(notebook: NotebookNode) -> Iterator[str]:
    """A line for everything in an output that is nobody's business."""
    own = {"the name of this user": getpass.getuser(), "the name of this machine": hostname()}
    patterns = LEAKS | {
        what: rf"\b{re.escape(name)}\b" for what, name in own.items() if len(name) > 3
    }
    for cell in notebook.cells:
        for text in map(str, _texts(cell)):
            for what, pattern in patterns.items():
                if found := re.search(pattern, text):
                    yield f"{cell.id}: {what}: {found[0]!r}"


def hostname() -> str:
    """What the machine calls itself, without its domain."""
    return socket.gethostname().split(".")[0]


def _texts(cell: NotebookNode) -> Iterator[str]:
    for output in cell.get("outputs", []):
        yield output.get("text", "")
        yield from output.get("traceback", [])
        yield from (value for kind, value in output.get("data", {}).items() if kind != "image/png")


async def photograph(cell: NotebookNode) -> None:
    """Use the cell's page as a reader would, and keep what is then seen."""
    picture = PICTURES.get(cell.id)
    if picture is None:
        return
    (address,) = re.findall(r"http://127\.0\.0\.1:\d+", str(cell.outputs))
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab = await chromium.new_page(viewport={"width": 900, "height": 840}, color_scheme="light")
        await tab.goto(address)
        if picture.example:
            await tab.get_by_text(picture.example).click()
            await expect(tab.get_by_role("textbox").first).to_have_value(picture.example)
        await tab.get_by_role("button", name=picture.press, exact=True).click()
        await tab.wait_for_timeout(SPEAKING)
        file = NOTEBOOKS / picture.file
        file.parent.mkdir(exist_ok=True)
        await tab.screenshot(path=file)
        if picture.stop:
            await tab.get_by_role("button", name=picture.stop, exact=True).click()
        await chromium.close()


if __name__ == "__main__":
    main()

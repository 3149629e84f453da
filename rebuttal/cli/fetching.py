"""A download on a terminal: a bar that fills, or a line for each new step in a file."""

from __future__ import annotations

from collections.abc import AsyncIterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bar

from rebuttal.material import one_line
from rebuttal.providers.base import Progress


async def show_progress(steps: AsyncIterator[Progress], err: Console) -> None:
    """Follow ``steps`` to their end. A step with another text is a bar of its own."""
    if not err.is_terminal:
        await _print_steps(steps, err)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Bar(*columns, console=err) as bar:
        tasks = {}
        async for step in steps:
            text = one_line(step.text, 40)
            if text not in tasks:
                tasks[text] = bar.add_task(text, total=None)
            bar.update(tasks[text], completed=step.done, total=step.total)


async def _print_steps(steps: AsyncIterator[Progress], err: Console) -> None:
    last = ""
    async for step in steps:
        text = one_line(step.text)
        if text != last:
            err.print(text, soft_wrap=True)
        last = text

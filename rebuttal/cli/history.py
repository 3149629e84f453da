"""The history from the terminal: found, named, pinned, deleted, purged, backed up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from rebuttal.app import DebateApp
from rebuttal.cli.house import House
from rebuttal.cli.lists import print_debates, table
from rebuttal.cli.options import DONE
from rebuttal.cli.terminal import stderr, stdout
from rebuttal.errors import InvalidInput
from rebuttal.material import one_line
from rebuttal.records import DebateState, Found, Search

DebateId = Annotated[str, typer.Argument(metavar="ID", help="The debate's id in: rebuttal list")]
DebateIds = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids in: rebuttal list")]
Limit = Annotated[int, typer.Option(help="How many.", min=1)]
Words = Annotated[
    list[str], typer.Argument(metavar="WORDS", help="All of them; the last may be a beginning.")
]
OfModel = Annotated[str | None, typer.Option("--model", help="Only where this model spoke.")]
OfPersona = Annotated[str | None, typer.Option("--persona", help="Only where this persona spoke.")]
Since = Annotated[datetime | None, typer.Option(help="Begun then or later.", metavar="DAY")]
Until = Annotated[datetime | None, typer.Option(help="Begun before that.", metavar="DAY")]
Finished = Annotated[
    bool | None, typer.Option("--finished/--interrupted", help="Only debates of which this is so.")
]
Title = Annotated[str, typer.Argument(metavar="TITLE", help="Empty gives the topic back.")]
Unpin = Annotated[bool, typer.Option("--off", help="Pin it no longer.")]
Show = Annotated[bool, typer.Option("--show", help="List what would go, and let it stay.")]
Copy = Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")]
Backup = Annotated[Path, typer.Argument(metavar="FILE", help="What rebuttal backup wrote.")]


async def list_debates(app: House, limit: Limit = 20) -> int:
    """List the newest debates, pinned ones first."""
    _print(
        app, await _find(app, Search(), limit), "Nothing is kept yet. Begin with: rebuttal debate"
    )
    return DONE


async def search(
    app: House,
    words: Words,
    model: OfModel = None,
    persona: OfPersona = None,
    since: Since = None,
    until: Until = None,
    finished: Finished = None,
    limit: Limit = 20,
) -> int:
    """List the debates in which WORDS were said, with the place."""
    text = " ".join(words)
    if len(text) > 400:
        raise InvalidInput("Too many words to look for.", "At most 400 characters.")
    looked_for = Search(
        text=text,
        model=model,
        persona=persona,
        since=since and since.astimezone(),
        until=until and until.astimezone(),
        finished=finished,
    )
    _print(app, await _find(app, looked_for, limit), "Nothing was found.")
    return DONE


async def rename(app: House, debate_id: DebateId, title: Title) -> int:
    """Call a debate TITLE in lists."""
    await app.history.rename(debate_id, title)
    return DONE


async def pin(app: House, debate_id: DebateId, off: Unpin = False) -> int:
    """Keep a debate above the others in lists."""
    await app.history.pin(debate_id, not off)
    return DONE


async def delete(app: House, debate_ids: DebateIds) -> int:
    """Delete debates; for ten minutes, undelete brings them back."""
    await app.history.delete(debate_ids)
    ids = " ".join(debate_ids)
    stderr().print(f"Deleted. For ten minutes: rebuttal undelete {ids}", soft_wrap=True)
    return DONE


async def undelete(app: House, debate_ids: DebateIds) -> int:
    """Bring back debates that were deleted."""
    await app.history.undelete(debate_ids)
    return DONE


async def purge(app: DebateApp, show: Show = False) -> int:
    """Forget for good what was deleted, or kept for too long. The page does so every hour."""
    if show:
        shown = table("Id", "Begun", "Topic")
        shown.columns[0].no_wrap = True
        doomed = await app.history.doomed()
        for debate in doomed:
            begun = f"{debate.created_at.astimezone():%Y-%m-%d %H:%M}"
            shown.add_row(debate.id, begun, one_line(debate.title or debate.topic))
        stdout().print(shown)
        if not doomed:
            stderr().print("Nothing would be forgotten now.")
        return DONE
    stdout().print(f"{await app.history.purge()} forgotten.")
    return DONE


async def backup(app: DebateApp, file: Copy) -> int:
    """Copy every debate to FILE, also while some are running."""
    await app.history.back_up(file)
    stderr().print(f"Every debate is in {file.name}.", soft_wrap=True)
    return DONE


async def restore(app: DebateApp, file: Backup) -> int:
    """Replace all debates by those of a backup; close Rebuttal first. A copy of them is kept."""
    count, before = await app.history.restore(file)
    stdout().print(f"{count} debate{'s are' if count != 1 else ' is'} here now.")
    if before:
        stderr().print(f"What was here before is in {before}.", soft_wrap=True)
    return DONE


KEEPING: dict[str, Callable[..., Awaitable[int]]] = {
    "list": list_debates,
    "search": search,
    "rename": rename,
    "pin": pin,
    "delete": delete,
    "undelete": undelete,
}
"""The commands, by their names."""
AT_HOME: dict[str, Callable[..., Awaitable[int]]] = {
    "purge": purge,
    "backup": backup,
    "restore": restore,
}
"""Those that are about the store of this machine."""


async def _find(app: House, looked_for: Search, limit: int) -> list[Found]:
    found: list[Found] = []
    more: str | None = None
    while len(found) < limit:
        page = await app.history.find(looked_for, more, limit - len(found))
        found += page.found
        more = page.more
        if more is None:
            break
    return found


def _print(app: House, found: Sequence[Found], without: str) -> None:
    """Or, where there are none, say ``without``."""
    speaking = app.history.speaking()

    def state(one: Found) -> DebateState:
        if one.debate.id in speaking:
            return "running"
        return "finished" if one.debate.finished else "interrupted"

    print_debates([(one.debate, state(one), one.excerpt) for one in found], stdout())
    if not found:
        stderr().print(without)

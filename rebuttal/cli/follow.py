"""Following a debate to its end, and stopping it by Ctrl-C."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Protocol

from rebuttal.cli.house import House
from rebuttal.cli.json_lines import JsonLines
from rebuttal.cli.layout import Layout, can_lay_out
from rebuttal.cli.options import DONE, FAILED, STOPPED
from rebuttal.cli.server import where
from rebuttal.cli.stage import Stage
from rebuttal.cli.terminal import say_problem, stderr, stdout
from rebuttal.events import DebateEvent, DebateFinished, DebatePaused
from rebuttal.records import Debate


class Show(Protocol):
    """Where events go: the stage, or lines of JSON."""

    def begin(self, debate: Debate) -> None: ...
    def show(self, event: DebateEvent) -> None: ...
    def end(self) -> None: ...


Rest = DebateFinished | DebatePaused
"""How a debate came to rest."""


async def follow(app: House, debate_id: str, after: str | None, show: Show) -> Rest:
    """Show what comes behind the turn ``after`` until the debate rests.

    When the task is cancelled, which is what Ctrl-C does, the debate is stopped, so that the
    half-said turn is kept, and its end is shown too.
    """
    watching = asyncio.create_task(_watch(app, debate_id, after, show))
    try:
        return await asyncio.shield(watching)
    except asyncio.CancelledError:
        await app.stop(debate_id)
        return await watching
    finally:
        show.end()


async def follow_to_end(
    app: House, debate_id: str, after: str | None, as_json: bool, plain: bool = False
) -> int:
    """Show the debate behind the turn ``after`` on stdout until it rests; the exit code."""
    show = _show(as_json, plain)
    show.begin(await app.debate(debate_id))
    return exit_code(await follow(app, debate_id, after, show), f"{debate_id}{where(app)}")


def _show(as_json: bool, plain: bool) -> Show:
    """Where the events of a whole debate go."""
    out = stdout()
    if as_json:
        return JsonLines()
    return Layout(out) if not plain and can_lay_out(out) else Stage(out, stderr())


async def _watch(app: House, debate_id: str, after: str | None, show: Show) -> Rest:
    async with aclosing(app.watch(debate_id, after)) as batches:
        async for batch in batches:
            for event in batch:
                show.show(event)
                if isinstance(event, DebateFinished | DebatePaused):
                    return event
    raise AssertionError("watching ends only when the watcher leaves")


def exit_code(rest: Rest, resumed: str) -> int:
    """The exit code for how it came to rest; a rest before the end is explained on stderr.

    ``resumed`` is what stands behind ``rebuttal resume``.
    """
    if isinstance(rest, DebateFinished):
        return DONE
    go_on = f"Go on with: rebuttal resume {resumed}"
    if rest.reason == "stopped":
        say_problem("Stopped; what was said is kept.", go_on)
        return STOPPED
    said = rest.message or f"The debate waits ({rest.reason})."
    say_problem(said, f"{rest.hint}\n{go_on}" if rest.hint else go_on)
    return FAILED

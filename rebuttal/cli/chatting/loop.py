"""The loop of a chat on a terminal: a line is typed, done, and the next one is asked for."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Coroutine
from contextlib import suppress
from itertools import count

from rebuttal.cli.chatting.command import typed_command
from rebuttal.cli.chatting.commands import obey
from rebuttal.cli.chatting.keyboard import Editor, Interrupted, Keyboard, Lines, unseen_keys
from rebuttal.cli.chatting.recall import Recall
from rebuttal.cli.chatting.session import Session
from rebuttal.cli.house import House
from rebuttal.cli.options import DONE, STOPPED
from rebuttal.cli.terminal import say_error, stdout
from rebuttal.errors import RebuttalError
from rebuttal.material import one_line
from rebuttal.records import Seat
from rebuttal.settings import Settings

RECALL = "chat_lines"
"""The file of typed lines, in the data folder."""


def talk(runner: asyncio.Runner, house: House, seat: Seat, settings: Settings) -> int:
    """Talk until Ctrl-D, /quit, or two Ctrl-C at an empty prompt (STOPPED)."""
    out = stdout()
    if out.is_dumb_terminal:  # which rich takes for 80 columns, whatever they are
        out.width = shutil.get_terminal_size().columns
    session = Session(house, seat, out, settings.currency)
    session.note(
        f"{one_line(house.catalog.persona(seat.persona).name)} speaks through "
        f"{one_line(seat.model)}. /help lists the commands, Ctrl-D leaves."
    )
    drawn = session.scroll.draws
    keyboard = Editor(session, Recall(settings.data / RECALL)) if drawn else Lines()
    return _loop(runner, session, keyboard)


def _loop(runner: asyncio.Runner, session: Session, keyboard: Keyboard) -> int:
    draft, warned = "", False
    while not session.is_over:
        try:
            line = keyboard.line(runner, draft)
        except EOFError:
            break
        except Interrupted as interrupted:
            if warned and not interrupted.typed:
                return STOPPED
            draft, warned = "", not interrupted.typed
            if warned:
                session.note("Ctrl-D leaves, and so does Ctrl-C once more.")
            continue
        warned = False
        draft = "" if not line.strip() or _done(runner, session, line) else _again(line)
    return DONE


def _again(line: str) -> str:
    """What stands on the next line when this one failed; a command is recalled by the Up key."""
    return line if typed_command(line) is None else ""


def _done(runner: asyncio.Runner, session: Session, line: str) -> bool:
    """Do what the line asks for; whether that went well."""
    try:
        with unseen_keys():
            runner.run(_until_interrupted(obey(session, line)))
    except RebuttalError as error:
        say_error(error)
        return False
    except (KeyboardInterrupt, asyncio.CancelledError):
        session.speakers.end()
        session.note("Interrupted.")
        return False
    return not session.failed


async def _until_interrupted(work: Coroutine[None, None, None]) -> None:
    """Ctrl-C cancels ``work``, which then stops who speaks; pressed again it changes nothing, and
    from the third time on it is not waited for.
    """
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    pressed = count(1)

    def interrupt() -> None:
        if next(pressed) != 2:
            task.cancel()

    with suppress(NotImplementedError):  # Windows, where the first one is seen by the runner
        loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        await task
    finally:
        with suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGINT)

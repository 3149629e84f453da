"""Every command of the chat, by its name."""

from __future__ import annotations

from difflib import get_close_matches

from rebuttal.cli.chatting.command import Command, typed_command
from rebuttal.cli.chatting.keeping import KEEPING
from rebuttal.cli.chatting.looking import ASKING, LOOKING
from rebuttal.cli.chatting.seating import SEATING
from rebuttal.cli.chatting.session import Session
from rebuttal.cli.lists import table
from rebuttal.errors import InvalidInput


async def help(session: Session, typed: str) -> None:
    """Every command, and the keys."""
    shown = table("Command", "")
    for command in COMMANDS.values():
        shown.add_row(command.usage, command.about)
    session.show(shown)
    session.note(KEYS)


async def quit(session: Session, typed: str) -> None:
    """Leave; everything is kept."""
    session.is_over = True


KEYS = (
    "Enter sends; Alt-Enter, or \\ at the end of a line, begins a new line. Tab completes, Up "
    "recalls. Ctrl-C stops an answer, Ctrl-D leaves. A space before a / makes it text."
)

COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        *ASKING,
        *SEATING,
        *KEEPING,
        *LOOKING,
        Command("help", "", "show this", help),
        Command("quit", "", "leave", quit),
    )
}


async def obey(session: Session, line: str) -> None:
    """Do what a line asks for: a command, or to be answered. Raises RebuttalError."""
    session.failed = False
    typed = typed_command(line)
    if typed is None:
        session.rested(await session.conversation.answer(line.strip()))
        return
    name, rest = typed
    command = COMMANDS.get(name)
    if command is None:
        near = [f"/{one}" for one in get_close_matches(name, COMMANDS, 3)]
        raise InvalidInput(f"There is no command /{name}.", f"See: {', '.join([*near, '/help'])}")
    if command.needs_more and not rest:
        raise InvalidInput(f"/{name} needs more.", f"Write: {command.usage}")
    await command.run(session, rest)

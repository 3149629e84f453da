"""``rebuttal user``: who may sign in.

Passwords are asked for or read from a pipe: an argument would stand in the shell's history and in
everybody's list of processes.
"""

from __future__ import annotations

import sys
from getpass import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from rebuttal.cli.options import AUTH, DONE, as_command
from rebuttal.cli.terminal import stdout
from rebuttal.errors import InvalidInput
from rebuttal.settings import Settings

if TYPE_CHECKING:
    from rebuttal.users import Users

Name = Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits and . _ - + @")]


def add(settings: Settings, name: Name) -> int:
    """Let NAME sign in, or give NAME another password. It is asked for, or read from a pipe."""
    is_new = _users(settings).put(name, _password(name))
    done = "may sign in now" if is_new else "has another password and must sign in again"
    stdout().print(f"{name} {done}.")
    return DONE


def list_users(settings: Settings) -> int:
    """List who may sign in."""
    for name in _users(settings).names():
        stdout().print(name)
    return DONE


def remove(settings: Settings, name: Name) -> int:
    """Let NAME sign in no longer, and end NAME's sessions."""
    _users(settings).remove(name)
    stdout().print(f"{name} is signed out everywhere and may not sign in again.")
    return DONE


def user(typed: typer.Typer) -> typer.Typer:
    """The commands behind ``rebuttal user``, added to ``typed``."""
    typed.command("add")(as_command(add, add, AUTH))
    typed.command("list")(as_command(list_users, list_users, AUTH))
    typed.command("remove")(as_command(remove, remove, AUTH))
    return typed


def _users(settings: Settings) -> Users:
    if settings.auth is None:
        raise InvalidInput("No file of users is named.", "Add --auth FILE, or set REBUTTAL_AUTH.")
    from rebuttal.users import Users

    return Users(settings.auth)


def _password(name: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass(f"Password for {name}: ", stream=sys.stderr)
    if getpass("The same again: ", stream=sys.stderr) != password:
        raise InvalidInput("These were two different passwords.", "Try again.")
    return password

"""A command of the chat: a line that begins with a slash."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from rebuttal.cli.chatting.session import Session

Run = Callable[[Session, str], Awaitable[None]]
Complete = Callable[[Session, str], Awaitable[Sequence[str]]]

_TYPED = re.compile(r"/([A-Za-z]*)(?:\s+(.*))?", re.DOTALL)


async def nothing(session: Session, typed: str) -> Sequence[str]:
    """What cannot be completed."""
    return ()


@dataclass(frozen=True)
class Command:
    """``takes`` is what is typed behind its name, in brackets where it may be left out.

    ``complete`` gives everything that may stand there instead of what is typed so far.
    """

    name: str
    takes: str
    about: str
    run: Run
    complete: Complete = nothing

    @property
    def usage(self) -> str:
        return f"/{self.name} {self.takes}".rstrip()

    @property
    def needs_more(self) -> bool:
        """Whether nothing can be done with its name alone."""
        return bool(self.takes) and not self.takes.startswith("[")


def typed_command(line: str) -> tuple[str, str] | None:
    """The name of a command and what is typed behind it; None for a line that is said.

    That is also one that begins with a space, or with a path such as ``/etc/hosts``.
    """
    found = _TYPED.fullmatch(line.rstrip())
    return (found[1].casefold(), (found[2] or "").strip()) if found else None

"""Where lines come from: an editor with completion, or plain lines where nothing can be drawn."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_focus
from prompt_toolkit.history import History
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import create_output
from prompt_toolkit.output.vt100 import Vt100_Output

from rebuttal.cli.chatting.commands import COMMANDS
from rebuttal.cli.chatting.session import Session
from rebuttal.errors import RebuttalError

PROMPT = "> "
MORE = "\\"
"""At the end of a line: another one follows."""


class Interrupted(Exception):
    """Ctrl-C, and what had been typed."""

    def __init__(self, typed: str = "") -> None:
        super().__init__(typed)
        self.typed = typed


class Keyboard(Protocol):
    """One line after the other."""

    def line(self, runner: asyncio.Runner, draft: str) -> str:
        """The next one, which may hold line breaks; ``draft`` stands there already.

        Raises EOFError at the end of the input, and Interrupted.
        """
        ...


class Lines:
    """A terminal that edits its lines itself; the event loop rests meanwhile."""

    def line(self, runner: asyncio.Runner, draft: str) -> str:
        typed: list[str] = []
        try:
            typed.append(input(PROMPT))
            while typed[-1].endswith(MORE):
                typed[-1] = typed[-1].removesuffix(MORE)
                typed.append(input())
        except KeyboardInterrupt:
            print()
            raise Interrupted("\n".join(typed)) from None
        return "\n".join(typed)


class Editor:
    """A line that is edited on the screen; what runs goes on meanwhile."""

    def __init__(self, session: Session, history: History) -> None:
        output = create_output()
        if isinstance(output, Vt100_Output):
            # A slow terminal's answer would come among the keys.
            output.enable_cpr = False
        self._prompt: PromptSession[str] = PromptSession(
            PROMPT,
            multiline=True,
            prompt_continuation=lambda width, number, wraps: " " * width,
            completer=Names(session),
            complete_while_typing=False,
            history=history,
            key_bindings=_keys(),
            output=output,
        )

    def line(self, runner: asyncio.Runner, draft: str) -> str:
        return runner.run(self._prompt.prompt_async(default=draft))


class Names(Completer):
    """Commands, and what each of them takes."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        return ()

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        line = document.text_before_cursor
        name, space, typed = line.partition(" ")
        if not line.startswith("/") or "\n" in line:
            return
        if not space:
            for command in COMMANDS.values():
                if command.name.startswith(name[1:].casefold()):
                    end = " " if command.takes else ""
                    yield Completion(
                        f"/{command.name}{end}", -len(line), display_meta=command.about
                    )
            return
        for whole in await self._there(name[1:].casefold(), typed):
            if whole.casefold().startswith(typed.casefold()):
                yield Completion(whole, -len(typed))

    async def _there(self, name: str, typed: str) -> Iterable[str]:
        if name not in COMMANDS:
            return ()
        try:
            return await COMMANDS[name].complete(self._session, typed)
        except RebuttalError:
            return ()  # it is said when the command is sent


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter", filter=has_focus(DEFAULT_BUFFER))
    def _(event: KeyPressEvent) -> None:
        """Begin a new line, or send; a command that was chosen waits for what it takes."""
        buffer = event.current_buffer
        if buffer.complete_state and buffer.text.endswith(" "):
            buffer.complete_state = None
        elif buffer.document.text_before_cursor.endswith(MORE):
            buffer.delete_before_cursor(len(MORE))
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter", filter=has_focus(DEFAULT_BUFFER))
    def _(event: KeyPressEvent) -> None:
        """Begin a new line."""
        event.current_buffer.insert_text("\n")

    @keys.add("c-c")
    @keys.add("<sigint>")
    def _(event: KeyPressEvent) -> None:
        """Give up the line, once, however often it is pressed."""
        if event.app.future and not event.app.future.done():
            event.app.exit(exception=Interrupted(event.app.current_buffer.text))

    return keys


@contextmanager
def unseen_keys() -> Iterator[None]:
    """What is typed meanwhile is not shown, and is the next line's. Ctrl-C works as ever."""
    with suppress(ImportError):  # Windows does not show it anyway
        import termios

        before: list[Any] | None = None
        with suppress(termios.error, ValueError):
            before = termios.tcgetattr(sys.stdin.fileno())
            quiet = [*before]
            quiet[3] &= ~(termios.ECHO | termios.ICANON)
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, quiet)
        try:
            yield
        finally:
            if before:
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, before)
        return
    yield

"""A chat on a terminal whose screen can be read; run as a process: python -m tests.chat_app."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncGenerator, Sequence
from dataclasses import asdict
from pathlib import Path

from rebuttal.__main__ import run
from rebuttal.app import DebateApp
from rebuttal.cli.commands import terminal
from rebuttal.errors import Unreachable
from rebuttal.providers.base import ChatModel, Chunk, Message, Options
from rebuttal.providers.scripted import ScriptedModel
from rebuttal.records import Usage
from rebuttal.settings import Settings
from tests.glass import Glass
from tests.terminal_app import chat_models, serve

LABELS = ("Away", "Echo", "Endless", "Marked", "Sting", "Numbers", "Paragraphs", "Once")
CATALOG = """
endpoints:
  Closed: {address: "http://127.0.0.1:9/v1", needs_key: false}
models:
  Tea: {endpoint: Closed, model: tea, context: 4096, price: {input: 1.0, output: 2.0}}
  "Coffee:1b": {endpoint: Closed, model: "coffee:1b"}
""" + "".join(f"  {label}: {{endpoint: Closed, model: {label.lower()}}}\n" for label in LABELS)
MARKED = """\
# Tea

Tea is **older** than *coffee*, and `brew` makes it; see [the book](http://tea.example/book)
about it.

1. Warm the pot, which takes a minute or two, and then pour it out again
2. Pour

   ```python
   def brew(leaves: int) -> str:
       return "tea" * leaves
   ```

> Drink <b>slowly</b>.

| Leaf | Minutes |
|------|--------:|
| green | 2 |
| black | 4 |

- the last word
"""
STING = (
    "Before.\x1b]0;owned\x07\x1b[2J\x1b[31;1m\x9b5A\x1b[?1049h [a](http://evil.example/\x1b[2J) "
    "&#27;[2J &#x9b;2J &#x202e;turned **bold \x1b]8;;http://evil.example\x1b\\link** After."
)
NUMBERS = " ".join(f"w{number}" for number in range(120))
PARAGRAPHS = "\n\n".join(f"Paragraph {number} says that much." for number in range(60))


class Echo:
    """Says, as JSON, what it was asked: the words of each message, and how."""

    async def context(self) -> int:
        return 4096

    async def stream(
        self, messages: Sequence[Message], options: Options
    ) -> AsyncGenerator[Chunk, None]:
        heard = [[message.role, message.content] for message in messages]
        said = json.dumps({"heard": heard, "options": asdict(options)})
        yield Chunk(text=f"```\n{said}\n```")
        yield Chunk(finish="stop", usage=Usage(prompt_tokens=10, completion_tokens=5))


def models() -> dict[str, ChatModel]:
    """Those of terminal_app, and some whose answers are worth a look."""
    away = Unreachable("'Once' at localhost: connection refused.", "Start it with: once serve")
    return {
        **chat_models(),
        "Echo": Echo(),
        "Marked": ScriptedModel([MARKED], repeat=True, delay=0.01),
        "Sting": ScriptedModel([STING], repeat=True, delay=0.01),
        "Numbers": ScriptedModel([NUMBERS], repeat=True, delay=0.015),
        "Paragraphs": ScriptedModel([PARAGRAPHS], repeat=True, delay=0.002),
        "Once": ScriptedModel([away, "It speaks now."]),
    }


def open_app(settings: Settings) -> DebateApp:
    """An app on the scripted models."""
    return DebateApp(settings, chat_models=models())


class Desk(Glass):
    """A terminal at which somebody chats."""

    def chat(self, seat: str, data: Path, **env: str) -> None:
        """Begin, and wait for the prompt."""
        data.mkdir(exist_ok=True)
        catalog = data / "models.yaml"
        catalog.write_text(CATALOG, "utf-8")
        self.run("chat", seat, "--models", str(catalog), data=data, module="tests.chat_app", **env)
        self.until("leaves.")
        self.until(self.is_asking)

    def is_asking(self) -> bool:
        """Whether the last line is an empty prompt."""
        return self.shown.splitlines()[-1:] == [">"]

    @property
    def unfolded(self) -> str:
        """All that was shown, as one line without the spaces between its lines."""
        return "".join(line.strip() for line in self.whole.splitlines())

    def until_typed(self, line: str) -> None:
        """Wait until that stands at the prompt; a menu may stand below it."""
        self.until(lambda: [it for it in self.shown.splitlines() if it.startswith(">")][-1] == line)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def begin(self, model: str, persona: str = "rational") -> None:
        """Another conversation, with one seat."""
        self.say("/new")
        self.say(f"/persona {persona}")
        self.say(f"/switch {model}")

    def say(self, line: str) -> str:
        """Type a line and Enter, and wait for the next prompt; what came between the two."""
        before = len(self.whole.splitlines())
        self.type(f"{line}\r")
        self.until(lambda: self.is_asking() and len(self.whole.splitlines()) > before)
        return "\n".join(self.whole.splitlines()[before:-1])


def main(arguments: Sequence[str]) -> None:
    """Run one command."""
    run(terminal(serve, open_app), arguments, "rebuttal")


if __name__ == "__main__":
    main(sys.argv[1:])

"""What a chat on a terminal is at the moment: what the commands look at and change."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.text import Text

from rebuttal.cli.chatting.conversation import Conversation
from rebuttal.cli.chatting.scroll import Scroll
from rebuttal.cli.chatting.speakers import Speakers
from rebuttal.cli.follow import Rest
from rebuttal.cli.house import House
from rebuttal.cli.terminal import say_problem
from rebuttal.errors import InvalidInput
from rebuttal.events import DebatePaused
from rebuttal.material import clean
from rebuttal.records import Found, ModelState, Seat


class Session:
    """One chat. ``currency`` is that of prices."""

    def __init__(self, house: House, seat: Seat, out: Console, currency: str) -> None:
        self.house = house
        self.out = out
        self.currency = currency
        self.scroll = Scroll(out)
        self.speakers = Speakers(self.scroll)
        self.conversation = Conversation(house, [seat], self.speakers)
        self.rounds = 3
        """Of a debate that is begun from here."""
        self.found: tuple[Found, ...] = ()
        """What was listed last; a number stands for one of them."""
        self.models: tuple[ModelState, ...] = ()
        """As they were listed last."""
        self.failed = False
        """Whether the last line got no answer."""
        self.is_over = False

    @property
    def seats(self) -> tuple[Seat, ...]:
        """Who answers the next line."""
        return self.conversation.seats

    @seats.setter
    def seats(self, seats: Sequence[Seat]) -> None:
        self.conversation.seats = tuple(seats)

    def note(self, words: str) -> None:
        """Say something beside the conversation."""
        self.out.print(Text(clean(words), style="dim"))

    def show(self, thing: RenderableType) -> None:
        """Print a table."""
        self.out.print(thing)

    def rested(self, rest: Rest) -> None:
        """Say why there is no answer, where there is none."""
        self.failed = isinstance(rest, DebatePaused) and rest.reason != "stopped"
        if isinstance(rest, DebatePaused) and self.failed:
            said = rest.message or f"The debate waits ({rest.reason})."
            say_problem(said, rest.hint or "Send the line again, or: /retry")

    def begun(self) -> str:
        """The id of the conversation. Raises InvalidInput as long as there is none."""
        if not self.conversation.id:
            raise InvalidInput("Nothing is said yet.", "Say something first, or: /load NAME")
        return self.conversation.id

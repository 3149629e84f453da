"""What the processes on one store tell each other: who runs a debate, what is said, what to do."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class Claim(Protocol):
    """That a debate is this process's to run: until released, or lost because it fell silent."""

    @property
    def number(self) -> int:
        """Greater than that of every claim to the debate before."""
        ...

    @property
    def untouched(self) -> bool:
        """Whether no other process had the debate since this one let go of it last."""
        ...

    @property
    def is_heard(self) -> bool:
        """Whether there could be anybody to hear what is posted."""
        ...

    @property
    def exclusive(self) -> bool:
        """Whether it is sure that no other process runs the debate beside this one."""
        ...

    async def holds(self) -> bool:
        """Whether it still stands. Asked before anything is written."""
        ...

    async def run(self, note: str) -> None:
        """From now on the debate runs: should this process die, another takes it over and is given
        the latest ``note``.
        """
        ...

    async def post(self, entry: str, *, whole: bool) -> bool:
        """Tell all who follow the debate, in this order; False where nobody could be told.

        Who comes later hears the last ``whole`` entry and what came after it.
        """
        ...

    async def release(self) -> None:
        """The debate rests."""
        ...

    def abandon(self) -> None:
        """This process cannot go on now: whoever takes over debates may try in a few seconds."""
        ...

    async def hand_over(self) -> bool:
        """This process ends: let another go on. False where there is none, and the claim stays."""
        ...


class Member(Protocol):
    """The debates of a process, as the bus sees them. Nothing here raises."""

    def hear(self, debate_id: str, entry: str) -> None:
        """Another process said so of a debate that is followed; or this one did, long ago."""
        ...

    def lose(self, debate_id: str) -> None:
        """The claim is gone: another process has the debate, or had it."""
        ...

    def away(self) -> None:
        """Others cannot be heard from now on. Who runs a debate goes on with it."""
        ...

    def back(self) -> None:
        """Others are heard again; what was said meanwhile may have been missed."""
        ...

    def look_around(
        self, elsewhere: Collection[str], unheld: Collection[str], running: Collection[str]
    ) -> None:
        """Of the claimed debates those that others watch, of the followed those that none holds,
        and all that run in any process.
        """
        ...

    @property
    def watched(self) -> Collection[str]:
        """Followed debates that somebody watches here."""
        ...

    async def obey(self, debate_id: str, order: str) -> str:
        """Do what another process asks and answer."""
        ...

    async def take_over(self, debate_id: str, note: str) -> None:
        """Go on with a debate whose process died."""
        ...


class Bus(Protocol):
    """Between the processes on one store. Where it does not work each goes on alone."""

    @property
    def problem(self) -> str:
        """What keeps processes from hearing each other, in a sentence; or empty."""
        ...

    async def join(self, member: Member) -> None:
        """Speak and listen for these debates."""
        ...

    def stand_by(self) -> None:
        """Take over debates of processes that die."""
        ...

    async def claim(self, debate_id: str) -> Claim | None:
        """The right to run it; None while another process has it."""
        ...

    async def ask(self, debate_id: str, order: str) -> str | None:
        """The answer of the process that has the debate; None where none has it any more.

        Raises Busy where no answer comes.
        """
        ...

    async def follow(self, debate_id: str) -> None:
        """Hear what is said of it, from the last whole entry on; that much before this returns."""
        ...

    def unfollow(self, debate_id: str) -> None:
        """Hear no more of it."""
        ...

    async def forget(self, debate_id: str, entry: str) -> None:
        """Tell this last entry and keep nothing of the debate."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...


class Alone:
    """The bus of a process that is the only one: it has every debate, and nobody else hears."""

    problem = ""

    async def join(self, member: Member) -> None:
        """Nobody will call."""

    def stand_by(self) -> None:
        """Nobody else can die."""

    async def claim(self, debate_id: str) -> Claim | None:
        """Always granted."""
        return _Own()

    async def ask(self, debate_id: str, order: str) -> str | None:
        """Nobody else has it."""
        return None

    async def follow(self, debate_id: str) -> None:
        """Nothing comes."""

    def unfollow(self, debate_id: str) -> None:
        """Nothing came."""

    async def forget(self, debate_id: str, entry: str) -> None:
        """Nobody else knew."""

    async def close(self) -> None:
        """There is nothing."""


class _Own:
    """What cannot be lost."""

    number = 0
    untouched = True
    is_heard = False
    exclusive = False  # another program may use the same database, and the two cannot talk

    async def holds(self) -> bool:
        return True

    async def run(self, note: str) -> None: ...

    async def post(self, entry: str, *, whole: bool) -> bool:
        return True

    async def release(self) -> None: ...

    def abandon(self) -> None: ...

    async def hand_over(self) -> bool:
        return False

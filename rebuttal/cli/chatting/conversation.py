"""A conversation: a debate in which every line of the person is answered by everybody once."""

from __future__ import annotations

from collections.abc import Sequence

from rebuttal.catalog import Catalog
from rebuttal.cli.chatting.speakers import Speakers
from rebuttal.cli.follow import Rest, follow
from rebuttal.cli.house import House
from rebuttal.records import Debate, Debater, Seat, Turn


class Conversation:
    """The seats can be changed at any time; they change when the next line is said.

    That line begins a branch then, as one does that goes on from an earlier turn, or while an
    answer is owed that nobody waits for any more.
    """

    def __init__(self, house: House, seats: Sequence[Seat], speakers: Speakers) -> None:
        self._house = house
        self._speakers = speakers
        self.seats = tuple(seats)
        """Who answers the next line."""
        self.language = "English"
        self.seed: int | None = None
        self.id = ""
        """Of its debate; empty as long as nothing is said."""
        self.after: str | None = None
        """The turn that the next line follows, where that is not the last one."""
        self._seated = self.seats
        self._unanswered = ""

    def clear(self) -> None:
        """Let the next line begin another one, with the same seats."""
        self.id, self.after, self._unanswered = "", None, ""

    async def enter(self, debate: Debate) -> None:
        """Go on with a debate that is kept, with those who sit there."""
        self.clear()
        self.id = debate.id
        self.seats = self._seated = tuple(self._seats(debate))
        self.language, self.seed = debate.language, debate.seed
        last = (await self._house.transcript(debate.id))[-1]
        self._unanswered = last.text if last.from_user else ""

    async def answer(self, line: str) -> Rest:
        """Say ``line`` and show the answers. The same line after one that failed is not said again.

        Raises RebuttalError where it could not be said.
        """
        before = await self._say(line)
        self._unanswered = line
        rest = await follow(self._house, self.id, before, self._speakers)
        if not (await self.turns())[-1].from_user:
            self._unanswered = ""
        return rest

    async def again(self) -> Rest:
        """Have what is owed spoken, or the last answer anew; by those who sit here now."""
        turns = await self.turns()
        asked = max(number for number, turn in enumerate(turns) if turn.from_user)
        before = turns[-1].id
        if self.seats != self._seated:
            before = turns[asked].id
            await self._house.branch(self.id, before, seats=self.seats, rounds=1)
            await self._sat_down()
        elif await self._house.state(self.id) != "finished":
            await self._house.resume(self.id)
        else:
            before = turns[-1].parent_id or before
            await self._house.regenerate(self.id)
        return await follow(self._house, self.id, before, self._speakers)

    async def turns(self) -> tuple[Turn, ...]:
        """What was said, from the first line on."""
        return await self._house.transcript(self.id) if self.id else ()

    async def _say(self, line: str) -> str | None:
        """Put the line into the transcript; the last turn before it."""
        if not self.id:
            self.id = await self._house.start(
                line, self.seats, rounds=1, language=self.language, seed=self.seed
            )
            await self._sat_down()
            return None
        tip = self.after or (await self._house.debate(self.id)).tip
        await self._add(tip, line)
        self.after = None
        await self._sat_down()
        return tip

    async def _sat_down(self) -> None:
        self._seated = self.seats
        self._speakers.begin(await self._house.debate(self.id))

    async def _add(self, tip: str, line: str) -> None:
        changed = self.seats != self._seated
        owes = await self._house.state(self.id) != "finished"
        is_said = owes and self.after is None and line == self._unanswered
        if is_said and not changed:
            await self._house.resume(self.id)
        elif changed or owes or self.after:
            text = "" if is_said else line
            await self._house.branch(self.id, tip, seats=self.seats, text=text, rounds=1)
        else:
            await self._house.say(self.id, line, rounds=1)

    def _seats(self, debate: Debate) -> list[Seat]:
        return [seat_of(debater, self._house.catalog) for debater in debate.debaters]


def seat_of(debater: Debater, catalog: Catalog) -> Seat:
    """What has to be asked for to get that debater."""
    known = catalog.personas.get(debater.persona.key)
    own = known is None or known.instructions != debater.persona.instructions
    return Seat(
        persona=debater.persona.key,
        model=debater.model,
        stance=debater.stance,
        instructions=debater.persona.instructions if own else None,
        temperature=debater.temperature,
        max_tokens=debater.max_tokens,
    )

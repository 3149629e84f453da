"""Chat, Exchange and Debate: one table each, and only arguments tell them apart."""

from __future__ import annotations

from dataclasses import dataclass

from rebuttal.records import Debate
from rebuttal.ui.examples import CHAT, DEBATE, EXCHANGE, Example


@dataclass(frozen=True, slots=True)
class Mode:
    """What a table allows and how it speaks to a person."""

    key: str
    title: str
    question: str
    placeholder: str
    start: str
    least_seats: int
    most_seats: int
    rounds: int
    chooses_rounds: bool
    reply: str
    reply_rounds: int
    """Rounds that a follow-up buys; a moderator's note buys none."""
    again: str
    examples: tuple[Example, ...]

    def holds(self, debate: Debate) -> bool:
        """Whether a stored debate is shown at this table."""
        if not self.least_seats <= len(debate.debaters) <= self.most_seats:
            return False
        return self.chooses_rounds or debate.rounds == self.rounds or self.most_seats == 1


MODES = (
    Mode(
        key="chat",
        title="Chat",
        question="What would you ask?",
        placeholder="Anything at all",
        start="Ask",
        least_seats=1,
        most_seats=1,
        rounds=1,
        chooses_rounds=False,
        reply="Ask on",
        reply_rounds=1,
        again="Say more",
        examples=CHAT,
    ),
    Mode(
        key="exchange",
        title="Exchange",
        question="What shall two of them answer?",
        placeholder="A question with more than one good answer",
        start="Let both answer",
        least_seats=2,
        most_seats=2,
        rounds=1,
        chooses_rounds=False,
        reply="Ask both again",
        reply_rounds=1,
        again="One more round",
        examples=EXCHANGE,
    ),
    Mode(
        key="debate",
        title="Debate",
        question="What shall they argue about?",
        placeholder="A question, or a claim worth fighting over",
        start="Start the debate",
        least_seats=2,
        most_seats=6,
        rounds=3,
        chooses_rounds=True,
        reply="Say something to the table",
        reply_rounds=0,
        again="One more round",
        examples=DEBATE,
    ),
)

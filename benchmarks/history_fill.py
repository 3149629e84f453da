"""Debates by the hundred thousand for a benchmark, put into the tables directly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from random import Random

import sqlalchemy as sa

from rebuttal.records import USER, Debate, Debater, Persona, Timings, Turn, Usage
from rebuttal.stores.sql_database import Database
from rebuttal.stores.sql_index import index_on
from rebuttal.stores.sql_rows import DEBATES, TURNS, debate_row, turn_row
from rebuttal.stores.sql_terms import terms_of
from rebuttal.words import words

ONE = "c:one"
"""Owns nine of ten debates."""
THOUSAND = "c:thousand"
"""Owns a thousand."""
FEW = 1000
"""Further owners, who share the rest."""
MODELS = tuple(f"Model {letter}" for letter in "ABCDEFGH")
PERSONAS = ("cynic", "rational", "philosopher", "optimist", "lawyer", "poet", "historian", "child")
BEGAN, SPAN = datetime(2024, 1, 1, tzinfo=UTC), timedelta(days=1000)
TURNS_EACH = 6
WORDS_EACH = 90
AT_ONCE = 1000
GIN = "CREATE INDEX debate_words_found ON debate_words USING gin (words)"


class Vocabulary:
    """Words as often as those of a language: the nth is n times as rare as the first."""

    def __init__(self, size: int = 30_000) -> None:
        self._random = Random(7)
        syllables = [c + v for c in "bcdfghklmnprstvwz" for v in "aeiou"] + ["an", "en", "or"]
        found: dict[str, None] = {}
        while len(found) < size:
            number = self._random.randint(1, 4)
            found["".join(self._random.choices(syllables, k=number))] = None
        self.words = tuple(found)
        self._weights = list(accumulate(1 / rank for rank in range(1, size + 1)))
        self.common = self.words[20:300]
        self.seldom = self.words[2000:6000]

    def text(self, number: int) -> str:
        """So many words."""
        return " ".join(self._random.choices(self.words, cum_weights=self._weights, k=number))


def rare(number: int) -> str:
    """A word of that debate alone."""
    return "q" + "".join("aeiouhlmnr"[int(digit)] for digit in str(number))


@dataclass(frozen=True)
class Speech:
    """A text, and its words, which need not be looked for again."""

    text: str
    words: frozenset[str]


def fill(database: Database, debates: int) -> None:
    """So many debates of ``TURNS_EACH`` turns each."""
    made = _debates(debates)
    index = index_on(database.backend)
    if database.backend == "postgresql":
        database.write(lambda at: at.execute(sa.text("DROP INDEX debate_words_found")))
    while some := list(islice(made, AT_ONCE)):

        def work(connection: sa.Connection, some: Sequence[_Made] = some) -> None:
            rows = [debate_row(debate) for debate, _, _ in some]
            insert = sa.insert(DEBATES).returning(DEBATES.c.seq, sort_by_parameter_order=True)
            seqs = list(connection.scalars(insert, rows))
            turns = [turn_row(debate.id, turn) for debate, line, _ in some for turn in line]
            connection.execute(sa.insert(TURNS), turns)
            for seq, (_, _, terms) in zip(seqs, some, strict=True):
                index.put(connection, seq, terms)

        database.write(work)
    if database.backend == "postgresql":
        database.write(lambda at: at.execute(sa.text(GIN)))
        database.write(lambda at: at.execute(sa.text("ANALYZE")))


_Made = tuple[Debate, Sequence[Turn], set[str]]


def _debates(number: int) -> Iterator[_Made]:
    vocabulary, random = Vocabulary(), Random(11)
    texts = [vocabulary.text(WORDS_EACH) for _ in range(5000)]
    speeches = [Speech(text, frozenset(words(text))) for text in texts]
    debaters = [_debater(random) for _ in range(200)]
    thousand = set(random.sample(range(number), min(1000, number // 20)))
    for count in range(number):
        owner = ONE if random.random() < 0.9 else f"c:{random.randrange(FEW)}"
        owner = THOUSAND if count in thousand else owner
        seats = random.sample(debaters, 2)
        moment = BEGAN + SPAN * (count / number)
        topic = f"{vocabulary.text(6)} {rare(count)}?"
        said = random.choices(speeches, k=TURNS_EACH - 1)
        line = [_turn(0, USER, topic, moment, None)]
        line += [
            _turn(n, "ab"[n % 2], speech.text, moment, seats[n % 2])
            for n, speech in enumerate(said, 1)
        ]
        debate = Debate(
            id=f"d{count}",
            topic=topic,
            debaters=tuple(
                s.model_copy(update={"seat": k}) for s, k in zip(seats, "ab", strict=True)
            ),
            rounds=3,
            tip=line[-1].id,
            pinned=random.random() < 0.0005,
            finished=random.random() < 0.8,
            owner=owner,
            created_at=moment,
        )
        terms = terms_of(debate, line[:1]).union(*(speech.words for speech in said))
        yield debate, line, terms


def _debater(random: Random) -> Debater:
    key = random.choice(PERSONAS)
    persona = Persona(key=key, name=key.title(), instructions="You argue. " * 30)
    return Debater(seat="a", name=key.title(), persona=persona, model=random.choice(MODELS))


def _turn(number: int, speaker: str, text: str, moment: datetime, by: Debater | None) -> Turn:
    usage = Usage(prompt_tokens=100 * number, completion_tokens=120, cached_tokens=80)
    return Turn(
        id=f"t{number}",
        parent_id=f"t{number - 1}" if number else None,
        speaker=speaker,
        text=text,
        rounds=0 if number else 3,
        model=by.model if by else None,
        persona=by.persona.key if by else None,
        usage=usage if by else None,
        timings=Timings(first_token=0.2, total=2.5) if by else None,
        created_at=moment + timedelta(seconds=number),
    )

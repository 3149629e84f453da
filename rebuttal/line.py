"""A tree of turns, and the lines in it: from the topic to one of its ends."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import zip_longest

from rebuttal.records import Debate, Debater, Turn


def seated(debate: Debate, line: Sequence[Turn]) -> Debate:
    """The debate with those at its table who sit there at the end of ``line``."""
    for turn in reversed(line):
        if turn.debaters:
            return debate.model_copy(update={"debaters": turn.debaters})
    return debate


def table_at(line: Sequence[Turn]) -> int:
    """Where in it the present table sat down."""
    return next((at for at in range(len(line) - 1, -1, -1) if line[at].debaters), 0)


def is_chaired(debate: Debate, line: Sequence[Turn]) -> bool:
    """Whether a single seat sits there, behind a debate of others, which it speaks about."""
    before = line[: table_at(line)]
    spoke = {turn.speaker for turn in before[table_at(before) :] if not turn.from_user}
    return len(seated(debate, line).debaters) == 1 and len(spoke) > 1


def cast(debate: Debate, turns: Sequence[Turn]) -> dict[str, Debater]:
    """Everybody who ever sat at the table in these turns, by seat; a later one at a seat counts.

    A seat keeps its name in all branches: another person gets another seat.
    """
    tables = (debate.debaters, *(turn.debaters for turn in turns if turn.debaters))
    return {debater.seat: debater for table in tables for debater in table}


def next_debater(debate: Debate, line: Sequence[Turn]) -> Debater | None:
    """Whose turn it is: every turn of the user buys its ``rounds`` turns of every seat.

    The seat that has spoken least comes first, in the order of the table, and of several not the
    one that spoke last; None when all that was bought has been said. A new table owes nothing of
    what was bought before it.
    """
    counted = line[table_at(line) :]
    bought = sum(turn.rounds for turn in counted if turn.from_user)
    spoken = Counter(turn.speaker for turn in counted)
    owed = [one for one in seated(debate, line).debaters if spoken[one.seat] < bought]
    last = next((turn.speaker for turn in reversed(line) if not turn.from_user), None)
    return min(owed, key=lambda one: (spoken[one.seat], one.seat == last), default=None)


def turns_owed(debate: Debate, line: Sequence[Turn]) -> int:
    """Turns that are bought and not spoken."""
    counted = line[table_at(line) :]
    bought = sum(turn.rounds for turn in counted if turn.from_user)
    spoken = Counter(turn.speaker for turn in counted)
    return sum(max(bought - spoken[one.seat], 0) for one in seated(debate, line).debaters)


def rounds_left(debate: Debate, line: Sequence[Turn]) -> int:
    """Rounds that are bought and not spoken to their end."""
    counted = line[table_at(line) :]
    bought = sum(turn.rounds for turn in counted if turn.from_user)
    spoken = Counter(turn.speaker for turn in counted)
    return bought - min(spoken[one.seat] for one in seated(debate, line).debaters)


def rounds_of(line: Sequence[Turn], debater: Debater) -> tuple[int, int]:
    """Rounds that the debater has spoken and those that were bought, of the whole line.

    What an earlier table was owed and did not say does not count.
    """
    since = table_at(line)
    before = rounds_spoken(line[:since])
    counted = line[since:]
    bought = sum(turn.rounds for turn in counted if turn.from_user)
    spoken = sum(turn.speaker == debater.seat for turn in counted)
    return before + spoken, before + bought


def rounds_spoken(line: Sequence[Turn]) -> int:
    """Rounds that have begun, over all tables of the line."""
    rounds, said = 0, Counter[str]()
    for turn in line:
        if turn.debaters:
            rounds, said = rounds + max(said.values(), default=0), Counter()
        elif not turn.from_user:
            said[turn.speaker] += 1
    return rounds + max(said.values(), default=0)


def line_to(tree: Sequence[Turn], end: str) -> tuple[Turn, ...]:
    """From the first turn to ``end``; empty where the tree has no such turn."""
    turns = {turn.id: turn for turn in tree}
    line, at = [], turns.get(end)
    while at:
        line.append(at)
        at = turns.get(at.parent_id) if at.parent_id else None
    return tuple(reversed(line))


def children(tree: Sequence[Turn]) -> dict[str | None, list[Turn]]:
    """The turns that follow each, oldest first; those that begin the tree under None."""
    following: dict[str | None, list[Turn]] = defaultdict(list)
    for turn in tree:
        following[turn.parent_id].append(turn)
    return dict(following)


def end_below(tree: Sequence[Turn], turn_id: str) -> str:
    """The end of the line that was gone last below that turn: always the newest turn next."""
    following = children(tree)
    at = turn_id
    while at in following:
        at = following[at][-1].id
    return at


def below(tree: Sequence[Turn], turn_id: str) -> set[str]:
    """That turn and all that follow it on any branch. A tree names parents before children."""
    found = {turn_id}
    for turn in tree:
        if turn.parent_id in found:
            found.add(turn.id)
    return found


Pair = tuple[Turn | None, Turn | None]


def side_by_side(left: Sequence[Turn], right: Sequence[Turn]) -> list[Pair]:
    """Two lines, turn by turn: what the same speaker said for the same time stands together."""
    keys: dict[tuple[str, int], list[Turn | None]] = {}
    orders = [_numbered(line) for line in (left, right)]
    for side, order in enumerate(orders):
        for key, turn in order:
            keys.setdefault(key, [None, None])[side] = turn
    ranked = _merged([key for key, _ in orders[0]], [key for key, _ in orders[1]])
    return [(keys[key][0], keys[key][1]) for key in ranked]


def _merged(
    left: Sequence[tuple[str, int]], right: Sequence[tuple[str, int]]
) -> list[tuple[str, int]]:
    """Both orders in one, those of the left first where they differ."""
    order: dict[tuple[str, int], None] = {}
    for one, other in zip_longest(left, right):
        for key in (one, other):
            if key is not None:
                order.setdefault(key)
    return list(order)


def _numbered(line: Sequence[Turn]) -> list[tuple[tuple[str, int], Turn]]:
    said: Counter[str] = Counter()
    numbered = []
    for turn in line:
        numbered.append(((turn.speaker, said[turn.speaker]), turn))
        said[turn.speaker] += 1
    return numbered

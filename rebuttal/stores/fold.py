"""A debate of many turns, made shorter in such a way that it goes on as before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rebuttal.line import below, line_to
from rebuttal.records import Debate, Debater, Turn


def fold(debate: Debate, tree: Sequence[Turn], cap: int) -> tuple[Turn, ...]:
    """The tree with at most ``cap`` turns, or as near as can be; the oldest side branches go first.

    Then whole rounds of the main line go, the oldest first, and what is left follows the topic,
    which always stays. Its ``rounds``, and the table that sat there, are set so that every line
    that is left owes what it owed, to the same debaters in the same order.
    """
    main = {turn.id for turn in line_to(tree, debate.tip)}
    kept = list(tree)
    for turn in tree:
        if len(kept) <= cap:
            break
        if turn.id not in main and turn.parent_id in main:
            gone = below(kept, turn.id)
            kept = [one for one in kept if one.id not in gone]
    return tuple(kept if len(kept) <= cap else _shortened(debate, kept, cap))


def _shortened(debate: Debate, line: Sequence[Turn], cap: int) -> Sequence[Turn]:
    shortest = line
    for shortened in _without_first_rounds(debate, line):
        shortest = shortened
        if len(shortened) <= cap:
            break
    return shortest


def _without_first_rounds(debate: Debate, line: Sequence[Turn]) -> Iterator[Sequence[Turn]]:
    """The line without its first turns, for each number of them that leaves it owing the same."""
    topic = line[0]
    table = topic.debaters
    bought, spoken = topic.rounds, Counter[str]()
    for number, turn in enumerate(line[1:-1], 1):
        if turn.debaters:
            table, bought, spoken = turn.debaters, 0, Counter[str]()
        if turn.from_user:
            bought += turn.rounds
        else:
            spoken[turn.speaker] += 1
        here = table or debate.debaters
        said = {spoken[debater.seat] for debater in here}
        owed = bought - min(said)
        if len(said) == 1 and owed >= 0 and not _forgets_who_spoke(line, number, here):
            first = topic.model_copy(update={"rounds": owed, "debaters": table})
            behind = line[number + 1].model_copy(update={"parent_id": topic.id})
            yield (first, behind, *line[number + 2 :])


def _forgets_who_spoke(line: Sequence[Turn], number: int, table: Sequence[Debater]) -> bool:
    """Whether, without the turns up to that one, somebody would begin who has just spoken.

    Who spoke last does not begin the next round, unless nobody is left who knows that.
    """
    said = (turn.speaker for turn in reversed(line[: number + 1]) if not turn.from_user)
    last = next(said, None)
    for turn in line[number + 1 :]:
        if not turn.from_user:
            return False
        table = turn.debaters or table
        if len(table) > 1 and table[0].seat == last:
            return True
    return False

"""A debate's tree as rows, and its turns and lines in a few plain words, for any surface."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rebuttal.line import children, line_to
from rebuttal.material import one_line
from rebuttal.records import Debate, Turn

GIST = 110
"""Characters of a turn that tell it from others."""
_SIGNS = re.compile(r"^(?:#+|>+|[-+*])\s+|[*`~]+|(?<!\w)_+|_+(?!\w)", re.MULTILINE)
"""What Markdown is written with, which is only in the way in a few plain words."""


@dataclass(frozen=True, slots=True)
class Row:
    """A turn in the list, ``depth`` steps from the main line."""

    turn: Turn
    depth: int
    main: bool
    begins: bool
    """Whether a side branch begins with it."""
    ends: bool
    """Whether nothing follows it."""
    forks: bool
    """Whether more than one turn follows it."""


def rows(tree: Sequence[Turn], tip: str) -> Iterator[Row]:
    """Every turn: a branch beside the straight line stands right behind the turn it leaves.

    Straight on goes the main line, and on a side branch the newest.
    """
    following = children(tree)
    main = {turn.id for turn in line_to(tree, tip)}
    waiting = [(turn, 0, False) for turn in reversed(following.get(None, ()))]
    while waiting:
        turn, depth, begins = waiting.pop()
        after = following.get(turn.id, [])
        yield Row(turn, depth, turn.id in main, begins, not after, len(after) > 1)
        if not after:
            continue
        straight = next((one for one in after if one.id in main), after[-1])
        waiting.append((straight, depth, turn.id in main and straight.id not in main))
        aside = [one for one in after if one is not straight]
        waiting += [(one, depth + 1, True) for one in reversed(aside)]


def gist(turn: Turn, limit: int = GIST) -> str:
    """The first words of a turn as plain text, or what it does instead of saying something."""
    words = one_line(_SIGNS.sub("", turn.text[: limit * 8]), limit)
    return words or ("Another table." if turn.debaters else rounds_more(turn.rounds))


def rounds_more(rounds: int) -> str:
    """What a turn without words has bought."""
    return "One more round." if rounds == 1 else f"{rounds} more rounds."


def line_name(debate: Debate, line: Sequence[Turn], tree: Sequence[Turn]) -> str:
    """What tells a line from others: the first words of its own, and how many turns."""
    following = children(tree)
    own = next((turn for turn in reversed(line) if len(following[turn.parent_id]) > 1), line[-1])
    kind = "Main line" if line[-1].id == debate.tip else "Side line"
    said = sum(not turn.from_user for turn in line)
    return f"{kind}: {gist(own, 60)} ({'1 turn' if said == 1 else f'{said} turns'})"


def other_weights(earlier: Debate, debate: Debate) -> list[str]:
    """Models that stand for other weights than in the earlier debate, where servers tell."""
    changed = dict.fromkeys(
        one.model
        for one in debate.debaters
        for old in earlier.debaters
        if one.model == old.model and one.digest and old.digest and one.digest != old.digest
    )
    return list(changed)

"""What every document says of a debate and its turns, in the same words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rebuttal.line import line_to
from rebuttal.material import one_line
from rebuttal.records import Debate, Debater, Finish, Turn

CUTS: dict[Finish, str] = {
    "length": "cut at the model's token limit",
    "limit": "cut at the limit on characters",
    "timeout": "cut by the deadline",
    "lost": "cut when the connection broke",
    "filtered": "cut by the endpoint's content filter",
    "stopped": "stopped by a person",
}
"""What to say of a turn that did not end by itself."""


def main_line(debate: Debate, tree: Sequence[Turn]) -> tuple[Turn, ...]:
    """The turns from the topic to the tip; all there are where the tip is not among them."""
    return line_to(tree, debate.tip) or tuple(tree)


def who(cast: Mapping[str, Debater], turn: Turn) -> str:
    """The heading of a turn."""
    if turn.from_user:
        if turn.parent_id is None:
            return "Topic"
        if turn.debaters and not turn.text.strip():
            return "New table"
        return "Follow-up" if turn.rounds else "Moderator's note"
    debater = cast.get(turn.speaker)
    return one_line(debater.name if debater else turn.speaker, 60)


def marks(turn: Turn) -> list[str]:
    """What is to be said of a turn beside its words: more rounds, how it was cut, who edited it."""
    said = []
    if turn.from_user and turn.parent_id is not None and not turn.text.strip():
        said.append(rounds(turn.rounds, more=True) if turn.rounds else "")
    elif not turn.from_user and not turn.text.strip() and turn.finish == "stop":
        said.append("said nothing")
    said.append(CUTS.get(turn.finish, ""))
    said.append("edited by a person" if turn.edited_from else "")
    return [mark for mark in said if mark]


def rounds(count: int, more: bool = False) -> str:
    """``1 round``, ``2 more rounds``."""
    return f"{count}{' more' if more else ''} round{'s' if count != 1 else ''}"


def facts(debate: Debate) -> list[str]:
    """When, how long, in which language; each fact on its own."""
    said = [
        f"begun {debate.created_at:%Y-%m-%d %H:%M} UTC",
        rounds(debate.rounds),
        f"in {one_line(debate.language, 60)}",
    ]
    if debate.seed is not None:
        said.append(f"seed {debate.seed}")
    if debate.imported_at is not None:
        said.append(f"imported {debate.imported_at:%Y-%m-%d}")
    return said


def elsewhere(debate: Debate, tree: Sequence[Turn]) -> str:
    """A sentence about the turns that the main line left, or empty."""
    left = len(tree) - len(main_line(debate, tree))
    if not left:
        return ""
    return f"{left} turn{'s' if left != 1 else ''} on other branches: the JSON export has them."

"""What was answered beside the main line, as lines to read one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from rebuttal.line import children
from rebuttal.records import Turn


def side_lines(tree: Sequence[Turn], main: Sequence[Turn]) -> list[tuple[Turn, ...]]:
    """Each turn of ``tree`` that is not on ``main`` once, in the order in which they were begun.

    Every line goes from where it leaves another one to the end that was reached last; parents
    stand before children.
    """
    following, told = children(tree), {turn.id for turn in main}
    lines = []
    for turn in tree:
        if turn.id in told:
            continue
        line = [turn]
        while line[-1].id in following:
            line.append(following[line[-1].id][-1])
        told |= {one.id for one in line}
        lines.append(tuple(line))
    return lines

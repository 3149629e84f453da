"""A debate's tree as a list: who said what where, which line is the main one, and its branches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rebuttal.branches import Row, gist, rows
from rebuttal.line import below, cast
from rebuttal.markdown import safe_line
from rebuttal.records import Debate, Turn
from rebuttal.ui.render import EDITED, Voice, act, looks, marked

LONG = 4
"""Turns in a row without a fork; of more than these the middle is folded away."""
DEEPEST = 8
"""Steps to the right; who branches further stays there."""


def tree_list(
    origin: Debate, tree: Sequence[Turn], tip: str, doomed: str = "", running: bool = False
) -> str:
    """The whole tree. At the branch that begins with ``doomed`` it is asked whether to delete it.

    ``running``: a turn is being spoken, so that nothing can be changed.
    """
    voices = looks(cast(origin, tree).values())
    ends = sum(row.ends for row in rows(tree, tip))
    branches = "One line" if ends == 1 else f"{ends} lines"
    said = sum(not turn.from_user for turn in tree)
    told = f"{branches}, {said} {'turn' if said == 1 else 'turns'} of debaters"
    if running:
        told += ". A turn is being spoken: stop the debate to change anything here"
    found = list(rows(tree, tip))
    shown = [_shown(row, tip, tree, voices, doomed) for row in found]
    folded = "".join(_folded(found, shown))
    return f'<p class="tree-facts">{told}.</p>\n<ol class="tree">{folded}</ol>'


def _folded(found: Sequence[Row], shown: Sequence[str]) -> Iterator[str]:
    """The rows, the middle of a long run under one line that opens."""
    run: list[str] = []
    depth = 0
    for row, text in zip(found, shown, strict=True):
        if not (row.begins or row.ends or row.forks) and row.turn.parent_id is not None:
            run.append(text)
            depth = row.depth
            continue
        yield from _run(run, depth)
        run = []
        yield text
    yield from _run(run, depth)


def _run(run: list[str], depth: int) -> Iterator[str]:
    if len(run) <= LONG:
        yield from run
        return
    inner = "".join(run[1:-1])
    yield run[0]
    yield f'<li class="fold" style="--depth:{min(depth, DEEPEST)}"><details>'
    yield f"<summary>{len(run) - 2} turns between</summary>"
    yield f'<ol class="tree">{inner}</ol></details></li>'
    yield run[-1]


def _shown(
    row: Row, tip: str, tree: Sequence[Turn], voices: Mapping[str, Voice], doomed: str
) -> str:
    turn = row.turn
    place = "main" if row.main else "aside"
    kinds = [place, *(["begins"] if row.begins else []), *(["ends"] if row.ends else [])]
    voice = voices.get(turn.speaker)
    style = f"--depth:{min(row.depth, DEEPEST)};{voice.style if voice else ''}"
    face = f'<span class="face">{voice.emoji}</span> ' if voice else ""
    name = voice.name if voice else "The topic" if turn.parent_id is None else "You"
    edited = f" {EDITED}" if turn.edited_from else ""
    foot = _asked(turn, tree) if turn.id == doomed else _acts(row, tip)
    return (
        f'<li class="row {" ".join(kinds)}{marked(turn.id)}" style="{style}">'
        f'<p class="said">{face}<span class="name">{name}</span> '
        f'<span class="gist">{safe_line(gist(turn))}</span>{edited}</p>{foot}</li>'
    )


def _acts(row: Row, tip: str) -> str:
    turn, parts = row.turn, []
    if turn.id == tip:
        parts.append('<span class="mark">Main line</span>')
    elif row.ends:
        parts.append(act(f"main {turn.id}", "Make this the main line"))
        parts.append(act(f"side {turn.id}", "Side by side", "with the main line"))
    if row.begins:
        parts.append(act(f"doom {turn.id}", "Delete this branch"))
    if turn.parent_id is None or row.ends:
        parts.append(act(f"branch {turn.id}", "Continue from here with…"))
    return f'<p class="row-acts">{" ".join(parts)}</p>' if parts else ""


def _asked(turn: Turn, tree: Sequence[Turn]) -> str:
    count = len(below(tree, turn.id))
    what = "this turn" if count == 1 else f"these {count} turns"
    yes = act(f"prune {turn.id}", "Delete", what, "firm")
    no = act(f"tree {turn.id}", "Keep")
    return f'<p class="row-acts ask" role="alert">Delete {what} for good? {yes} {no}</p>'

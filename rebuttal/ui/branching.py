"""Where a debate forks, in a few words beside its turns: ways to other lines, other tables."""

from __future__ import annotations

from collections.abc import Sequence

from rebuttal.branches import other_weights
from rebuttal.line import children
from rebuttal.markdown import safe_line
from rebuttal.records import Debate, Debater, Turn
from rebuttal.ui.render import act

LESS, MORE = "‹", "›"


class Ways:
    """The turns of a tree, and for each those that it stands beside."""

    def __init__(self, tree: Sequence[Turn]) -> None:
        self.turns = list(tree)
        self._known = {turn.id for turn in tree}
        self._following = children(tree)

    def add(self, turn: Turn) -> None:
        """One more turn, if it is not known yet."""
        if turn.id not in self._known:
            self._known.add(turn.id)
            self.turns.append(turn)
            self._following.setdefault(turn.parent_id, []).append(turn)

    def switch(self, turn: Turn) -> str:
        """Leads to the turns beside it; empty where there are none."""
        beside = self._following[turn.parent_id]
        if len(beside) < 2:
            return ""
        at = next(at for at, other in enumerate(beside) if other.id == turn.id)
        before = _step(beside[at - 1], LESS, "the continuation before") if at else _end(LESS)
        after = _end(MORE)
        if at + 1 < len(beside):
            after = _step(beside[at + 1], MORE, "the next continuation")
        return f'<span class="ways">{before} {at + 1} of {len(beside)} {after}</span>'

    def onward(self, tip: str) -> str:
        """Leads to what once followed the end of the line; empty where nothing did."""
        following = self._following.get(tip, ())
        if not following:
            return ""
        words = "Go to the continuation" if len(following) == 1 else "Go to the newest of them"
        many = "Something" if len(following) == 1 else f"{len(following)} continuations"
        verb = "followed" if len(following) == 1 else "follow"
        button = act(f"choose {following[-1].id}", words)
        return f'<p class="aside onward">{many} {verb} here on a side branch. {button}</p>\n\n'


def _step(turn: Turn, sign: str, where: str) -> str:
    return act(f"choose {turn.id}", sign, where, "step")


def _end(sign: str) -> str:
    return f'<span class="step none">{sign}</span>'


def change_of_table(before: Sequence[Debater], after: Sequence[Debater]) -> str:
    """Who comes, goes, or speaks through another model from here on."""
    was = {one.seat: one for one in before}
    here = {one.seat for one in after}
    gone = [one for one in before if one.seat not in here]
    come = [one for one in after if one.seat not in was]
    told = [
        f"{_name(new)} takes {_name(old)}’s seat and speaks through {_model(new)}."
        for new, old in zip(come, gone, strict=False)
    ]
    told += [f"{_name(one)} joins, through {_model(one)}." for one in come[len(gone) :]]
    told += [f"{_name(one)} leaves the table." for one in gone[len(come) :]]
    for one in after:
        old = was.get(one.seat)
        if old and old.model != one.model:
            told.append(f"{_name(one)} speaks through {_model(one)} from here.")
        if old and old.stance != one.stance:
            told.append(
                f"{_name(one)} argues from here: {safe_line(one.stance or 'its own view')}."
            )
    return " ".join(told) or "The same table goes on from here."


def _name(one: Debater) -> str:
    return f"<strong>{safe_line(one.name)}</strong>"


def _model(one: Debater) -> str:
    return safe_line(one.model)


def descent(debate: Debate, earlier: Debate | None, acts: bool = True) -> str:
    """Where a debate comes from: taken over, imported, or run again after ``earlier``.

    ``acts``: with a button that compares the two.
    """
    parts = []
    if debate.forked_from:
        parts.append("Taken over from a shared debate.")
    if debate.imported_at:
        parts.append(f"Imported on {debate.imported_at:%-d %B %Y}.")
    if debate.rerun_of and earlier:
        link = f'<a href="?debate={earlier.id}">{safe_line(earlier.title or earlier.topic)}</a>'
        beside = act(f"beside {earlier.id}", "Compare the two") if acts else ""
        parts.append(f"Re-run of “{link}”. {beside}{_weights(earlier, debate)}")
    elif debate.rerun_of:
        parts.append("Re-run of a debate that is gone.")
    return f'<p class="descent">{" ".join(parts)}</p>' if parts else ""


def _weights(earlier: Debate, debate: Debate) -> str:
    """Names the models that stand for other weights now."""
    names = ", ".join(safe_line(model) for model in other_weights(earlier, debate))
    return f' <span class="weights">Other weights than then: {names}.</span>' if names else ""

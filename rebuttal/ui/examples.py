"""Ready topics with the personas to argue them; the models are whatever this machine can run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """A topic and the personas at the table, by key, each with its stance where it needs one."""

    topic: str
    seats: tuple[tuple[str, str], ...]


CHAT = (
    Example("What is your best argument against yourself?", (("philosopher", ""),)),
    Example("Is it wiser to be early or to be right?", (("cynic", ""),)),
    Example("How do I test whether a habit is good for me?", (("scientist", ""),)),
)

EXCHANGE = (
    Example("Is it better to forgive or to forget?", (("philosopher", ""), ("cynic", ""))),
    Example("Tabs or spaces?", (("rational", ""), ("snarky", ""))),
    Example("Was the printing press good for peace?", (("historian", ""), ("adversary", ""))),
)

DEBATE = (
    Example(
        "Cities should ban private cars",
        (("idealist", "for"), ("pragmatist", "against")),
    ),
    Example(
        "Can a machine be wise?",
        (("philosopher", "Wisdom needs a life to lose"), ("rational", "Wisdom is good judgment")),
    ),
    Example(
        "Honesty beats kindness",
        (("cynic", "for"), ("polite", "against")),
    ),
    Example(
        "Is progress real?",
        (
            ("historian", "It is real, but never free"),
            ("cynic", "It is a story winners tell"),
            ("scientist", "It is real where it can be measured"),
        ),
    ),
)

SURPRISES = (
    "Every street should have one bench too many",
    "Maps have made us worse at finding our way",
    "Homework should be abolished",
    "A great book can be ruined by its last page",
    "It is better to be punctual than brilliant",
    "Museums should give everything back",
    "Small talk is the highest form of conversation",
    "We should vote by lot instead of by ballot",
    "Boredom is good for children",
    "The weekend should be three days long",
    "Nobody should own a mountain",
    "Nostalgia is a kind of lie",
)
"""Topics for those who have none at hand."""

"""Every word said to a model, and one debater's view of the transcript within its context."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from rebuttal.errors import ContextOverflow
from rebuttal.providers.base import Message
from rebuttal.records import Debate, Debater, Turn

MODERATOR = "Moderator"
TOKENS_PER_MESSAGE = 8
BLOCK = 4
"""Own turns that leave a view together, so that its beginning stays the same for several turns."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What fits: ``context`` tokens for prompt and answer together, ``answer`` of them reserved.

    ``history`` says how much of the transcript a model is shown. ``scale`` corrects the estimate of
    tokens where a server has counted differently.
    """

    context: int
    answer: int
    history: Literal["whole", "last"] = "whole"
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class View:
    """The messages for one seat's next turn, and how many earlier turns they leave out."""

    messages: tuple[Message, ...]
    tokens: int
    left_out: int = 0
    stops: tuple[str, ...] = ()


def debater_messages(
    debate: Debate, turns: Sequence[Turn], debater: Debater, budget: Budget
) -> View:
    """The transcript as ``debater`` sees it: one system message, then strict alternation.

    Own turns are the assistant's, everything between two of them is one user message. All but the
    last message are the same bytes as in the seat's view one turn earlier, except when the oldest
    rounds have to go. Raises ContextOverflow where not even the shortest view fits.
    """
    system = Message("system", system_text(debate, debater))
    exchanges = _exchanges(debate, turns, debater)
    room = budget.context - budget.answer
    for dropped in _drops(len(exchanges), budget.history):
        messages = (system, *_messages(exchanges[dropped:]))
        tokens = estimate_tokens(messages, budget.scale)
        if tokens <= room:
            left_out = sum(len(exchange.heard) + 1 for exchange in exchanges[:dropped])
            return View(
                messages,
                tokens,
                left_out if budget.history == "whole" else 0,
                stop_strings(debate, debater),
            )
    raise ContextOverflow(
        f"{debater.model!r}: topic, stance and the last turns need about {tokens} tokens; "
        f"{max(room, 0)} of its context of {budget.context} are free for them.",
        "Shorten the topic or the instructions, or seat a model with a larger context.",
        asked=tokens,
        allowed=room,
    )


def estimate_tokens(messages: Sequence[Message], scale: float = 1.0) -> int:
    """Tokens of a prompt, guessed from its letters: rather too many than too few."""
    plain = sum(len(message.content) for message in messages)
    wide = sum(1 for message in messages for sign in message.content if ord(sign) > 0x24F)
    return int(scale * ((plain - wide) / 3.6 + wide)) + TOKENS_PER_MESSAGE * len(messages)


# --- words ----------------------------------------------------------------------------------------


def system_text(debate: Debate, debater: Debater) -> str:
    """Who the debater is, what it stands for and the rules of the table."""
    persona = debater.persona.instructions.strip()
    if len(debate.debaters) == 1:
        language = "" if debate.language == "English" else f"\nAnswer in {debate.language}."
        return f"{persona}{language}"
    others = _listed([other.name for other in debate.debaters if other.seat != debater.seat])
    return "\n".join(
        (
            f"You are {debater.name}, a speaker in a live debate against {others}. {persona}",
            f"Topic: {debate.topic}",
            f"Your position: {stance_text(debate, debater)} You never give it up.",
            f"Rules: Speak only as {debater.name}, directly, with no name in front. "
            f"Two or three short sentences, no lists. "
            f"Never agree, never thank, never apologise, never repeat what was said. "
            f"Attack the last argument and bring one new reason."
            + ("" if debate.language == "English" else f" Speak only {debate.language}."),
        )
    )


MOVES = (
    "name the weak spot in what was just said and bring a new reason",
    "give one concrete example that the other side cannot explain",
    "show what would follow in practice if the other side were right",
    "question the assumption beneath the last argument",
    "bring a reason that nobody has named yet",
)
"""What a seat is asked to do, by how often it has spoken: another task makes another text."""


def cue_text(debate: Debate, debater: Debater, spoken: int, heard: bool) -> str:
    """The last line of a view: whose turn it is, what it stands for and what to do now."""
    stance = stance_text(debate, debater)
    language = "" if debate.language == "English" else f" In {debate.language}."
    if not heard:
        task = "open the debate with your strongest reason"
    else:
        task = MOVES[(spoken - 1 if spoken else 0) % len(MOVES)]
    return f"({debater.name}, your turn. {stance} In two or three sentences, {task}.{language})"


def stance_text(debate: Debate, debater: Debater) -> str:
    """The position of a seat as a sentence."""
    stance = (debater.stance or "").strip()
    lowered = stance.casefold().rstrip(".")
    if lowered in ("for", "pro", "in favour", "in favor"):
        return "You argue FOR it."
    if lowered in ("against", "contra", "con"):
        return "You argue AGAINST it."
    if not stance:
        return "You hold your own view of it."
    return f"You hold: {stance.rstrip('.')}."


_ALTERNATIVES = re.compile(r"\s+(?:or|vs\.?|versus)\s+", re.IGNORECASE)


def default_stances(topic: str, seats: int) -> tuple[str | None, ...]:
    """A position for each seat: the alternatives that the topic names, else for and against.

    A single seat has none. Third and further seats of a plain topic look for a way between.
    """
    if seats < 2:
        return (None,) * seats
    parts = [part.strip(" ?.!,\"'") for part in _ALTERNATIVES.split(topic.strip())]
    named = len(parts) == seats and all(0 < len(part.split()) <= 4 for part in parts)
    if named:
        return tuple(parts)
    further = (
        "Both sides are wrong; the question itself is badly put",
        "It depends on a condition that both sides ignore",
        "Only the practical consequences count, and they are mixed",
        "The loudest argument so far is the weakest one",
    )
    return ("for", "against", *further)[:seats]


def stop_strings(debate: Debate, debater: Debater) -> tuple[str, ...]:
    """Where a debater would begin to speak for another seat."""
    names = [other.name for other in debate.debaters if other.seat != debater.seat]
    return tuple(f"\n[{name}]" for name in names) if names else ()


# --- the shape of a view --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Exchange:
    """What a seat heard, the cue it was given and what it answered (None: it is to speak now)."""

    heard: tuple[str, ...]
    cue: str
    answer: str | None


def _exchanges(debate: Debate, turns: Sequence[Turn], debater: Debater) -> list[_Exchange]:
    own = [-1, *(i for i, turn in enumerate(turns) if turn.speaker == debater.seat), len(turns)]
    exchanges = []
    for spoken, (before, here) in enumerate(pairwise(own)):
        between = [turn for turn in turns[before + 1 : here] if turn.text.strip()]
        heard = tuple(_line(debate, turn) for turn in between if turn.parent_id is not None)
        if len(debate.debaters) == 1:
            cue = "\n\n".join(turn.text for turn in between) or "Go on."
            heard = ()
        else:
            cue = cue_text(debate, debater, spoken, heard=bool(heard) or spoken > 0)
        answer = turns[here].text.strip() if here < len(turns) else None
        exchanges.append(_Exchange(heard, cue, answer))
    return exchanges


def _line(debate: Debate, turn: Turn) -> str:
    speaker = debate.debater(turn.speaker)
    name = MODERATOR if turn.from_user else speaker.name if speaker else "Guest"
    return f"[{name}]: {turn.text.strip()}"


def _messages(exchanges: Sequence[_Exchange]) -> list[Message]:
    messages = []
    for exchange in exchanges:
        messages.append(Message("user", "\n\n".join((*exchange.heard, exchange.cue))))
        if exchange.answer is not None:
            messages.append(Message("assistant", exchange.answer or "…"))
    return messages


def _drops(exchanges: int, history: Literal["whole", "last"]) -> list[int]:
    """How many of the oldest exchanges may be left out, in the order of trying."""
    if history == "last":
        return [exchanges - 1]
    return sorted({*range(0, exchanges, BLOCK), *range(max(exchanges - BLOCK, 0), exchanges)})


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

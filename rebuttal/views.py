"""One debater's view of the transcript, within the context of its model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from rebuttal.errors import ContextOverflow
from rebuttal.line import cast, is_chaired, seated, table_at
from rebuttal.material import as_heard, without_marks
from rebuttal.prompts import (
    GO_ON,
    MODERATOR,
    REPROACHES,
    SYNTHESIS,
    Objection,
    cue_text,
    examples,
    name_of,
    stop_strings,
    summing_up,
    synthesis_cue,
    system_text,
)
from rebuttal.providers.base import Message
from rebuttal.records import Debate, Debater, Turn

TOKENS_PER_MESSAGE = 8
PARTS = 3
"""Such a part of what fits leaves a view at a time, so that its beginning stays the same for many
turns, however large the context is."""
BLOCK = 4
"""Own turns that leave a view together at the least, where the context is small."""


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
    names = {seat: name_of(one) for seat, one in cast(debate, turns).items()}
    debate = seated(debate, turns)
    chaired = is_chaired(debate, turns)
    # A chat is remembered whole, also by tiny models: there the past is what is talked about.
    history = budget.history if len(debate.debaters) > 1 else "whole"
    short = budget.history == "last" and (chaired or len(debate.debaters) > 1)
    system = Message("system", system_text(debate, debater, short, chaired))
    shown = examples(debate, debater)
    exchanges = _exchanges(debate, names, turns, debater, short)
    if chaired and turns[table_at(turns)].text == SYNTHESIS:
        shown = summing_up(debate, short)
        exchanges[0] = replace(exchanges[0], cue=synthesis_cue(debate, short))
    room = budget.context - budget.answer
    for left_out, left in _shorter(exchanges, history, chaired, room):
        messages = (system, *shown, *_messages(left))
        tokens = estimate_tokens(messages, budget.scale)
        if tokens <= room:
            return View(
                messages,
                tokens,
                0 if short else left_out,
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


def ask_again(view: View, objection: Objection) -> View:
    """The same view with a word about why the first answer was not taken."""
    *before, last = view.messages
    again = Message(last.role, f"{last.content}\n{REPROACHES[objection]}")
    return replace(view, messages=(*before, again))


@dataclass(frozen=True, slots=True)
class _Exchange:
    """What a seat heard, the cue it was given and what it answered (None: it is to speak now)."""

    heard: tuple[str, ...]
    cue: str
    answer: str | None


def _exchanges(
    debate: Debate, names: Mapping[str, str], turns: Sequence[Turn], debater: Debater, short: bool
) -> list[_Exchange]:
    if len(debate.debaters) == 1:
        return _chat(debate, names, turns, debater)
    own = [-1, *(i for i, turn in enumerate(turns) if turn.speaker == debater.seat), len(turns)]
    exchanges = []
    for spoken, (before, here) in enumerate(pairwise(own)):
        heard = _heard(names, turns[before + 1 : here])
        cue = cue_text(debate, debater, spoken, bool(heard) or spoken > 0, short)
        exchanges.append(_Exchange(heard, cue, _answer(turns, here)))
    return exchanges


def _chat(
    debate: Debate, names: Mapping[str, str], turns: Sequence[Turn], debater: Debater
) -> list[_Exchange]:
    """Of somebody who sits alone; a debate that others had before stands in front, as heard.

    Whoever sat here before and answered, another persona, did so in this one's name.
    """
    since = table_at(turns) if is_chaired(debate, turns) else 0
    past, turns = turns[:since], turns[since:]
    own = [-1, *(i for i, turn in enumerate(turns) if not turn.from_user), len(turns)]
    exchanges = []
    for before, here in pairwise(own):
        said = [turn.text for turn in turns[before + 1 : here] if turn.text.strip()]
        cue = without_marks("\n\n".join(said)) or GO_ON
        exchanges.append(_Exchange((), cue, _answer(turns, here)))
    if past:
        first, topic = exchanges[0], f"Question: {as_heard(debate.topic)}"
        exchanges[0] = replace(first, heard=_heard(names, past), cue=f"{topic}\n{first.cue}")
    return exchanges


def _heard(names: Mapping[str, str], turns: Sequence[Turn]) -> tuple[str, ...]:
    """What was said behind the topic, a line each."""
    said = (turn for turn in turns if turn.parent_id is not None and turn.text.strip())
    return tuple(_line(names, turn) for turn in said)


def _answer(turns: Sequence[Turn], here: int) -> str | None:
    return without_marks(turns[here].text.strip()) if here < len(turns) else None


def _shorter(
    exchanges: Sequence[_Exchange], history: Literal["whole", "last"], chaired: bool, room: int
) -> Iterator[tuple[int, Sequence[_Exchange]]]:
    """What may be shown, from most to least, and how many turns each leaves out: the oldest."""
    for dropped in _drops(exchanges, history, room):
        left_out = sum(len(exchange.heard) + 1 for exchange in exchanges[:dropped])
        yield left_out, exchanges[dropped:]
    first, *others = exchanges
    if chaired and not others:
        for dropped in range(BLOCK, len(first.heard), BLOCK):
            yield dropped, [replace(first, heard=first.heard[dropped:])]


def _line(names: Mapping[str, str], turn: Turn) -> str:
    name = MODERATOR if turn.from_user else names.get(turn.speaker, "Guest")
    return f"[{name}]: {as_heard(turn.text)}"


def _messages(exchanges: Sequence[_Exchange]) -> list[Message]:
    messages = []
    for exchange in exchanges:
        messages.append(Message("user", "\n\n".join((*exchange.heard, exchange.cue))))
        if exchange.answer is not None:
            messages.append(Message("assistant", exchange.answer or "…"))
    return messages


def _drops(
    exchanges: Sequence[_Exchange], history: Literal["whole", "last"], room: int
) -> list[int]:
    """How many of the oldest exchanges may be left out, in the order of trying.

    They go by parts of the transcript whose borders stay where they are as it grows: a view that
    begins elsewhere is read anew as a whole by the model's server.
    """
    count = len(exchanges)
    if history == "last":
        return [count - 1]
    borders, said = [0], 0
    for number, exchange in enumerate(exchanges[:-1], 1):
        said += estimate_tokens(_messages([exchange]))
        if said * PARTS >= room and number - borders[-1] >= BLOCK:
            borders.append(number)
            said = 0
    return sorted({*borders, *range(max(count - BLOCK, 0), count)})

"""Messages that a program brings, in the one form that every model's template takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rebuttal.errors import InvalidInput
from rebuttal.prompts import GO_ON
from rebuttal.providers.base import Message, Role

MAX_MESSAGES = 2000
MAX_CHARS = 1_000_000
"""Of all messages together."""


def legal_form(messages: Sequence[Message]) -> tuple[Message, ...]:
    """One system message first, then user and assistant in turns, the user last, none empty.

    Nothing that was said is lost: system texts go to the front, neighbours of one role become one,
    and where a user's message is missing one says "Go on.". Raises InvalidInput for no words at
    all, and for too many.
    """
    _check_size(messages)
    said = [Message(one.role, _sendable(one.content)) for one in messages if one.content.strip()]
    if not said:
        raise InvalidInput("No message has any words.", "Send one of a user at least.")
    system = "\n\n".join(one.content for one in said if one.role == "system")
    turns = _alternating(one for one in said if one.role != "system")
    if not turns or turns[0].role != "user":
        turns.insert(0, Message("user", GO_ON))
    if turns[-1].role != "user":
        turns.append(Message("user", GO_ON))
    return (Message("system", system), *turns) if system else tuple(turns)


def _check_size(messages: Sequence[Message]) -> None:
    if len(messages) > MAX_MESSAGES:
        raise InvalidInput(f"There are {len(messages)} messages; {MAX_MESSAGES} are allowed.")
    chars = sum(len(one.content) for one in messages)
    if chars > MAX_CHARS:
        raise InvalidInput(
            f"The messages have {chars:,} characters; {MAX_CHARS:,} are allowed.",
            "Send less of what came before.",
        )


def _alternating(messages: Iterable[Message]) -> list[Message]:
    turns = list[Message]()
    for one in messages:
        if turns and turns[-1].role == one.role:
            turns.append(_joined(turns.pop(), one))
        else:
            turns.append(one)
    return turns


def _joined(first: Message, second: Message) -> Message:
    role: Role = first.role
    return Message(role, f"{first.content}\n\n{second.content}")


def _sendable(text: str) -> str:
    """As it is, but for halves of characters, which JSON can hold and no request can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")

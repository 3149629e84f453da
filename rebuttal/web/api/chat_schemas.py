"""What programs send and get that talk to one model."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from rebuttal.records import DebateState, Finish, Id, ModelState, Persona, Usage
from rebuttal.web.api.schemas import SEEN, Answer, Asked

Label = Annotated[str, Field(min_length=1, max_length=300, description="A model by its label.")]
PersonaKey = Annotated[
    str, Field(min_length=1, max_length=100, description="A persona by its key or name.")
]
Temperature = Annotated[float, Field(ge=0, le=2)]
Streams = Annotated[bool, Field(description="As server-sent events while it is spoken.")]


class Say(Asked):
    """What you say to a model. Without a conversation it begins one.

    In a conversation, `model`, `persona`, `temperature` and `max_tokens` stay as they were unless
    they are sent; then they hold from here on.
    """

    message: Annotated[str, Field(min_length=1, max_length=32_000, pattern=SEEN)]
    conversation_id: Id | None = None
    model: Label | None = None
    persona: PersonaKey | None = None
    max_tokens: Annotated[int, Field(ge=16, le=32768)] | None = None
    temperature: Temperature | None = None
    stream: Streams = False


class ConversationToBe(Asked):
    """Whom you want to talk to."""

    model: Label | None = None
    persona: PersonaKey | None = None
    max_tokens: Annotated[int, Field(ge=16, le=32768)] | None = None
    temperature: Temperature | None = None


class Switch(Asked):
    """Who answers from here on."""

    conversation_id: Id
    model: Label
    persona: PersonaKey | None = None


class Listener(Answer):
    """Who answers in a conversation."""

    conversation_id: Id
    model: str
    persona: str


class Said(Listener):
    """An answer. `generation_time` are seconds; `finish` says how it ended: only `stop` is whole.

    Where it was stopped before the first word, `text` is empty and there is no turn.
    """

    text: str
    finish: Finish
    generation_time: float | None = None
    usage: Usage | None = None
    turn_id: Id | None = None


class Utterance(Answer):
    """One message of a conversation; of an answer also who gave it and how it ended."""

    role: Literal["user", "assistant"]
    content: str
    turn_id: Id
    created_at: datetime
    model: str | None = None
    persona: str | None = None
    finish: Finish = "stop"
    generation_time: float | None = None
    usage: Usage | None = None


class Conversation(Listener):
    """A conversation, and what was said in it."""

    title: str
    state: DebateState
    created_at: datetime
    messages: tuple[Utterance, ...]


class Choice(Answer):
    """Whom one can talk to, and who answers where nobody is named."""

    items: tuple[ModelState, ...]
    personas: tuple[Persona, ...]
    model: str
    persona: str


class Waiting(Answer):
    """Why nothing comes yet. In line for a place: at which number, and for about how many seconds,
    as things went lately.
    """

    reason: str
    fraction: float | None = None
    position: int | None = None
    seconds: float | None = None


class Delta(Answer):
    """More of the answer; `reasoning` is for the curious."""

    text: str = ""
    reasoning: str = ""


class Discarded(Answer):
    """Forget what came so far: it is asked again."""

    reason: str


class Generate(Asked):
    """A prompt for a model, outside of any conversation. What is not said is as in the catalog."""

    prompt: Annotated[str, Field(min_length=1, max_length=1_000_000, pattern=SEEN)]
    system: Annotated[str, Field(max_length=1_000_000)] = ""
    model: Label | None = None
    max_tokens: Annotated[int, Field(ge=1, le=32768)] | None = None
    temperature: Temperature | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    stop: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=100)], ...],
        Field(max_length=16, description="Words at which it ends, without them.", strict=False),
    ] = ()
    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    stream: Streams = False


class Generated(Answer):
    """An answer that is kept nowhere. `generation_time` are seconds."""

    text: str
    reasoning: str
    model: str
    finish: Finish
    generation_time: float
    usage: Usage | None = None


class Named(Asked):
    """A model by its label."""

    model: Label


class Wanted(Named):
    """A model to fetch or to load."""

    stream: Streams = True


class Step(Answer):
    """How far it is, in bytes where they are known; `fraction` is between 0 and 1."""

    text: str
    done: int = 0
    total: int | None = None
    fraction: float | None = None

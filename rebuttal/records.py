"""The values that everything else passes around: frozen, strict, and ignorant of storage."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

USER = "user"
"""The speaker of the topic, a follow-up or a moderator's note. No seat may carry this id."""

Finish = Literal["stop", "length", "limit", "timeout", "lost", "filtered", "stopped"]
"""How a turn ended.

``stop``: the model was done. ``length``: its token limit. ``limit``: our cap on characters.
``timeout``: our deadline. ``lost``: the connection broke or went silent. ``filtered``: the
endpoint's content filter. ``stopped``: a person pressed Stop. Only ``stop`` is a whole turn.
"""

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Record(BaseModel):
    """A frozen value that refuses fields it does not know and types it would have to convert."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Persona(Record):
    """A tone: who speaks. ``key`` is the name of its file without the ending."""

    key: Id
    name: Annotated[str, Field(min_length=1, max_length=40)]
    instructions: Annotated[str, Field(min_length=1, max_length=4000)]
    description: Annotated[str, Field(max_length=200)] = ""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    colour: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] | None = None
    emoji: Annotated[str, Field(max_length=8)] | None = None


Power = Literal["read", "debate", "models"]
"""What a token for programs allows: to read debates and models, to let models speak and to change
debates, to pull, load and unload models."""


class Visitor(Record):
    """Who asks for something, as a surface has found out; never what a request says of itself."""

    owner: str
    """Marks debates as theirs: of a signed cookie, or of an account that signed in."""
    network: Annotated[str, Field(max_length=64)] = ""
    """The network address that limits count beside the owner; empty where there is none."""
    name: Annotated[str, Field(max_length=90)] = ""
    """What somebody who signed in is called. For show alone: it may change, and change hands."""
    mark: Annotated[str, Field(max_length=64)] = ""
    """Of somebody who signed in with a password: another one after each change of it."""
    operator: bool = False
    """Whoever runs this Rebuttal: sees every debate and is not limited."""
    powers: tuple[Power, ...] | None = None
    """What the token that a program came with lets it do; None for people, who may do it all."""
    reads: str = ""
    """The debate of somebody else that a link lets them read, by its id; nothing more."""


OPERATOR = Visitor(owner="", operator=True)
"""The person at this machine: the terminal, a notebook, and the page of the local profile."""


class Seat(Record):
    """What a person asks for: a place at the table, by the keys of the catalog."""

    persona: Annotated[str, Field(max_length=100)]
    model: Annotated[str, Field(max_length=300)]
    stance: Annotated[str, Field(max_length=500)] | None = None
    instructions: Annotated[str, Field(max_length=4000)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=16, le=32768)] | None = None
    """Of one answer; None as the catalog says."""


class Sampling(Record):
    """How a debater's model is asked, as the catalog said when it took its seat."""

    temperature: Annotated[float, Field(ge=0, le=2)]
    top_p: Annotated[float, Field(ge=0, le=1)]
    max_tokens: Annotated[int, Field(ge=1)]
    reasoning: str | None = None


class Debater(Record):
    """A persona speaking through a model, at a seat. Roles are decided by ``seat`` alone."""

    seat: Id
    name: Annotated[str, Field(min_length=1, max_length=60)]
    persona: Persona
    model: str
    stance: str | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=16, le=32768)] | None = None
    sampling: Sampling | None = None
    """None for debaters of old, who are asked as the catalog says now."""
    digest: Annotated[str, Field(max_length=128)] | None = None
    """Which weights the model's name stood for, where its server tells."""


class Usage(Record):
    """Tokens of one turn, as the server counted them; ``None`` where it did not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    """The part of ``prompt_tokens`` that the server took from its prefix cache."""
    evaluated_tokens: int | None = None
    """The part of ``prompt_tokens`` that the server really worked through."""


class Timings(Record):
    """Seconds, measured here: from the request to the first token, and to the end."""

    first_token: Annotated[float, Field(ge=0)] | None = None
    total: Annotated[float, Field(ge=0)]


class Turn(Record):
    """One speech, of a seat or of the user.

    ``rounds`` belongs to the user's turns: how many turns of every seat it buys. The topic buys the
    debate's rounds, a moderator's note none, "one more round" has no text and buys one. So does
    ``debaters``: who sits at the table from here on, with whom counting begins anew.
    """

    id: Id
    parent_id: Id | None
    speaker: str
    text: str
    rounds: Annotated[int, Field(ge=0)] = 0
    debaters: Annotated[tuple[Debater, ...], Field(min_length=1)] | None = None
    persona: str | None = None
    """The key of the persona that spoke."""
    model: str | None = None
    edited_from: Id | None = None
    """The turn whose text a person has put into other words here."""
    finish: Finish = "stop"
    usage: Usage | None = None
    timings: Timings | None = None
    created_at: datetime

    @property
    def from_user(self) -> bool:
        """Whether a person said it."""
        return self.speaker == USER


class Debate(Record):
    """Who debates what. What was said hangs on ``tip``, the last turn of the main line."""

    id: Id
    topic: Annotated[str, Field(min_length=1)]
    debaters: Annotated[tuple[Debater, ...], Field(min_length=1)]
    rounds: Annotated[int, Field(ge=1)]
    language: str = "English"
    seed: int | None = None
    tip: Id
    title: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """What its owner calls it, instead of the topic."""
    pinned: bool = False
    finished: bool = False
    """Whether every turn that the main line owes has been spoken, as the store was last told."""
    forked_from: Id | None = None
    """The debate of somebody else that this one was taken over from."""
    rerun_of: Id | None = None
    imported_at: datetime | None = None
    owner: str = ""
    own_keys: tuple[str, ...] = ()
    """Endpoints that the owner brought a key for. The keys themselves are kept nowhere."""
    created_at: datetime

    def debater(self, seat: str) -> Debater | None:
        """The debater at that seat, or None for the user and for seats of another branch."""
        return next((debater for debater in self.debaters if debater.seat == seat), None)


class Search(Record):
    """What to look for in a history. Every field that is given narrows it."""

    text: Annotated[str, Field(max_length=400)] = ""
    """Words that all stand in the topic, the title or the turns of a debate; the last one may be
    the beginning of a word. Nothing in it is an operator."""
    model: str | None = None
    persona: str | None = None
    """By its key."""
    since: datetime | None = None
    until: datetime | None = None
    """Begun at or after ``since`` and before ``until``."""
    finished: bool | None = None


class Found(Record):
    """A debate of a history. ``excerpt`` is plain text around what was looked for, or empty."""

    debate: Debate
    turns: int
    """Turns on all its branches, the user's included."""
    excerpt: str = ""


class FoundPage(Record):
    """A part of what was found, pinned debates first, then what was kept last."""

    found: tuple[Found, ...]
    more: str | None = None
    """Leads to the next part; None at the end."""


class Tally(Record):
    """What a model said as a persona on a day (UTC). Tokens of turns that told none count as 0."""

    day: date
    model: str
    persona: str
    debates: int
    turns: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    cost: float | None = None
    """In the settings' currency, by the prices of now; None where there is no price."""


PanelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class Panel(Record):
    """A table that is kept under a name: asked a question it debates, and its chair sums up."""

    name: PanelName
    seats: Annotated[tuple[Seat, ...], Field(min_length=1, max_length=6)]
    rounds: Annotated[int, Field(ge=1, le=1000)] = 2
    chair: Seat
    """Who sums up what was said."""
    language: Annotated[str, Field(min_length=1, max_length=60)] = "English"


TokenKind = Literal["link", "session", "program"]


class Token(Record):
    """A secret that opens something, known here by its SHA-256 alone.

    ``link``: reads the debate ``debate_id``. ``session``: is ``owner``, in any browser.
    ``program``: is ``owner`` (or the operator) for a program that shows it, as far as its powers
    go; ``name`` tells its owner which.
    """

    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    kind: TokenKind
    owner: str
    debate_id: Id | None = None
    name: Annotated[str, Field(max_length=60)] = ""
    powers: tuple[Power, ...] = ()
    operator: bool = False
    mark: Annotated[str, Field(max_length=64)] = ""
    """Of whoever made it, see ``Visitor``."""
    created_at: datetime
    expires_at: datetime | None = None


DebateState = Literal["running", "paused", "interrupted", "finished"]
"""``paused``: waits for Resume in this process. ``interrupted``: nobody runs it, turns are owed."""


class ModelState(Record):
    """A model one can seat, or cannot right now and why. ``size`` is bytes, ``context`` tokens."""

    label: str
    endpoint: str
    endpoints: tuple[str, ...] = ()
    """All of them, where several have it; ``endpoint`` is the first."""
    model: str
    usable: bool
    reason: str = ""
    """Why it cannot be used now and what to do; for a usable one what happens first, or empty."""
    loaded: bool = False
    can_pull: bool = False
    can_unload: bool = False
    size: int | None = None
    context: int | None = None


class EndpointState(Record):
    """An endpoint and whether it answers.

    The rest is known of those that share a model with others: how many requests of ours are
    answered there now, and until when it is left alone after ``failures`` in a row.
    """

    name: str
    address: str
    usable: bool
    reason: str = ""
    busy: int | None = None
    failures: int = 0
    rests_until: datetime | None = None


Device = Literal["CPU", "GPU", "CPU and GPU"]


class ModelInfo(Record):
    """What a model takes where it is served; of several endpoints, at the first that answers."""

    label: str
    endpoint: str
    model: str
    state: Literal["loaded", "ready", "missing", "unusable"]
    """``ready``: it is loaded when it is asked. ``missing``: it has to be pulled first."""
    reason: str = ""
    """Why it cannot be used now and what to do; for a usable one what happens first, or empty."""
    device: Device | None = None
    """What it computes on, like the next two while it is loaded and where its server tells."""
    memory: int | None = None
    """Bytes of memory that it takes, of whatever kind."""
    gpu_memory: int | None = None
    """The part of them that is a GPU's."""
    context: int | None = None
    """Tokens that a request gets now."""
    max_context: int | None = None
    """Tokens that it was made for, where that is known."""
    size: int | None = None
    """Bytes of its file."""


Clock = Callable[[], datetime]


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """An unguessable id: 128 bits from the operating system."""
    return secrets.token_urlsafe(16)

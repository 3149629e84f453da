"""What a program asks for: the body of a request, as OpenAI has it."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from rebuttal.errors import InvalidInput
from rebuttal.providers.base import Message, Role
from rebuttal.web.openai_api.errors import Unsupported

MOST_TOKENS = 32768
MOST_SEEDS = 2**32
"""A larger seed, or one below 0, is taken as one of these."""
ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "user",
    "function": "user",
}
"""What tools of other models have found is told like anything else."""
NO_TOOL = (None, "auto", "none")
"""Choices that leave it to the model whether one is called."""
Penalty = Annotated[float, Field(ge=-2, le=2)]
Count = Annotated[int, Field(ge=1)]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class _Part(BaseModel):
    type: str
    text: str | None = None


class _Said(BaseModel):
    role: str
    content: str | list[_Part] | None = None


class _StreamOptions(BaseModel):
    include_usage: bool = False


class _Format(BaseModel):
    type: Annotated[str, Field(max_length=100)] = "text"


class Wish(BaseModel):
    """What is not named here is taken and changes nothing, as in ``user`` or ``metadata``."""

    model_config = ConfigDict(extra="ignore")

    model: Annotated[str, Field(min_length=1, max_length=400)]
    messages: Annotated[list[_Said], Field(min_length=1)]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    stop: Annotated[list[str], Field(max_length=4), BeforeValidator(_listed)] | None = None
    seed: Annotated[int, AfterValidator(lambda seed: seed % MOST_SEEDS)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    n: Count | None = None
    tool_choice: Any = None
    function_call: Any = None
    response_format: _Format | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: dict[str, Any] | None = None
    modalities: list[str] | None = None
    audio: Any = None

    @property
    def most_tokens(self) -> int | None:
        """Of the answer."""
        most = self.max_completion_tokens or self.max_tokens
        return None if most is None else min(most, MOST_TOKENS)

    @property
    def stops(self) -> tuple[str, ...]:
        """Where the answer ends."""
        return tuple(one for one in self.stop or () if one)

    @property
    def counts(self) -> bool:
        """Whether a stream ends with what it cost."""
        return bool(self.stream_options and self.stream_options.include_usage)

    @property
    def said(self) -> list[Message]:
        """The messages. Raises Unsupported for what is no text."""
        return [_message(number, one) for number, one in enumerate(self.messages)]


def read_wish(body: bytes) -> Wish:
    """Raises InvalidInput."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidInput("The body is not JSON.") from None
    if not isinstance(value, dict):
        raise InvalidInput("The body is no JSON object.")
    try:
        wish = Wish.model_validate(value)
    except ValidationError as error:
        raise _malformed(error) from None
    _check(wish)
    return wish


def _check(wish: Wish) -> None:
    """Raises Unsupported for what an answer would not be what was asked for without."""
    format = wish.response_format.type if wish.response_format else "text"
    refused = (
        ("n", (wish.n or 1) > 1, "One answer a request is given here."),
        ("tool_choice", wish.tool_choice not in NO_TOOL, "No tools are called here."),
        ("function_call", wish.function_call not in NO_TOOL, "No functions are called here."),
        ("response_format", format != "text", f"No answer is given as {format} here."),
        ("logprobs", wish.logprobs or wish.top_logprobs, "Probabilities are not told here."),
        ("logit_bias", wish.logit_bias, "No token is made more likely here."),
        ("modalities", set(wish.modalities or ()) - {"text"}, "Answers are text here."),
        ("audio", wish.audio, "Answers are text here."),
    )
    for param, is_asked, words in refused:
        if is_asked:
            raise Unsupported(param, words, f"Leave out {param}.", "unsupported_parameter")


def _message(number: int, said: _Said) -> Message:
    where = f"messages.{number}"
    role = ROLES.get(said.role)
    if role is None:
        known = ", ".join(ROLES)
        raise Unsupported(f"{where}.role", f"Nobody is {said.role!r} here.", f"Known: {known}.")
    parts = said.content if isinstance(said.content, list) else []
    for part in parts:
        if part.type != "text":
            words = f"Only text is read here, and no {part.type!r}."
            raise Unsupported(f"{where}.content", words, "Say it in words.")
    text = said.content if isinstance(said.content, str) else "\n".join(p.text or "" for p in parts)
    return Message(role, text)


def _malformed(error: ValidationError) -> Unsupported:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    # Of a union pydantic also names the form that did not fit.
    known = {
        name for kind in (Wish, _Said, _Part, _StreamOptions, _Format) for name in kind.model_fields
    }
    where = [str(part) for part in first["loc"] if part in known or isinstance(part, int)]
    param = ".".join(where)
    code = "missing_required_parameter" if first["type"] == "missing" else "invalid_value"
    return Unsupported(param, f"{param}: {first['msg']}.", code=code)

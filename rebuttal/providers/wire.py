"""The OpenAI-compatible wire: the body of a request, and what the chunks of its answer say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rebuttal.catalog import Endpoint, Model
from rebuttal.providers.base import MOST_TOKENS, Chunk, Message, Options
from rebuttal.providers.reasoning import ThinkSplitter
from rebuttal.records import Finish, Usage

_FINISHES: dict[str, Finish] = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "filtered",
    "safety": "filtered",
    "sensitive": "filtered",
    "error": "lost",
    "abort": "lost",
    "network_error": "lost",
    "insufficient_system_resource": "lost",
}
"""Finish reasons of the endpoints we know that are more than the model being done."""


def request_body(
    endpoint: Endpoint, model: Model, messages: Sequence[Message], options: Options
) -> dict[str, Any]:
    """What is posted to ``/chat/completions``: only fields that this endpoint understands."""
    body: dict[str, Any] = {
        "temperature": min(options.temperature, endpoint.max_temperature),
        endpoint.max_tokens_field: options.max_tokens,
        "stream_options": {"include_usage": True},
    }
    if endpoint.sends_top_p:
        body["top_p"] = options.top_p
    if endpoint.sends_seed and options.seed is not None:
        body["seed"] = options.seed
    stops = [stop for stop in options.stop if stop][: endpoint.max_stops]
    if endpoint.sends_stop and stops:
        body["stop"] = stops
    if endpoint.sends_penalties:
        for name in ("presence_penalty", "frequency_penalty"):
            asked = getattr(options, name)
            penalty = getattr(endpoint, name) if asked is None else asked
            if penalty is not None:
                body[name] = penalty
    effort = options.reasoning_effort or model.reasoning
    if effort is not None:
        body["reasoning_effort"] = effort
    return {
        **body,
        **endpoint.extra,
        **model.extra,
        **options.extra,
        "model": model.model,
        "messages": [{"role": m.role, "content": m.content} for m in messages],
        "stream": True,
    }


def without_system(messages: Sequence[Message]) -> list[Message]:
    """The messages for a template that knows no system role: its text opens the first user's."""
    system = "\n\n".join(m.content for m in messages if m.role == "system")
    rest = [m for m in messages if m.role != "system"]
    if not system:
        return rest
    if rest and rest[0].role == "user":
        return [Message("user", f"{system}\n\n{rest[0].content}"), *rest[1:]]
    return [Message("user", system), *rest]


class Answer:
    """One answer as its chunks come in: what was said and thought, and how it ended."""

    def __init__(self, max_chars: int) -> None:
        self.spoke = False
        self.thought = False
        self.finish: Finish | None = None
        """Set once the server named a reason, or once ``max_chars`` are said (``limit``)."""
        self.usage: Usage | None = None
        self._left = max_chars
        self._splitter = ThinkSplitter()

    @property
    def is_on(self) -> bool:
        """Whether words have come, and more may."""
        return self.finish is None and (self.spoke or self.thought)

    def read(self, data: object) -> Chunk | None:
        """The text and reasoning in one decoded chunk; None where it holds neither.

        Raises ValueError for what is not a chat completion chunk.
        """
        if not isinstance(data, dict):
            raise ValueError("a chunk is no object")
        if data.get("usage") or data.get("timings"):
            self._count(_mapping(data.get("usage")), _mapping(data.get("timings")))
        choice = _first_choice(data.get("choices"))
        delta = _mapping(choice.get("delta"))
        content = delta.get("content")
        reasoning = delta.get("reasoning") or delta.get("reasoning_content")
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason and self.finish is None:
            self.finish = _FINISHES.get(reason.lower(), "stop")
        said, thought = "", reasoning if isinstance(reasoning, str) else ""
        if isinstance(content, str) and content:
            said, inline = self._splitter.feed(content)
            thought += inline
        return self._chunk(said, thought)

    def close(self) -> Chunk | None:
        """What the splitter still held, now that nothing follows."""
        return self._chunk(*self._splitter.close())

    def _chunk(self, said: str, thought: str) -> Chunk | None:
        if not self.spoke:
            said = said.lstrip()
            self.spoke = bool(said)
        if thought:
            self.thought = True
        if len(said) > self._left:
            said = said[: self._left]
            self.finish = "limit"
        self._left -= len(said)
        if not (said or thought):
            return None
        # Whoever leaves early still knows what it cost, where the server counts as it speaks.
        return Chunk(text=said, reasoning=thought, usage=self.usage)

    def _count(self, usage: Mapping[str, Any], timings: Mapping[str, Any]) -> None:
        details = _mapping(usage.get("prompt_tokens_details"))
        before = self.usage or Usage()
        cached = _tokens(details.get("cached_tokens"))
        cache_n, prompt_n = _tokens(timings.get("cache_n")), _tokens(timings.get("prompt_n"))
        prompt = None if cache_n is None or prompt_n is None else cache_n + prompt_n
        self.usage = Usage(
            prompt_tokens=_known(
                _tokens(usage.get("prompt_tokens")), _known(prompt, before.prompt_tokens)
            ),
            completion_tokens=_known(
                _tokens(usage.get("completion_tokens")),
                _known(_tokens(timings.get("predicted_n")), before.completion_tokens),
            ),
            cached_tokens=_known(_known(cache_n, cached), before.cached_tokens),
            evaluated_tokens=_known(prompt_n, before.evaluated_tokens),
        )


def _first_choice(choices: object) -> Mapping[str, Any]:
    """The choice of index 0; an empty mapping where this chunk is about none or another."""
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and not choice.get("index"):
            return choice
    return {}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _tokens(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= MOST_TOKENS else None


def _known(new: int | None, old: int | None) -> int | None:
    return old if new is None else new

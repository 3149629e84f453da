"""A model's answer, or a persona's through it."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace

from rebuttal.app import DebateApp
from rebuttal.errors import ServerFailed
from rebuttal.providers.base import Chunk, Message, Options
from rebuttal.records import Visitor
from rebuttal.web.openai_api.names import Voice
from rebuttal.web.openai_api.pieces import AT_WORK, Piece, Pieces, reason_of, tokens_of
from rebuttal.web.openai_api.wish import Wish

ANSWER_TOKENS = 1024
"""Of an answer, unless the program or the catalog says more: a debater's few are no answer."""


async def answered(app: DebateApp, wish: Wish, voice: Voice, visitor: Visitor) -> Pieces:
    """Raises what Completions.stream raises, also in the middle of an answer that broke off."""
    persona = voice.persona
    instructions = [Message("system", persona.instructions)] if persona else []
    options = _options(app, wish, voice, visitor)
    messages = [*instructions, *wish.said]
    last, usage = Chunk(), None
    stream = app.completions.stream(voice.label, messages, options, visitor=visitor)
    async with aclosing(stream) as chunks:
        async for last in chunks:
            usage = last.usage or usage
            if last.text or last.reasoning:
                yield Piece(last.text, last.reasoning)
            elif last.waiting:
                yield AT_WORK
    if last.problem:
        raise last.problem
    if last.finish is None or last.finish == "lost":
        raise ServerFailed(f"{voice.label!r} broke off.", "Ask again.")
    yield Piece(finish=reason_of(last.finish), tokens=tokens_of(usage))


def _options(app: DebateApp, wish: Wish, voice: Voice, visitor: Visitor) -> Options:
    temperature = wish.temperature
    if temperature is None and voice.persona:
        temperature = voice.persona.temperature
    options = app.completions.options(
        voice.label,
        temperature=temperature,
        top_p=wish.top_p,
        max_tokens=wish.most_tokens,
        seed=wish.seed,
        stop=wish.stops,
        visitor=visitor,
    )
    most = wish.most_tokens or max(options.max_tokens, ANSWER_TOKENS)
    return replace(
        options,
        max_tokens=most,
        presence_penalty=wish.presence_penalty,
        frequency_penalty=wish.frequency_penalty,
        reasoning_effort=wish.reasoning_effort or options.reasoning_effort,
    )

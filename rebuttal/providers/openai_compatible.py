"""One class for every endpoint that speaks the OpenAI-compatible API."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from openai import AsyncOpenAI, AsyncStream

from rebuttal.catalog import Endpoint, Model
from rebuttal.errors import ModelError, RateLimited, ServerFailed
from rebuttal.providers.base import Chunk, Limits, Message, Options
from rebuttal.providers.failures import silent, speechless, unfinished
from rebuttal.providers.gathered import gathered
from rebuttal.providers.openai_connection import (
    Meter,
    Overdue,
    TooLong,
    check_key,
    connect,
    translate,
)
from rebuttal.providers.refusals import refuses_roles
from rebuttal.providers.retries import patience
from rebuttal.providers.upstream import RESUME, Upstream
from rebuttal.providers.wire import Answer, request_body, without_system

DEFAULT_CONTEXT = 8192
"""Tokens, where neither the catalog nor the server says."""
MAX_LISTED = 2000
MAX_LIST_BYTES = 8_000_000

_AFTER_FINISH = 1.0
"""Seconds to wait for the usage once the answer is done."""


class OpenAICompatible:
    """A model behind ``/chat/completions``. Connections live as long as the stream they carry.

    ``address`` takes the place of the endpoint's. Usable from any event loop; nothing to close.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        model: Model,
        key: str | None,
        limits: Limits,
        *,
        address: str | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.model = model
        self.limits = limits
        self.upstream = _upstream(endpoint, model.model, key, address)
        self._knows_no_system = False

    async def context(self) -> int:
        """The catalog's word: the model's, else the endpoint's, else 8192."""
        return self.model.context or self.endpoint.context or DEFAULT_CONTEXT

    async def stream(
        self, messages: Sequence[Message], options: Options
    ) -> AsyncGenerator[Chunk, None]:
        """Speak; see ChatModel. Tries again only before the first token, and says so."""
        check_key(self.upstream, needed=bool(self.endpoint.key and self.endpoint.needs_key))
        clock = asyncio.get_running_loop().time
        ends = clock() + self.limits.turn
        folded, tries = self._knows_no_system, 0
        while True:
            began = False
            try:
                said = without_system(messages) if folded else messages
                async with aclosing(self._attempt(said, options, ends)) as chunks:
                    async for chunk in chunks:
                        began = True
                        yield chunk
                self._knows_no_system = folded
                return
            except ModelError as exc:
                problem = exc
            if began:
                raise problem
            if not folded and refuses_roles(problem) and messages and messages[0].role == "system":
                folded = True
                folding = "asking again, with the instructions in the first message"
                yield Chunk(waiting=folding, problem=problem)
                continue
            wait, why = self._pause(problem, tries)
            if wait is None or clock() + wait >= ends:
                raise problem
            tries += 1
            yield Chunk(waiting=why, problem=problem)
            await asyncio.sleep(wait)

    def _pause(self, problem: ModelError, tries: int) -> tuple[float | None, str]:
        """Seconds until the next try and the words for it; None where there is to be none."""
        wait = patience(problem, tries, self.limits)
        if (
            wait is not None
            and isinstance(problem, RateLimited)
            and problem.retry_after is not None
        ):
            return wait, f"waiting {max(1, math.ceil(wait))} s, asked by the server"
        return wait, f"trying again in {2**tries} s: {self.upstream.bare(problem.message)}"

    async def _attempt(
        self, messages: Sequence[Message], options: Options, ends: float
    ) -> AsyncGenerator[Chunk, None]:
        """One request and its answer. Raises only while nothing has been said."""
        clock = asyncio.get_running_loop().time
        meter = Meter(min(clock() + self.limits.first_token, ends), self.limits.max_bytes)
        answer = Answer(self.limits.max_chars)
        body = request_body(self.endpoint, self.model, messages, options)
        cut: Exception | None = None
        try:
            async with (
                self.limits.gathering.stream(),
                connect(self.upstream, meter) as client,
                await _post(client, meter, body) as stream,
                aclosing(gathered(self._read(stream, answer, meter, ends))) as chunks,
            ):
                async for chunk in chunks:
                    yield chunk
        except Exception as exc:
            cut = exc
        rest = answer.close()
        if rest is not None:
            yield rest
        yield self._end(answer, cut, meter, overtime=clock() >= ends)

    async def _read(
        self, stream: AsyncStream[object], answer: Answer, meter: Meter, ends: float
    ) -> AsyncGenerator[Chunk, None]:
        """The words of an answer, each as it came."""
        clock = asyncio.get_running_loop().time
        async for data in stream:
            was_open = answer.finish is None
            chunk = answer.read(data)
            meter.gathering = self.limits.gathering if answer.is_on else None
            if was_open and (chunk is not None or answer.finish is not None):
                patience = self.limits.silence if answer.finish is None else _AFTER_FINISH
                meter.deadline = min(clock() + patience, ends)
            if chunk is not None:
                yield chunk
            if answer.finish == "limit":
                return

    def _end(self, answer: Answer, cut: Exception | None, meter: Meter, *, overtime: bool) -> Chunk:
        """The last chunk. Raises where there is no text for it to end."""
        if answer.finish is None or answer.finish == "lost":
            problem = self._cut(answer, cut, meter, overtime=overtime)
            if not answer.spoke:
                raise problem
            if isinstance(cut, TooLong):
                return Chunk(finish="limit", usage=answer.usage)
            if isinstance(cut, Overdue) and overtime:
                return Chunk(finish="timeout", usage=answer.usage)
            return Chunk(finish="lost", usage=answer.usage, problem=problem)
        if not answer.spoke:
            raise speechless(self.upstream, answer.finish, thought=answer.thought)
        return Chunk(finish=answer.finish, usage=answer.usage)

    def _cut(
        self, answer: Answer, cut: Exception | None, meter: Meter, *, overtime: bool
    ) -> ModelError:
        """Why no regular end came."""
        began = answer.spoke or answer.thought
        if isinstance(cut, Overdue) and overtime and answer.thought:
            return speechless(self.upstream, "timeout", thought=True)
        if isinstance(cut, Overdue):
            patience = self.limits.silence if began else self.limits.first_token
            return silent(self.upstream, min(patience, self.limits.turn), began=began)
        if cut is not None:
            return translate(cut, self.upstream)
        if answer.finish == "lost":
            return ServerFailed(self.upstream.says("broke off with an error"), RESUME)
        return unfinished(self.upstream, meter.head, began=began)


async def list_models(endpoint: Endpoint, key: str | None, timeout: float = 3) -> list[str]:
    """The ids that the endpoint reports at ``/models``. Raises ModelError."""
    upstream = _upstream(endpoint, endpoint.name, key, None)
    check_key(upstream, needed=bool(endpoint.key and endpoint.needs_key))
    meter = Meter(asyncio.get_running_loop().time() + timeout, MAX_LIST_BYTES)
    problem: ModelError
    try:
        async with connect(upstream, meter) as client, asyncio.timeout_at(meter.deadline):
            listed = await client.get("/models", cast_to=object)
        return _ids(listed)
    except (Overdue, TimeoutError):
        problem = silent(upstream, timeout, began=False)
    except Exception as exc:
        problem = translate(exc, upstream)
    raise problem


def _ids(listed: object) -> list[str]:
    """Raises ValueError for what is no list of models."""
    entries = listed.get("data") if isinstance(listed, dict) else listed
    if not isinstance(entries, list):
        raise ValueError("no list")
    ids = (entry.get("id") for entry in entries[:MAX_LISTED] if isinstance(entry, dict))
    return [name for name in ids if isinstance(name, str) and 0 < len(name) <= 200]


def _upstream(endpoint: Endpoint, name: str, key: str | None, address: str | None) -> Upstream:
    return Upstream(name, address or endpoint.address or "", endpoint.api, key, endpoint.key)


async def _post(client: AsyncOpenAI, meter: Meter, body: object) -> AsyncStream[object]:
    """Send the request and wait for the head of the answer. Raises Overdue.

    The chunks come as decoded JSON: building the client's typed objects takes most of its time.
    """
    try:
        async with asyncio.timeout_at(meter.deadline):
            return await client.post(
                "/chat/completions",
                body=body,
                cast_to=object,
                stream=True,
                stream_cls=AsyncStream[object],
            )
    except TimeoutError:
        raise Overdue from None

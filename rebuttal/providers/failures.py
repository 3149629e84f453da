"""Upstreams that cannot be reached, fall silent, or answer with something else, as our errors."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator

from rebuttal.errors import (
    BrokenAnswer,
    ModelError,
    RequestRejected,
    ServerFailed,
    Unreachable,
)
from rebuttal.providers.refusals import refused_inside
from rebuttal.providers.upstream import RESUME, Upstream
from rebuttal.records import Finish


def silent(upstream: Upstream, seconds: float, *, began: bool) -> Unreachable:
    """No content came in time. ``began``: it had already said or thought something.

    Not tried again by itself: the wait has been long, and a person may prefer another model.
    """
    fell = "fell silent for" if began else "said nothing for"
    problem = Unreachable(
        upstream.says(f"{fell} {seconds:g} s"),
        "It may be loading or overloaded. Resume asks again.",
    )
    problem.worth_retrying = False
    return problem


def speechless(upstream: Upstream, finish: Finish, *, thought: bool) -> ModelError:
    """The answer ended, and there is no text in it."""
    if finish == "filtered":
        problem = RequestRejected(
            upstream.says("its content filter let nothing through"),
            "Another topic, persona or model may pass.",
        )
        problem.costs_nothing = False
        return problem
    if thought:
        until = {"length": " until its token limit", "timeout": " until time was up"}.get(
            finish, ""
        )
        return BrokenAnswer(
            upstream.says(f"it only thought{until} and answered with no text"),
            "Raise max_tokens or set reasoning: none for it in models.yaml.",
        )
    return BrokenAnswer(upstream.says("answered with no text"), RESUME)


def unfinished(upstream: Upstream, head: bytes, *, began: bool) -> ModelError:
    """The stream ended without a finish reason. ``head`` is how the answer began."""
    if began:
        return BrokenAnswer(upstream.says("the answer ended without a finish reason"), RESUME)
    start = head.decode("utf-8", "replace").strip()
    if start.startswith("<"):
        return broken(upstream, "sent a web page")
    if start.startswith(("{", "[")):
        for text in (start, start.partition("\n")[0]):
            try:
                error = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(error, dict) and error.get("error"):
                return refused_inside(upstream, error["error"])
        return broken(upstream, "sent plain JSON rather than a stream of events")
    if start and "data:" not in start and not start.startswith(":"):
        # Quoted before it is cut: half a key is not known as one.
        return broken(upstream, f"sent no stream of events but {upstream.quotes(start)[:80]!r}")
    return ServerFailed(upstream.says("ended its answer before the first word"), RESUME)


def unconnected(upstream: Upstream, exc: BaseException) -> ModelError:
    """The error for a connection that failed or broke, told by what lies beneath ``exc``."""
    causes = list(_beneath(exc))
    refused = any(isinstance(cause, ConnectionRefusedError) for cause in causes)
    if refused or (upstream.is_local and "all connection attempts failed" in str(exc).lower()):
        problem = Unreachable(upstream.says("connection refused"), _start_hint(upstream))
        problem.worth_retrying = not upstream.is_local
        problem.costs_nothing = True
        return problem
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            why = getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or cause
            problem = Unreachable(
                upstream.says(f"no secure connection: {str(why).replace('_', ' ').lower()}"),
                "Check the address: http or https, host and port.",
            )
            problem.worth_retrying = False
            problem.costs_nothing = True
            return problem
        if isinstance(cause, socket.gaierror):
            problem = Unreachable(
                upstream.says("its host is unknown"),
                "Check the address in models.yaml, and the network.",
            )
            problem.costs_nothing = True
            return problem
        if isinstance(cause, ConnectionError):
            return Unreachable(upstream.says("the connection was cut"), RESUME)
        if isinstance(cause, OverflowError | UnicodeError):
            return RequestRejected(
                upstream.says(f"the address cannot be used: {cause}"),
                "Correct it in models.yaml.",
            )
    return Unreachable(
        upstream.says(f"the connection failed: {_first_words(causes)}"),
        RESUME,
    )


def broken(upstream: Upstream, what: str) -> BrokenAnswer:
    """What came back is no chat completion."""
    return BrokenAnswer(
        upstream.says(what), "Check that the address in models.yaml is an OpenAI-compatible API."
    )


def _start_hint(upstream: Upstream) -> str:
    if upstream.api == "ollama":
        return "Is Ollama running? Start it with: ollama serve"
    if upstream.is_local:
        return "Is the server running? Start it, or correct its address in models.yaml."
    return "Check the address in models.yaml, and that the server runs."


def _beneath(exc: BaseException | None) -> Iterator[BaseException]:
    """``exc`` and everything it came from, groups unpacked."""
    seen: set[int] = set()
    waiting = [exc]
    while waiting:
        cause = waiting.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__context__, cause.__cause__]
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions


def _first_words(causes: list[BaseException]) -> str:
    return next((str(cause) for cause in causes if str(cause)), type(causes[0]).__name__)

"""A connection of the ollama client for one request, and its errors as ours."""

from __future__ import annotations

import functools
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import ollama

from rebuttal.errors import BrokenAnswer, ModelError, RebuttalError, ServerFailed
from rebuttal.providers.failures import silent, unconnected
from rebuttal.providers.refusals import refused_status
from rebuttal.providers.upstream import Upstream

CONNECT_WITHIN = 5.0


@asynccontextmanager
async def connect(upstream: Upstream, within: float) -> AsyncIterator[ollama.AsyncClient]:
    """A client whose every answer, or part of one, comes ``within`` seconds.

    Leaving closes its connections. Redirects are off, and of keys only the endpoint's own goes out:
    the library would send OLLAMA_API_KEY to any host. Raises ModelError for whatever goes wrong.
    """

    async def send_only_our_key(request: httpx.Request) -> None:
        request.headers.pop("authorization", None)
        if upstream.key:
            request.headers["authorization"] = f"Bearer {upstream.key}"

    problem: ModelError
    try:
        async with ollama.AsyncClient(
            host=upstream.address.rstrip("/").removesuffix("/v1"),
            timeout=httpx.Timeout(within, connect=min(within, CONNECT_WITHIN)),
            follow_redirects=False,
            trust_env=not upstream.is_local,
            verify=_certificates() if upstream.address.startswith("https:") else False,
            event_hooks={"request": [send_only_our_key]},
        ) as client:
            yield client
            return
    except RebuttalError:
        raise
    except Exception as exc:
        problem = translate(exc, upstream, within)
    # Outside the handler, so that a request with its headers is no part of the traceback.
    raise problem


def translate(exc: Exception, upstream: Upstream, within: float) -> ModelError:
    """The client's errors, and those of the libraries beneath it, as ours."""
    if isinstance(exc, ollama.ResponseError):
        words = {"message": str(exc.error)}
        if exc.status_code < 100:
            return _failed_inside(upstream, str(exc.error))
        return refused_status(upstream, exc.status_code, words, {})
    if isinstance(exc, httpx.TimeoutException):
        return silent(upstream, within, began=False)
    if isinstance(exc, ConnectionError | OSError | httpx.TransportError | httpx.InvalidURL):
        return unconnected(upstream, exc)
    return BrokenAnswer(
        upstream.says("its answer is not that of an Ollama server"),
        "Check the address in models.yaml; an Ollama server's ends in /v1.",
    )


def _failed_inside(upstream: Upstream, words: str) -> ModelError:
    """An error inside an answer that began well: no status tells what it is."""
    if "file does not exist" in words:
        return refused_status(upstream, 404, {"message": "no such model in the library"}, {})
    return ServerFailed(upstream.says(words), "Try again; the server's own log may say more.")


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Made once: reading the certificates takes longer than a request."""
    return httpx.create_ssl_context()

"""Every error of the client, its transport and the bytes they read becomes one of ours."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from rebuttal.errors import BrokenAnswer, ModelError, RequestRejected, Unreachable
from rebuttal.providers.openai_connection import translate
from rebuttal.providers.upstream import Upstream
from tests.fault_server import FaultServer
from tests.hearing import KEY, hear, model_at

UPSTREAM = Upstream("m", "http://127.0.0.1:1/v1", key=KEY)
REQUEST = httpx2.Request("POST", "http://127.0.0.1:1/v1/chat/completions")


def _families(family: type[Exception]) -> Iterator[type[Exception]]:
    yield family
    for child in family.__subclasses__():
        yield from _families(child)


def _example(kind: type[Exception]) -> Exception:
    """One of that class, with the key in its words and its body."""
    words = f"bad key {KEY}"
    body: dict[str, Any] = {"error": {"message": words}}
    if issubclass(kind, openai.APIStatusError):
        status = getattr(kind, "status_code", 500)
        response = httpx2.Response(status, json=body, request=REQUEST)
        if issubclass(kind, openai.OAuthError):
            return kind(response=response, body=body)
        return kind(words, response=response, body=body)
    if issubclass(kind, openai.APIResponseValidationError):
        return kind(response=httpx2.Response(200, request=REQUEST), body=body, message=words)
    if issubclass(kind, openai.APITimeoutError):
        return kind(request=REQUEST)
    if issubclass(kind, openai.APIConnectionError):
        return kind(message=words, request=REQUEST)
    if kind is openai.APIError:
        return kind(words, REQUEST, body=body)
    bare = kind.__new__(kind)
    Exception.__init__(bare, words)
    return bare


@pytest.mark.parametrize("kind", sorted(_families(openai.OpenAIError), key=str))
def test_every_error_of_the_client_becomes_ours(kind: type[Exception]) -> None:
    problem = translate(_example(kind), UPSTREAM)
    assert isinstance(problem, ModelError)
    assert KEY not in f"{problem}{problem!r}"


@pytest.mark.parametrize("kind", sorted(_families(httpx2.HTTPError), key=str))
def test_every_error_of_the_transport_becomes_ours(kind: type[Exception]) -> None:
    problem = translate(_example(kind), UPSTREAM)
    assert isinstance(problem, Unreachable | BrokenAnswer | RequestRejected)
    assert KEY not in f"{problem}{problem!r}"


@pytest.mark.parametrize(
    ("exc", "error"),
    [
        (json.JSONDecodeError("Expecting value", "", 0), BrokenAnswer),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), BrokenAnswer),
        (UnicodeEncodeError("ascii", "ü", 0, 1, "not in range"), RequestRejected),
        (RecursionError(), BrokenAnswer),
        (ExceptionGroup("all failed", [OverflowError("port must be 0-65535")]), RequestRejected),
        (ExceptionGroup("all failed", [ConnectionRefusedError()]), Unreachable),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), Unreachable),
        (ssl.SSLError(1, "wrong version number"), Unreachable),
        (ConnectionResetError(104, "reset"), Unreachable),
        (OSError(113, "No route to host"), Unreachable),
        (httpx2.InvalidURL("no"), RequestRejected),
        (KeyError(KEY), BrokenAnswer),
    ],
)
def test_errors_of_no_library_become_ours(exc: Exception, error: type[ModelError]) -> None:
    problem = translate(exc, UPSTREAM)
    assert type(problem) is error
    assert KEY not in str(problem)


@pytest.mark.parametrize(
    ("address", "error", "words"),
    [
        ("http://127.0.0.1:99999/v1", RequestRejected, "port must be 0-65535"),
        ("http://[::1/v1", RequestRejected, "no address"),
        ("http://127.0.0.1:port/v1", RequestRejected, "Invalid port"),
        ("http:///v1", RequestRejected, "cannot be asked"),
    ],
)
async def test_an_address_that_cannot_be_is_an_error(
    address: str, error: type[ModelError], words: str
) -> None:
    heard = await hear(model_at(address))
    assert type(heard.raised) is error
    assert words in heard.raised.message


async def test_https_to_a_plain_server_is_an_error() -> None:
    async with FaultServer() as server:
        heard = await hear(model_at(server.address.replace("http:", "https:")))
        await server.until_closed()
    assert isinstance(heard.raised, Unreachable)
    assert "no secure connection" in heard.raised.message
    assert heard.raised.hint == "Check the address: http or https, host and port."

"""Every way in which the fault server can answer, by name."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from collections.abc import Callable, Coroutine

from tests.fault_reply import Reply


async def silence() -> None:
    """For ever."""
    await asyncio.Event().wait()


Fault = Callable[[Reply], Coroutine[None, None, None]]
FAULTS: dict[str, Fault] = {}


def fault(play: Fault) -> Fault:
    """Offer ``play`` under its own name."""
    FAULTS[play.__name__] = play
    return play


@fault
async def good(reply: Reply) -> None:
    if reply.request.path.endswith("/models"):
        await reply.json(200, {"data": [{"id": name} for name in reply.script.models]})
    else:
        await reply.say()


@fault
async def refuse(reply: Reply) -> None:
    """Nobody listens."""


# Silence


@fault
async def accept_then_silence(reply: Reply) -> None:
    await silence()


@fault
async def headers_then_silence(reply: Reply) -> None:
    await reply.head()
    await silence()


@fault
async def pings_forever(reply: Reply) -> None:
    await reply.head()
    while True:
        await reply.piece(b": ping\n\n")
        await asyncio.sleep(0.01)


@fault
async def empty_deltas_forever(reply: Reply) -> None:
    await reply.head()
    while True:
        await reply.token("")
        await asyncio.sleep(0.01)


@fault
async def one_token_then_silence(reply: Reply) -> None:
    await reply.begin()
    await silence()


@fault
async def one_token_then_pings(reply: Reply) -> None:
    await reply.begin()
    while True:
        await reply.piece(b": ping\n\n")
        await asyncio.sleep(0.01)


@fault
async def slow_for_ever(reply: Reply) -> None:
    await reply.head()
    while True:
        await reply.token("word ")
        await asyncio.sleep(0.02)


@fault
async def thought_then_silence(reply: Reply) -> None:
    await reply.head()
    await reply.event({"reasoning": "Hm."})
    await silence()


@fault
async def thinks_for_ever(reply: Reply) -> None:
    await reply.head()
    while True:
        await reply.event({"reasoning": "hm "})
        await asyncio.sleep(0.02)


# Cut


@fault
async def hang_up(reply: Reply) -> None:
    await reply.hang_up()


@fault
async def reset_at_once(reply: Reply) -> None:
    await reply.reset()


@fault
async def one_token_then_reset(reply: Reply) -> None:
    await reply.begin()
    await reply.reset()


@fault
async def one_token_then_hang_up(reply: Reply) -> None:
    await reply.begin()
    await reply.hang_up()


@fault
async def one_token_then_end(reply: Reply) -> None:
    await reply.begin()
    await reply.end()


@fault
async def finish_without_done(reply: Reply) -> None:
    await reply.begin()
    await reply.event({}, "stop")
    await reply.end()


@fault
async def finish_then_silence(reply: Reply) -> None:
    await reply.begin()
    await reply.event({}, "stop")
    await silence()


@fault
async def finish_then_reset(reply: Reply) -> None:
    await reply.begin()
    await reply.event({}, "stop")
    await reply.reset()


@fault
async def finish_reason_error(reply: Reply) -> None:
    await reply.begin()
    await reply.finish("error")


# Not a stream


@fault
async def html(reply: Reply) -> None:
    await reply.head(200, "text/html")
    await reply.piece(b"<!DOCTYPE html>\n<html><body>Welcome to the captive portal</body></html>\n")
    await reply.end()


@fault
async def json_error(reply: Reply) -> None:
    await reply.error(200, "provider returned error", code=502)


@fault
async def json_quota_error(reply: Reply) -> None:
    await reply.error(200, "Insufficient credits", code=402)


@fault
async def json_error_first(reply: Reply) -> None:
    await reply.head()
    await reply.line(json.dumps({"error": {"message": "no capacity", "code": 503}}))
    await reply.end()


@fault
async def json_error_after_a_token(reply: Reply) -> None:
    await reply.begin()
    await reply.line(json.dumps({"error": {"message": "upstream died", "code": 502}}))
    await reply.end()


@fault
async def bare_json_lines(reply: Reply) -> None:
    await reply.head(200, "application/x-ndjson")
    for token in reply.script.tokens:
        await reply.piece(json.dumps({"message": {"content": token}}).encode() + b"\n")
    await reply.end()


@fault
async def plain_text(reply: Reply) -> None:
    await reply.head(200, "text/plain")
    await reply.piece(b"It works!\n")
    await reply.end()


@fault
async def zero_chunks(reply: Reply) -> None:
    await reply.head()
    await reply.line("[DONE]")
    await reply.end()


@fault
async def empty_body(reply: Reply) -> None:
    await reply.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


@fault
async def not_http(reply: Reply) -> None:
    await reply.raw(b"220 mail.example ESMTP ready\r\n\r\n")
    await silence()


@fault
async def compressed(reply: Reply) -> None:
    await reply.head(content_encoding="gzip")
    await reply.piece(gzip.compress(b"data: " + b"x" * 1_000_000 + b"\n\n"))
    await reply.end()


# Bad chunks


@fault
async def bad_json_first(reply: Reply) -> None:
    await reply.head()
    await reply.line('{"choices": [')
    await silence()


@fault
async def bad_json_after_a_token(reply: Reply) -> None:
    await reply.begin()
    await reply.line('{"choices": [')
    await silence()


@fault
async def bad_utf8(reply: Reply) -> None:
    await reply.head()
    await reply.piece(b'data: {"choices": [{"delta": {"content": "\xff\xfe"}}]}\n\n')
    await silence()


@fault
async def chunk_is_a_list(reply: Reply) -> None:
    await reply.head()
    await reply.line("[1, 2]")
    await silence()


@fault
async def chunk_is_deeply_nested(reply: Reply) -> None:
    await reply.head()
    await reply.line("[" * 100_000)
    await silence()


@fault
async def odd_shapes(reply: Reply) -> None:
    """Valid JSON of the wrong types, then a good answer."""
    await reply.head()
    for odd in (
        {"choices": None},
        {"choices": ["x"], "usage": 3},
        {"choices": [{"delta": None, "finish_reason": None}]},
        {"choices": [{"delta": {"content": [1], "reasoning": {}}, "finish_reason": 4}]},
        {"choices": [], "usage": {"prompt_tokens": "many"}, "timings": []},
    ):
        await reply.line(json.dumps(odd))
    await reply.token("Still here.")
    await reply.finish()


# Too much


@fault
async def endless_line(reply: Reply) -> None:
    await reply.head()
    await reply.piece(b"data: ")
    for _ in range(1024):
        await reply.piece(b"x" * 65536)


@fault
async def endless_line_after_a_token(reply: Reply) -> None:
    await reply.begin()
    for _ in range(1024):
        await reply.piece(b"x" * 65536)


@fault
async def endless_stream(reply: Reply) -> None:
    await reply.head()
    while True:
        await reply.token("word " * 20)


@fault
async def endless_thought(reply: Reply) -> None:
    await reply.head()
    while True:
        await reply.event({"reasoning": "hm " * 5000})


@fault
async def endless_comments(reply: Reply) -> None:
    await reply.head()
    while True:
        await reply.piece(b": " + b"x" * 30_000 + b"\n")


@fault
async def endless_error(reply: Reply) -> None:
    await reply.head(500, "text/plain")
    while True:
        await reply.piece(b"failure " * 1000)


@fault
async def endless_header(reply: Reply) -> None:
    await reply.raw(b"HTTP/1.1 200 OK\r\nx-long: ")
    while True:
        await reply.raw(b"x" * 4096)


# Refusals


@fault
async def redirect(reply: Reply) -> None:
    await reply.head(307, "text/plain", location=f"{reply.script.to}/chat/completions")
    await reply.end()


@fault
async def bad_request(reply: Reply) -> None:
    await reply.error(400, "presence_penalty is not a number we like")


@fault
async def template_error(reply: Reply) -> None:
    """Like Gemma 2: refuses every list of messages with a system role in it."""
    if any(message["role"] == "system" for message in reply.request.body["messages"]):
        await reply.error(400, "Jinja Exception: System role not supported")
    else:
        await reply.say()


@fault
async def sounds_like_a_template(reply: Reply) -> None:
    await reply.error(500, "The system is out of memory")


@fault
async def overflow_of_llama_cpp(reply: Reply) -> None:
    message = "request (5000 tokens) exceeds the available context size (4096 tokens)"
    kind = "exceed_context_size_error"
    await reply.error(400, message, type=kind, n_prompt_tokens=5000, n_ctx=4096)


@fault
async def overflow_of_openai(reply: Reply) -> None:
    message = (
        "This model's maximum context length is 4096 tokens. However, your messages resulted in "
        "5000 tokens. Please reduce the length of the messages."
    )
    await reply.error(400, message, code="context_length_exceeded")


@fault
async def overflow_of_vllm(reply: Reply) -> None:
    message = (
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens "
        "(4800 in the messages, 200 in the completion). Please reduce the length."
    )
    await reply.json(400, {"object": "error", "message": message, "code": 400})


@fault
async def unauthorised(reply: Reply) -> None:
    """Echoes the key, as some gateways do."""
    sent = reply.request.headers.get("authorization", "none")
    await reply.error(401, f"Incorrect API key provided: {sent}", seen=sent)


@fault
async def no_money(reply: Reply) -> None:
    await reply.error(402, "Payment required")


@fault
async def forbidden(reply: Reply) -> None:
    await reply.error(403, "This token may not use inference")


@fault
async def no_such_model(reply: Reply) -> None:
    await reply.error(404, 'model "m" not found, try pulling it first')


@fault
async def no_such_path(reply: Reply) -> None:
    await reply.head(404, "text/plain")
    await reply.piece(b"404 page not found")
    await reply.end()


@fault
async def too_large(reply: Reply) -> None:
    await reply.head(413, "text/html")
    await reply.piece(b"<html><h1>413 Request Entity Too Large</h1></html>")
    await reply.end()


@fault
async def unprocessable(reply: Reply) -> None:
    await reply.json(422, {"detail": [{"loc": ["body", "seed"], "msg": "not an integer"}]})


@fault
async def asks_to_wait_an_hour(reply: Reply) -> None:
    await reply.json(429, {"error": {"message": "Rate limit reached"}}, retry_after="3600")


@fault
async def asks_to_wait_once(reply: Reply) -> None:
    if reply.nth == 1:
        await reply.json(429, {"error": {"message": "Slow down"}}, retry_after="0.1")
    else:
        await reply.say()


@fault
async def quota_exhausted(reply: Reply) -> None:
    message = "You exceeded your current quota, please check your plan and billing details."
    await reply.error(429, message, type="insufficient_quota", code="insufficient_quota")


@fault
async def always_failing(reply: Reply) -> None:
    await reply.error(500, "CUDA error: out of memory")


@fault
async def failing_once(reply: Reply) -> None:
    if reply.nth == 1:
        await reply.error(503, "Loading model")
    else:
        await reply.say()


@fault
async def bad_gateway(reply: Reply) -> None:
    await reply.head(502, "text/html")
    await reply.piece(b"<html><h1>502 Bad Gateway</h1></html>")
    await reply.end()


# Odd answers


@fault
async def content_filter(reply: Reply) -> None:
    await reply.say("content_filter")


@fault
async def filtered_whole(reply: Reply) -> None:
    await reply.head()
    await reply.finish("content_filter")


@fault
async def length(reply: Reply) -> None:
    await reply.say("length")


@fault
async def only_thought(reply: Reply) -> None:
    await reply.head()
    await reply.event({"reasoning": "Let me think about that."})
    await reply.finish("length")


@fault
async def no_text(reply: Reply) -> None:
    await reply.head()
    await reply.token(" \n")
    await reply.finish()


@fault
async def calls_a_tool(reply: Reply) -> None:
    await reply.head()
    await reply.event({"tool_calls": [{"index": 0, "function": {"name": "search"}}]})
    await reply.finish("tool_calls")


@fault
async def other_choices(reply: Reply) -> None:
    await reply.head()
    await reply.token("Mine.")
    await reply.event({"content": "Not mine."}, "length", index=1)
    await reply.finish()


@fault
async def crlf(reply: Reply) -> None:
    await reply.head()
    for token in reply.script.tokens:
        event = json.dumps({"choices": [{"delta": {"content": token}}]})
        await reply.piece(f"data: {event}\r\n\r\n".encode())
    await reply.piece(b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\r\n\r\n')
    await reply.end()


@fault
async def split_utf8(reply: Reply) -> None:
    """Each byte a packet of its own."""
    await reply.head()
    event = {"choices": [{"delta": {"content": "Grüße 辩论 👩"}, "finish_reason": "stop"}]}
    for byte in f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode():
        await reply.piece(bytes([byte]))
    await reply.end()


@fault
async def another_speech_each_time(reply: Reply) -> None:
    """One sentence, ``delay`` seconds after it was asked for; or the models it has.

    Speeches are alike where they answer the same messages, whichever server is asked.
    """
    if reply.request.path.endswith("/models"):
        await reply.json(200, {"data": [{"id": name} for name in reply.script.models]})
        return
    await reply.head()
    await asyncio.sleep(reply.script.delay)
    await reply.token(a_speech(reply.request.body["messages"]))
    await reply.finish()


def a_speech(messages: list[dict[str, str]]) -> str:
    """One sentence that no other messages get."""
    mark = hashlib.sha256(json.dumps(messages).encode()).hexdigest()
    return f"Reason {' '.join(mark[at : at + 6] for at in range(0, 60, 6))}."

"""A prompt and its answer, outside of any conversation."""

from __future__ import annotations

import time
from contextlib import aclosing

from fastapi import APIRouter, Request
from starlette.responses import Response

from rebuttal.app import DebateApp
from rebuttal.completions import InLine
from rebuttal.providers.base import Chunk, Message
from rebuttal.records import Visitor
from rebuttal.web.api.chat_schemas import Delta, Generate, Generated, Waiting
from rebuttal.web.api.conversation import usual_model
from rebuttal.web.api.debates import Speaker
from rebuttal.web.api.pieces import Pieces, answered, described


def routes(app: DebateApp) -> APIRouter:
    """``/generate``."""
    router = APIRouter(tags=["chat"])

    @router.post(
        "/generate",
        summary="Answer a prompt",
        response_model=Generated,
        responses=described("The answer."),
    )
    async def generate(wish: Generate, visitor: Speaker, request: Request) -> Response:
        """Nothing of it is kept. Places and budgets count it as a debate of one turn. Who leaves
        before the answer is there stops it. In pieces: `waiting`, `delta`, and at last `done` with
        the whole answer, or `error`.
        """
        return await answered(request, _pieces(app, wish, visitor), stream=wish.stream)

    return router


async def _pieces(app: DebateApp, wish: Generate, visitor: Visitor) -> Pieces:
    label = wish.model or usual_model(app.catalog)
    options = app.completions.options(
        label,
        temperature=wish.temperature,
        top_p=wish.top_p,
        max_tokens=wish.max_tokens,
        seed=wish.seed,
        stop=wish.stop,
        visitor=visitor,
    )
    prompt = [Message("system", wish.system), Message("user", wish.prompt)]
    chunks = app.completions.stream(label, prompt, options, visitor=visitor)
    text, reasoning, usage, last, began = "", "", None, Chunk(), time.monotonic()
    async with aclosing(chunks):
        async for last in chunks:
            text, reasoning = text + last.text, reasoning + last.reasoning
            usage = last.usage or usage
            if isinstance(last, InLine):
                began = time.monotonic()
                where = {"position": last.position, "seconds": last.seconds}
                yield "waiting", Waiting(reason=last.waiting, **where)
            elif last.waiting:
                yield "waiting", Waiting(reason=last.waiting, fraction=last.fraction)
            elif last.text or last.reasoning:
                yield "delta", Delta(text=last.text, reasoning=last.reasoning)
    yield (
        "done",
        Generated(
            text=text,
            reasoning=reasoning,
            model=label,
            finish=last.finish or "lost",
            generation_time=time.monotonic() - began,
            usage=usage,
        ),
    )

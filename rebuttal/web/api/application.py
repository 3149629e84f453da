"""The interface as one FastAPI application."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from rebuttal.app import DebateApp
from rebuttal.errors import RebuttalError
from rebuttal.web.api import (
    chat,
    debates,
    docs,
    generate,
    health,
    live,
    models,
    panels,
    steering,
    tokens,
    tree,
)
from rebuttal.web.api.description import ABOUT, TAGS, Description
from rebuttal.web.asgi import App, Receive, Refused, Scope, Send, header
from rebuttal.web.problems import Problem, as_json, problem_of, send_problem

BASE = "/api/v1"
WITHOUT_BODY = ("GET", "HEAD", "OPTIONS")
_JSON = re.compile(r"application/(?:[\w.-]+\+)?json\s*(?:;.*)?", re.IGNORECASE)


def build_api(app: DebateApp) -> App:
    """Everything below ``/api/v1``."""
    api = FastAPI(
        title="Rebuttal",
        version="1",
        summary=ABOUT.splitlines()[0],
        description=ABOUT,
        openapi_tags=TAGS,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # It would lead to http:// behind a proxy that speaks https, and a token along with it.
        redirect_slashes=False,
    )
    routers = (
        debates.routes(app),
        steering.routes(app),
        tree.routes(app),
        live.routes(app),
        chat.routes(app),
        generate.routes(app),
        models.routes(app),
        health.routes(app),
        panels.routes(app),
        tokens.routes(app),
    )
    for router in routers:
        api.include_router(router, prefix=BASE)
    description = Description(api, app.settings)
    api.include_router(docs.routes(description), prefix=BASE)
    api.openapi = description.whole  # type: ignore[method-assign]
    api.add_exception_handler(RebuttalError, _refused)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _unknown)
    api.add_exception_handler(Exception, _broken)
    return _json_alone(api)


def _json_alone(inner: App) -> App:
    """Refuses bodies that are not said to be JSON."""

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in WITHOUT_BODY and _has_body(scope):
            kind = header(scope, b"content-type") or ""
            if not _JSON.fullmatch(kind):
                words = "What you send has to be JSON, and to say so."
                hint = "Send it with: Content-Type: application/json"
                await send_problem(send, Problem(415, "unsupported-media-type", words, hint))
                return
        await inner(scope, receive, send)

    return checked


def _has_body(scope: Scope) -> bool:
    length = header(scope, b"content-length")
    return length not in (None, "0") or header(scope, b"transfer-encoding") is not None


def answer(problem: Problem, **more: object) -> Response:
    """A problem as FastAPI's handlers give it back."""
    body = as_json({**problem.value, **more})
    response = Response(body, problem.status, media_type="application/problem+json")
    for name, value in problem.headers:
        response.headers[name.decode()] = value.decode()
    return response


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RebuttalError)
    return answer(problem_of(error))


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [{"field": _field(one), "message": str(one["msg"])} for one in error.errors()[:20]]
    if any(one["type"] == "json_invalid" for one in error.errors()):
        return answer(Problem(400, "not-json", "The body is not JSON."))
    first = found[0]
    words = f"{first['field']}: {first['message']}" if first["field"] else first["message"]
    return answer(Problem(422, "invalid-input", words), errors=found)


def _field(error: Any) -> str:
    """Where it is, as in ``seats.0.persona``."""
    return ".".join(str(part) for part in error["loc"][1:])[:120]


async def _unknown(request: Request, error: Exception) -> Response:
    """What Starlette refuses by itself."""
    assert isinstance(error, HTTPException)
    if error.status_code == 400:
        return answer(Problem(400, "not-json", "The body is not JSON, or nested too deep."))
    if error.status_code == 405:
        allow = ", ".join(_methods(request))
        more = [(b"allow", allow.encode())]
        return answer(Problem(405, "method-not-allowed", f"Here one may {allow}.", more=more))
    if error.status_code == 404:
        hint = f"What there is, is described at {BASE}/docs."
        return answer(Problem(404, "not-found", "There is nothing here.", hint))
    return answer(problem_of(Refused(error.status_code, str(error.detail))))


def _methods(request: Request) -> list[str]:
    """What may be done at that path; reading it, where it is not described."""
    paths = request.app.openapi()["paths"]
    fitting = [item for path, item in paths.items() if _fits(path, request.url.path)]
    return sorted({method.upper() for item in fitting for method in item} or {"GET"})


def _fits(template: str, path: str) -> bool:
    parts = zip(template.split("/"), path.split("/"), strict=False)
    same = all(part.startswith("{") or part == asked for part, asked in parts)
    return same and template.count("/") == path.count("/")


async def _broken(_: Request, __: Exception) -> Response:
    return answer(Problem(500, "broken", "Rebuttal itself broke.", "Its log says where."))

"""The interface's description (OpenAPI 3.1), with every problem that a route can answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from rebuttal.settings import Settings
from rebuttal.web.api.examples import EXAMPLES
from rebuttal.web.problems import EXPLAINED, TYPES

ABOUT = """\
Everything Rebuttal does, for programs: debates begun, heard, steered and kept.

Send JSON, get JSON; what is refused comes as `application/problem+json` (RFC 9457) with the words
that the page would show: `detail` says what happened, `hint` what to do now, and its `type` leads
to an explanation. A foreign debate and a missing one look the same.
"""
TAGS = [
    {"name": "debates", "description": "Begun, listed, read, heard, kept, taken away."},
    {"name": "steering", "description": "Said into, stopped, paused, gone on with."},
    {"name": "branches", "description": "Other lines of the same debate, and other runs of it."},
    {"name": "chat", "description": "One model and its answers."},
    {"name": "models", "description": "What can be seated here, and by whom it is served."},
    {"name": "panels", "description": "Tables that are kept under a name and asked questions."},
    {"name": "tokens", "description": "What lets a program in."},
    {"name": "health", "description": "Whether it works."},
]
METHODS = ("get", "post", "put", "patch", "delete")
WITH_BODY = ("post", "put", "patch")
JSON = "application/json"
REFUSALS: dict[int, str] = {
    400: "It cannot be: of what is asked for, or because the body is not JSON.",
    401: "No token, or one that does not work.",
    403: "The token lacks a power, or the settings keep visitors from it.",
    404: "There is no such thing, or it is somebody else's.",
    408: "The request took too long to come in.",
    409: "Somebody else moved the debate on meanwhile.",
    413: "The body is larger than this server takes.",
    415: "The body is not said to be JSON.",
    421: "This server does not answer to the name it was asked by.",
    422: "A field is missing, of the wrong kind, or out of bounds; `errors` names each.",
    429: "A limit or a budget is reached; `Retry-After` says when to come again.",
    500: "Rebuttal itself broke; its log says where.",
    502: "A model could not speak.",
    503: "What is kept cannot be reached, or too much is on its way at once.",
}
ONLY_WITH_BODY = (408, 413, 415)
PROBLEM = {
    "type": "object",
    "description": "What happened, and what to do now.",
    "required": ["type", "title", "status", "detail", "hint"],
    "x-kinds": dict(EXPLAINED),
    "properties": {
        "type": {"type": "string", "enum": [f"{TYPES}{kind}" for kind in EXPLAINED]},
        "title": {"type": "string", "description": "What kinds of problem these are called."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What happened."},
        "hint": {"type": "string", "description": "What to do now, or empty."},
        "errors": {
            "type": "array",
            "description": "Of 422: each field, and what is wrong with it.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
EVENT = {
    "type": "object",
    "description": "One of the events, as the fields of its lines have it; `data` is JSON.",
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string"},
        "data": {"type": "string"},
        "retry": {"type": "integer"},
    },
}
SECONDS = {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds to wait."}
WAYS = {"schema": {"type": "string"}, "description": "How to say who you are."}


class Description:
    """Made when it is first asked for."""

    def __init__(self, api: FastAPI, settings: Settings) -> None:
        self._api = api
        self._is_open = settings.profile == "local" and settings.auth is None
        self._whole: dict[str, Any] | None = None

    def whole(self) -> dict[str, Any]:
        """The description as OpenAPI has it."""
        if self._whole is None:
            self._whole = self._made()
        return self._whole

    def _made(self) -> dict[str, Any]:
        api = self._api
        found = get_openapi(
            title=api.title,
            version=api.version,
            summary=api.summary,
            description=api.description,
            routes=api.routes,
            tags=api.openapi_tags,
        )
        parts = found.setdefault("components", {})
        schemas = parts.setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schemas["Problem"] = PROBLEM
        parts["responses"] = {f"Problem{status}": _refusal(status) for status in REFUSALS}
        for method, path, route in operations(found):
            self._complete(method, path, route)
        return found

    def _complete(self, method: str, path: str, route: dict[str, Any]) -> None:
        """Add what every route has: problems, examples, and what its token must be able to do."""
        answers = route.setdefault("responses", {})
        for status in REFUSALS:
            if method in WITH_BODY or status not in ONLY_WITH_BODY:
                answers[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
        powers = [
            power for way in route.get("security", ()) for one in way.values() for power in one
        ]
        if powers:
            wants = f"Needs a token with the power `{powers[0]}`."
            route["description"] = f"{route.get('description', '')}\n\n{wants}".strip()
            if self._is_open:
                route["security"] = [*route["security"], {}]
        elif self._is_open:
            route["security"] = []  # whoever asks is at this machine
        route.setdefault("security", [])
        for answer in answers.values():
            if stream := answer.get("content", {}).get("text/event-stream"):
                stream["schema"] = EVENT
        _show(route, EXAMPLES.get((method, path.removeprefix("/api/v1"))))


def operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every method and path, with what is said of it."""
    for path, item in description["paths"].items():
        for method, route in item.items():
            if method in METHODS:
                yield method, path, route


def _refusal(status: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    said: dict[str, Any] = {"description": REFUSALS[status], "content": content}
    if status in (429, 503):
        said["headers"] = {"Retry-After": SECONDS}
    if status in (401, 403):
        said["headers"] = {"WWW-Authenticate": WAYS}
    return said


def _show(route: dict[str, Any], example: tuple[object, object] | None) -> None:
    """Put what is sent and what comes back beside their schemas."""
    if example is None:
        return
    sent, got = example
    if sent is not None:
        route["requestBody"]["content"][JSON].setdefault("example", sent)
    if got is None:
        return
    for status, answer in route["responses"].items():
        if status.startswith("2"):
            for kind, content in answer.get("content", {}).items():
                if (kind == JSON) == (not isinstance(got, str)):
                    content.setdefault("example", got)

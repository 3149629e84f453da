"""What is refused, as programs that speak to OpenAI read it."""

from __future__ import annotations

from rebuttal.errors import ContextOverflow, InvalidInput, RebuttalError
from rebuttal.web.asgi import Refused, Send, answer
from rebuttal.web.problems import Problem, as_json, problem_of

OPENAI = "/v1/"
"""Where everything is said in the form of this page."""
WRONG = "invalid_request_error"
_KINDS: dict[str, tuple[str, str]] = {
    "unknown-caller": (WRONG, "invalid_api_key"),
    "not-allowed": ("permission_error", "not_allowed"),
    "not-found": (WRONG, "model_not_found"),
    "busy": ("rate_limit_error", "rate_limit_exceeded"),
    "budget-spent": ("insufficient_quota", "insufficient_quota"),
    "too-large": (WRONG, "request_too_large"),
    "model-error": ("server_error", "model_error"),
    "weights-error": ("server_error", "model_error"),
    "store-error": ("server_error", "storage_away"),
    "broken": ("server_error", "broken"),
}
"""``type`` and ``code`` by the kind of a problem."""


class Unsupported(InvalidInput):
    """What is asked for in ``param`` is nothing that is done here."""

    def __init__(
        self, param: str, message: str, hint: str = "", code: str = "unsupported_value"
    ) -> None:
        super().__init__(message, hint)
        self.param = param
        self.code = code


class NoRoute(RebuttalError):
    """There is nothing at that path."""


def error_of(error: RebuttalError | Refused) -> tuple[Problem, dict[str, object]]:
    """The problem, and the body that says it."""
    problem = problem_of(error)
    kind, code = _KINDS.get(problem.kind, (WRONG, None))
    param: str | None = None
    if isinstance(error, Unsupported):
        param, code = error.param, error.code
    elif isinstance(error, ContextOverflow):
        problem = Problem(400, problem.kind, problem.detail, problem.hint)
        kind, param, code = WRONG, "messages", "context_length_exceeded"
    elif isinstance(error, NoRoute):
        problem = Problem(404, "not-found", problem.detail, problem.hint)
        kind, code = WRONG, "unknown_url"
    elif problem.kind == "not-found":
        param = "model"
    words = _sentences(problem.detail, problem.hint)
    return problem, {"error": {"message": words, "type": kind, "param": param, "code": code}}


def _sentences(*said: str) -> str:
    """One text of them, as there is no second field."""
    return " ".join(one if one.endswith((".", "?", "!")) else f"{one}." for one in said if one)


async def send_error(send: Send, error: RebuttalError | Refused) -> None:
    """As a whole answer. Only who was too early is asked to come again by themselves."""
    problem, body = error_of(error)
    again = b"true" if problem.kind == "busy" and problem.wait else b"false"
    headers = [
        (b"content-type", b"application/json"),
        (b"x-should-retry", again),
        *problem.headers,
    ]
    await answer(send, problem.status, as_json(body), headers)

"""Whether it works, for whoever watches over it; nobody has to say who they are."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from rebuttal.app import DebateApp
from rebuttal.web.api.schemas import Answer
from rebuttal.web.health import Health

FAILING: dict[int | str, dict[str, Any]] = {503: {"description": "It does not work."}}


class Findings(Answer):
    """Whether it works. ``degraded`` works, and not as it should: the page says how."""

    status: Literal["ok", "degraded", "failing"]
    queue: bool
    """Whether the page still takes up what is pressed; true where there is no page."""
    store: bool
    """Whether what is kept can be reached."""
    lag_ms: int
    """How late the server was lately, in milliseconds."""


def routes(app: DebateApp) -> APIRouter:
    """``/health``."""
    router = APIRouter(tags=["health"])
    alone = Health(app, None)

    @router.get("/health", summary="Ask whether it works", responses=FAILING)
    async def health(request: Request, response: Response) -> Findings:
        """The findings of `/healthz`. Not working, it answers 503 with the same."""
        found = request.scope.get("rebuttal.health")
        well, report = await (found if isinstance(found, Health) else alone).report()
        response.status_code = 200 if well else 503
        return Findings.model_validate(report)

    return router

"""The interface as one FastAPI application: its routes, its errors, its description."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from rebuttal.app import DebateApp
from rebuttal.errors import RebuttalError
from rebuttal.web.api import chat, debates
from rebuttal.web.api.caller import Unknown
from rebuttal.web.asgi import App
from rebuttal.web.problems import status_of


def build_api(app: DebateApp) -> App:
    """Everything below ``/api/v1``."""
    api = FastAPI(
        title="Rebuttal", openapi_url="/api/v1/openapi.json", docs_url=None, redoc_url=None
    )
    for router in (debates.routes(app), chat.routes(app)):
        api.include_router(router, prefix="/api/v1")
    api.add_exception_handler(RebuttalError, _problem)
    return api


async def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RebuttalError)
    status = 401 if isinstance(error, Unknown) else status_of(error)
    said = {"title": error.message, "status": status, "detail": str(error), "hint": error.hint}
    return JSONResponse(said, status, media_type="application/problem+json")

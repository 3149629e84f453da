"""The description, and a page of ours that shows it and lets one try it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as InPath
from starlette.responses import RedirectResponse, Response

from rebuttal.web.api.description import Description
from rebuttal.web.problems import as_json

HERE = Path(__file__).parent
FILES = {
    "docs": ("docs.html", "text/html"),
    "docs.css": ("docs.css", "text/css"),
    "docs.js": ("docs.js", "text/javascript"),
}


def routes(description: Description) -> APIRouter:
    """Open to everybody: nothing here is anybody's."""
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    async def openapi() -> Response:
        return Response(as_json(description.whole()), media_type="application/json")

    @router.get("/problems/{kind}")
    async def explain(
        kind: Annotated[str, InPath(pattern=r"^[a-z-]{1,40}$")],
    ) -> RedirectResponse:
        return RedirectResponse(f"/api/v1/docs#problem-{kind}", 303)

    def show(name: str, file: str, kind: str) -> None:
        @router.get(f"/{name}")
        async def shown() -> Response:
            text = (HERE / file).read_text("utf-8")
            return Response(text, media_type=f"{kind}; charset=utf-8")

    for name, (file, kind) in FILES.items():
        show(name, file, kind)
    return router

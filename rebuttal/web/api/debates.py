"""Debates: begun, read, said into, stopped, gone on with."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from rebuttal.app import DebateApp
from rebuttal.records import Debate, Visitor
from rebuttal.web.api.caller import allowed

Reader = Annotated[Visitor, Depends(allowed("read"))]
Speaker = Annotated[Visitor, Depends(allowed("debate"))]


def routes(app: DebateApp) -> APIRouter:
    """Below ``/debates``."""
    router = APIRouter(tags=["debates"])

    @router.get("/debates/{debate_id}")
    async def read(debate_id: str, visitor: Reader) -> Debate:
        """The debate with those who sit at its table now."""
        return await app.debate(debate_id, visitor=visitor)

    return router

"""Other lines of a debate, and other runs of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from rebuttal.app import DebateApp
from rebuttal.records import Id
from rebuttal.web.api.debates import LOCATION, DebateId, Speaker, begun, standing
from rebuttal.web.api.idempotency import Key, repeatable
from rebuttal.web.api.schemas import Begun, Branch, Choose, Edit, Regenerate, Rerun, Standing

TurnId = Annotated[Id, Path(description="The turn's id.")]


def routes(app: DebateApp) -> APIRouter:
    """Below ``/debates``: what changes the main line, and what begins a debate like another."""
    router = APIRouter(tags=["branches"], route_class=repeatable())
    _goes_on_anew(router, app)
    _chooses(router, app)
    _runs_again(router, app)
    return router


def _goes_on_anew(router: APIRouter, app: DebateApp) -> None:
    @router.post("/debates/{debate_id}/regenerate", summary="Have a turn spoken anew")
    async def regenerate(
        debate_id: DebateId, visitor: Speaker, wish: Regenerate | None = None, key: Key = None
    ) -> Standing:
        """A debater's turn, the last one or any other. It and what followed stay on a side branch.
        Like everything that changes the main line this is refused while a turn is being spoken.
        """
        turn_id = wish.turn_id if wish else None
        await app.regenerate(debate_id, turn_id, visitor=visitor)
        return await standing(app, debate_id, visitor)

    @router.post("/debates/{debate_id}/branch", summary="Go on behind any turn")
    async def branch(
        debate_id: DebateId, wish: Branch, visitor: Speaker, key: Key = None
    ) -> Standing:
        """Whatever followed it before: as it is, with a word of yours, or with another table."""
        await app.branch(
            debate_id,
            wish.after,
            seats=wish.seats,
            text=wish.text,
            rounds=wish.rounds,
            visitor=visitor,
        )
        return await standing(app, debate_id, visitor)

    @router.post("/debates/{debate_id}/edit", summary="Put a turn into other words")
    async def edit(debate_id: DebateId, wish: Edit, visitor: Speaker, key: Key = None) -> Standing:
        """Any turn but the topic; what was said stays on a side branch, and it goes on from
        there.
        """
        await app.edit(debate_id, wish.turn_id, wish.text, visitor=visitor)
        return await standing(app, debate_id, visitor)


def _chooses(router: APIRouter, app: DebateApp) -> None:
    @router.post("/debates/{debate_id}/choose", summary="Choose the main line")
    async def choose(
        debate_id: DebateId, wish: Choose, visitor: Speaker, key: Key = None
    ) -> Standing:
        """The line through that turn, to the newest end behind it."""
        await app.choose(debate_id, wish.turn_id, visitor=visitor)
        return await standing(app, debate_id, visitor)

    @router.delete(
        "/debates/{debate_id}/turns/{turn_id}", status_code=204, summary="Delete a branch"
    )
    async def prune(debate_id: DebateId, turn_id: TurnId, visitor: Speaker) -> None:
        """A turn and all that follow it; the past that other branches share stays."""
        await app.prune(debate_id, turn_id, visitor=visitor)


def _runs_again(router: APIRouter, app: DebateApp) -> None:
    @router.post(
        "/debates/{debate_id}/rerun",
        status_code=201,
        summary="Run a debate again",
        responses={201: {"headers": LOCATION}},
    )
    async def rerun(
        debate_id: DebateId,
        visitor: Speaker,
        response: Response,
        wish: Rerun | None = None,
        key: Key = None,
    ) -> Begun:
        """From its topic, as it began or with changes; a new debate."""
        asked = (wish or Rerun()).model_dump(exclude={"seats"}, exclude_none=True)
        seats = wish.seats if wish else None
        new = await app.rerun(debate_id, seats=seats, visitor=visitor, **asked)
        return await begun(app, new, visitor, response)

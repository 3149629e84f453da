"""A debate that is spoken: said into, stopped, paused, gone on with."""

from __future__ import annotations

from fastapi import APIRouter

from rebuttal.app import DebateApp
from rebuttal.web.api.debates import DebateId, Speaker, standing
from rebuttal.web.api.idempotency import Key, repeatable
from rebuttal.web.api.schemas import Resume, Saying, Standing


def routes(app: DebateApp) -> APIRouter:
    """Below ``/debates``: what one says and orders."""
    router = APIRouter(tags=["steering"], route_class=repeatable())

    @router.post("/debates/{debate_id}/say", summary="Say something in a debate")
    async def say(debate_id: DebateId, wish: Saying, visitor: Speaker, key: Key = None) -> Standing:
        """A follow-up that buys rounds, or with none a note to those who speak next. While a turn
        is being spoken it waits for its end.
        """
        await app.say(debate_id, wish.text, wish.rounds, visitor=visitor)
        return await standing(app, debate_id, visitor)

    async def go_on(
        debate_id: DebateId, visitor: Speaker, wish: Resume | None = None, key: Key = None
    ) -> Standing:
        """From the transcript: at first, or after a stop, a pause, an error or a crash. Twice is
        once. `keys` brings yours again for endpoints that the debate began with.
        """
        keys = wish.keys if wish else None
        await app.resume(debate_id, keys=keys, visitor=visitor)
        return await standing(app, debate_id, visitor)

    for path, summary in (("run", "Let a debate run"), ("resume", "Go on with a debate")):
        router.add_api_route(
            f"/debates/{{debate_id}}/{path}", go_on, methods=["POST"], summary=summary, name=path
        )

    @router.post("/debates/{debate_id}/stop", summary="Stop a debate")
    async def stop(debate_id: DebateId, visitor: Speaker, key: Key = None) -> Standing:
        """Cuts the turn in progress; what was said of it is kept."""
        await app.stop(debate_id, visitor=visitor)
        return await standing(app, debate_id, visitor)

    @router.post("/debates/{debate_id}/pause", summary="Pause a debate")
    async def pause(debate_id: DebateId, visitor: Speaker, key: Key = None) -> Standing:
        """At the end of the present turn; until then it runs."""
        await app.pause(debate_id, visitor=visitor)
        return await standing(app, debate_id, visitor)

    return router
